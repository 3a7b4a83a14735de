"""The golden year for tests: ``golden_year`` to read, ``golden_year_copy`` to do as one likes."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mai_usage_ext.metering.measures import UsageTally
from tests.golden.plan import FIRST, LAST, LIVE_FROM, ORGANIZATIONS, Organization
from tests.workshop.postgres import PostgresServer

if TYPE_CHECKING:
    from tests.golden.sums import Sums, YearSums

__all__ = ["GoldenYear", "golden_year", "golden_year_copy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenYear:
    """One database in which the year was lived, and what it must add up to.

    ``ids`` are those of ``organizations``, in their order, and ``live_from`` the first days that
    are not sealed. ``folder`` holds the files that the sums were made of.
    """

    url: str
    folder: Path
    ids: tuple[str, ...]
    year_sums: "YearSums"
    first: date = FIRST
    last: date = LAST
    live_from: tuple[date, ...] = LIVE_FROM
    organizations: tuple[Organization, ...] = ORGANIZATIONS

    @property
    def is_sealed(self) -> str:
        """The ``where`` of sealed days."""
        days = " ".join(
            f"WHEN '{one}' THEN DATE '{day}'"
            for one, day in zip(self.ids, self.live_from, strict=True)
        )
        return f"day < CASE organization {days} END"

    def sums(
        self, group_by: Sequence[str] = (), *, where: str = "true"
    ) -> "dict[tuple[str, ...], Sums]":
        """What an independent script makes of the provider's bill, in USD.

        ``group_by`` are names of ``ports.usage.Dimension``; a key has one text for each, as
        ``UsageLine.key`` has. ``where`` is SQL over the same names: ``"day <= '2024-02-29'"``, and
        over ``told_at``, since when it is known.
        """
        return self.year_sums.by(group_by, where)

    def tallies(
        self, group_by: Sequence[str] = (), *, where: str = "true"
    ) -> dict[tuple[str, ...], UsageTally]:
        """The same as a report says it, in picodollars."""
        return {key: _tally(sums) for key, sums in self.sums(group_by, where=where).items()}


_KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session", params=_KINDS)
def golden_year(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GoldenYear]:
    """Lived once in a session on each kind of database; who takes it changes nothing in it."""
    from tests.golden.sums import YearSums
    from tests.golden.year import live

    folder = tmp_path_factory.mktemp("golden")
    server: PostgresServer | None = None
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_file"), folder / "usage.db")
        url = f"sqlite:///{folder}/usage.db"
    else:
        server = request.getfixturevalue("postgres")
        url = server.create_database(like=request.getfixturevalue("migrated_postgres"))
    ids = live(url, folder)
    sums = YearSums(folder)
    yield GoldenYear(url=url, folder=folder, ids=ids, year_sums=sums)
    sums.close()
    if server is not None:
        server.drop_database(url)


@pytest.fixture
def golden_year_copy(
    golden_year: GoldenYear, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[GoldenYear]:
    """A copy for one test alone, such as one that closes statements."""
    if golden_year.url.startswith("sqlite"):
        shutil.copyfile(golden_year.folder / "usage.db", tmp_path / "golden.db")
        yield replace(golden_year, url=f"sqlite:///{tmp_path}/golden.db")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database(like=golden_year.url)
    yield replace(golden_year, url=url)
    server.drop_database(url)


def _tally(sums: "Sums") -> UsageTally:
    named = sums._asdict()
    money = {f"{name}_pusd": _pusd(named.pop(name)) for name in ("raw", "billed", "task_billed")}
    return UsageTally(**named, **money)


def _pusd(usd: Decimal) -> int:
    """Amounts of the sums have twelve decimals, so nothing is lost."""
    return int(usd.scaleb(12))

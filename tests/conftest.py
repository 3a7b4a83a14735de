"""What every test gets: nothing swallowed unseen, and databases that are real."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mai_usage_ext import guard
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.partitions import make_months
from mai_usage_ext.version import __version__
from tests.workshop.memory import roomy_folder
from tests.workshop.postgres import PostgresServer, running_postgres

if TYPE_CHECKING:
    from xdist.remote import Producer

    from tests.workshop.workload import Workload


pytest_plugins = ["tests.golden.fixtures"]


def pytest_configure() -> None:
    """Temporary files go into memory where there is room; who sets TMPDIR decides otherwise."""
    folder = roomy_folder()
    if folder and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--hosts",
        choices=("newest", "oldest", "both"),
        help="where host and browser tests run; without it in the newest, and a few in the oldest",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with hosts first, then those with slow tests, then by the number of their tests.

    With several workers, a long file begun last would leave all but one with nothing to do.
    """
    size = Counter(item.path for item in items)
    hosts = {item.path for item in items if item.get_closest_marker("host")}
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def place(item: pytest.Item) -> tuple[int, int]:
        if item.path in hosts:
            return 0, 0
        return (1, 0) if item.path in slow else (2, -size[item.path])

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "Workload":
    """Only those who use pytest-xdist need have it."""
    from tests.workshop.workload import Workload

    return Workload(config, log)


class Swallowed(list[tuple[str, Exception]]):
    """Failures that ``shielded`` kept from the host during one test."""

    def expect(self, doing: str) -> Exception:
        """Take one failure that the test provoked on purpose. Raises when there was none."""
        for index, (done, error) in enumerate(self):
            if done == doing:
                del self[index]
                return error
        raise AssertionError(f"nothing was swallowed while {doing}; only {list(self)}")


@pytest.fixture(autouse=True)
def swallowed() -> Iterator[Swallowed]:
    """In production our failures are swallowed; a test that did not expect one fails."""
    found = Swallowed()
    callback: Callable[[str, Exception], None] = lambda doing, error: found.append((doing, error))  # noqa: E731
    guard.on_swallowed.append(callback)
    guard.tally.clear()
    yield found
    guard.on_swallowed.remove(callback)
    if found:
        doing, error = found[0]
        raise AssertionError(f"swallowed while {doing}") from error


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One real PostgreSQL for the whole session, started by the first test that wants it."""
    with running_postgres() as server:
        yield server


KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=KINDS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any tables; every test that takes it runs on both kinds."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/usage.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with our tables, empty; every test that takes it runs on both kinds.

    It is a copy of one that was migrated once, which takes a third of the time.
    """
    yield from _copy_of_migrated(request, tmp_path)


# For a test that takes ``database_url`` and is about what never gets as far as a database.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module", params=KINDS)
def shared_database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The same for all tests of a file, which change nothing in it."""
    yield from _copy_of_migrated(request, tmp_path_factory.mktemp("shared"))


def _copy_of_migrated(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_file"), folder / "usage.db")
        yield f"sqlite:///{folder}/usage.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database(like=request.getfixturevalue("migrated_postgres"))
    yield url
    server.drop_database(url)


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """Like ``database_url``, for what has nothing to do with the kind of database."""
    shutil.copyfile(migrated_file, tmp_path / "usage.db")
    return f"sqlite:///{tmp_path}/usage.db"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "usage.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer) -> str:
    url = postgres.create_database()
    _migrate(url)
    return url


def _migrate(url: str) -> None:
    database = open_database(url, owned=True)
    Migrator(database, version=__version__).up()
    # As the job does, for the days that most made-up calls are of.
    make_months(database, at=date(2026, 1, 20))
    close_database(database)

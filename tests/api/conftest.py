"""One running office for each test, on SQLite or on both databases."""

from collections.abc import Iterator

import pytest

from tests.api.office import Office, open_office


@pytest.fixture
def environ() -> dict[str, str]:
    """Settings beside the addresses; tests override the fixture."""
    return {}


@pytest.fixture
def office(sqlite_url: str, environ: dict[str, str]) -> Iterator[Office]:
    """For what has nothing to do with the kind of database."""
    with open_office(sqlite_url, environ) as opened:
        yield opened


@pytest.fixture
def furnished(office: Office) -> Office:
    office.furnish()
    return office


@pytest.fixture
def any_office(database_url: str, environ: dict[str, str]) -> Iterator[Office]:
    with open_office(database_url, environ) as opened:
        opened.furnish()
        yield opened


@pytest.fixture(scope="module")
def shared_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One furnished office for all tests of a file, which change nothing in it."""
    with open_office(f"sqlite:///{tmp_path_factory.mktemp('office')}/usage.db") as opened:
        opened.furnish()
        yield opened

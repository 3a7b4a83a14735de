"""What every test gets: nothing swallowed unseen, and databases that are real."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mai_usage_ext import guard
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.version import __version__
from tests.workshop.postgres import PostgresServer, running_postgres


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
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_file"), tmp_path / "usage.db")
        yield f"sqlite:///{tmp_path}/usage.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database(like=request.getfixturevalue("migrated_postgres"))
    yield url
    server.drop_database(url)


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
    close_database(database)

"""A migrated database of each kind, and writers that are stopped at the end."""

from collections.abc import Callable, Iterator

import pytest
from peewee import Database

from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import make_organization

MakeWriter = Callable[..., LedgerWriter]


@pytest.fixture
def empty_db(empty_database_url: str) -> Iterator[Database]:
    """A database nobody has touched."""
    db = open_database(empty_database_url, owned=True)
    yield db
    close_database(db)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database with our tables."""
    db = open_database(database_url, owned=True)
    yield db
    close_database(db)


@pytest.fixture
def organization(db: Database) -> str:
    """The id of an organization."""
    return make_organization(db)


@pytest.fixture
def make_writer(db: Database) -> Iterator[MakeWriter]:
    """Makes writers that are started, unless told otherwise, and stopped at the end."""
    made: list[LedgerWriter] = []

    def make(*, owner: str = "process-1", start: bool = True, **options: int) -> LedgerWriter:
        writer = LedgerWriter(db, owner=owner, **options)
        made.append(writer)
        if start:
            writer.start()
        return writer

    yield make
    for writer in made:
        writer.stop(5)


@pytest.fixture
def writer(make_writer: MakeWriter) -> LedgerWriter:
    return make_writer()

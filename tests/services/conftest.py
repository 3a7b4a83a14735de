"""A migrated database, and the rig of the key services on it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from peewee import Database

from mai_usage_ext.simulator import Simulator
from mai_usage_ext.storage.database import close_database, open_database
from tests.services.key_rig import KeyRig


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database with our tables, of either kind."""
    opened = open_database(database_url, owned=True)
    yield opened
    close_database(opened)


@pytest_asyncio.fixture
async def rig(db: Database) -> AsyncIterator[KeyRig]:
    """Keys on that database and a simulated OpenRouter."""
    async with Simulator() as simulator:
        yield KeyRig(db, simulator)

"""Starting the rig, on both databases."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from mai_usage_ext.bootstrap import metering
from mai_usage_ext.settings import Settings
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.storage.database import close_database, open_database
from tests.wire.rig import Rig


def reader_of(url: str) -> Callable[[str], list[tuple[Any, ...]]]:
    database = open_database(url)

    def query(sql: str) -> list[tuple[Any, ...]]:
        with database.connection_context():
            return list(database.execute_sql(sql).fetchall())

    query.close = lambda: close_database(database)  # type: ignore[attr-defined]
    return query


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
def environ() -> dict[str, str]:
    """Settings of the rig's meter beside its addresses; tests override the fixture."""
    return {}


async def start_rig(url: str, simulator: Simulator, environ: dict[str, str]) -> AsyncIterator[Rig]:
    settings = Settings.from_env(
        {"OPENROUTER_BASE_URL": simulator.url, "MAI_USAGE_DATABASE_URL": url, **environ}
    )
    query = reader_of(url)
    async with metering(settings) as meter, aiohttp.ClientSession() as session:
        yield Rig(simulator=simulator, meter=meter, session=session, query=query)
    query.close()  # type: ignore[attr-defined]


@pytest_asyncio.fixture
async def rig(
    database_url: str, simulator: Simulator, environ: dict[str, str]
) -> AsyncIterator[Rig]:
    async for started in start_rig(database_url, simulator, environ):
        yield started


@pytest_asyncio.fixture
async def sqlite_rig(
    sqlite_url: str, simulator: Simulator, environ: dict[str, str]
) -> AsyncIterator[Rig]:
    """For what has nothing to do with the kind of database."""
    async for started in start_rig(sqlite_url, simulator, environ):
        yield started

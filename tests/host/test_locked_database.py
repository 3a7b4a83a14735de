"""The database is locked for a while: chats go on, and nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from mai_usage_ext.demo.person import Person
from tests.host.audit import Audit
from tests.host.conftest import Metered

pytestmark = pytest.mark.host

CHATS = 12
LOCKED_S = 3.0


async def test_chats_go_on_while_the_database_is_locked(
    metered: Metered, people: dict[str, Person], audit: Audit
) -> None:
    loop = asyncio.get_running_loop()
    with closing(sqlite3.connect(metered.host.usage_database, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        began = loop.time()
        answers = await asyncio.gather(
            *(people["Anna"].chat(f"Number {n}", stream=n % 2 == 0) for n in range(CHATS))
        )
        answered_after = loop.time() - began
        booked_meanwhile = audit.entries()
        await asyncio.sleep(max(0.0, LOCKED_S - answered_after))
        stranger.execute("ROLLBACK")

    assert [answer.status for answer in answers] == [200] * CHATS
    assert answered_after < LOCKED_S
    assert booked_meanwhile == []
    await audit.settled(CHATS)

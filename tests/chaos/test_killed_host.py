"""kill -9 of a real Open WebUI in the middle of chats, and what the books say after a restart."""

from __future__ import annotations

import asyncio
import itertools
import random

import aiohttp
import pytest

from mai_usage_ext.demo.books import Books
from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.person import CHAT, OPENAI_CHAT, Person
from tests.chaos.reckoning import CLAIM_S, reckon
from tests.host.audit import Audit, until
from tests.host.theatre import Theatre

pytestmark = [pytest.mark.host, pytest.mark.slow]

ROUNDS = 3
CALLS_BEFORE_A_KILL = 20
NAMES = ("Anna", "Boris", "Chen", "Dora", "Eve")


async def test_three_kills_of_a_real_host_lose_nothing(theatre: Theatre) -> None:
    chance = random.Random(20260228)
    host = theatre.new("chaos")
    host.start()
    try:
        audit = Audit(theatre.simulator, host)
        committed: set[str] = set()
        for number in range(ROUNDS):
            # Now the kill comes while answers stream, now before the first byte of most of them.
            first_delay = 0.4 if number % 2 else 0.02
            theatre.simulator.switch(chunk_delay=0.02, first_delay=first_delay)
            await _chat_until_killed(theatre, host, audit, chance)
            committed |= {h.generation_id for h in audit.holds() if h.generation_id}
            await asyncio.to_thread(host.start)

        async def met() -> bool:
            return not {"open", "pending"} & {hold.state for hold in audit.holds()}

        await until(
            met,
            lambda: f"only settled holds: {Books(host.usage_database).unsettled()}",
            wait_s=CLAIM_S + 30,
        )
        ours = set(await audit.bill())
        records = [r for r in theatre.simulator.bill.records if r.generation_id in ours]
        result = reckon(records, audit.entries(), audit.holds(), committed=committed)
        assert result.booked >= ROUNDS * CALLS_BEFORE_A_KILL // 2
        assert result.unidentified >= 1
    finally:
        theatre.simulator.service.panel.reset()
        host.stop()


async def _chat_until_killed(
    theatre: Theatre, host: HostProcess, audit: Audit, chance: random.Random
) -> None:
    async with aiohttp.ClientSession() as session:
        people = [theatre.person(session, host, name) for name in NAMES]
        seen = len(await audit.bill()) + CALLS_BEFORE_A_KILL
        chats = [asyncio.create_task(_chat_on(person)) for person in people]

        async def met() -> bool:
            return len(await audit.bill()) >= seen

        try:
            await until(met, lambda: f"{seen} calls")
            await asyncio.sleep(chance.uniform(0, 0.2))
        finally:
            host.kill()
            for chat in chats:
                chat.cancel()
            await asyncio.gather(*chats, return_exceptions=True)


async def _chat_on(person: Person) -> None:
    """Streamed and plain by turns; every fifth answer is left half-way."""
    for number in itertools.count():
        path = CHAT if number % 3 else OPENAI_CHAT
        if number % 5 == 4:
            await person.walk_away(f"Number {number}", path=path)
        else:
            await person.chat(f"Number {number}", stream=number % 2 == 0, path=path)

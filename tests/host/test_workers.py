"""Several workers of one host start at once, on a database that is new to us."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.host.audit import Audit, until
from tests.host.theatre import Theatre

pytestmark = pytest.mark.host

CALLS = 24


async def test_two_workers_start_together_and_both_meter(theatre: Theatre) -> None:
    host = theatre.new("workers", workers=2)
    with host:
        audit = Audit(theatre.simulator, host)

        async def ask(number: int) -> int:
            # A connection of its own, so that the system hands it to either worker.
            async with aiohttp.ClientSession() as session:
                anna = theatre.person(session, host, "Anna")
                return (await anna.chat(f"Number {number}", stream=number % 2 == 0)).status

        asked = 0

        async def both_have_metered() -> bool:
            # The host answers as soon as its first worker does, and the meter of the second runs
            # before that one listens; so only calls can tell when both do.
            nonlocal asked
            statuses = await asyncio.gather(*(ask(number) for number in range(CALLS)))
            assert statuses == [200] * CALLS
            asked += CALLS
            return len(audit.owners()) == 2

        theatre.simulator.switch(first_delay=0.2)
        await until(both_have_metered, lambda: f"only {audit.owners()}", wait_s=120)
        theatre.simulator.service.panel.reset()

        entries = await audit.settled(asked)
        # Nobody mapped Anna here, and the default organization is on.
        assert len({entry.organization_id for entry in entries}) == 1
        assert entries[0].organization_id != "unassigned"
        assert len(audit.books.processes()) == 2
        assert len(audit.owners()) == 2

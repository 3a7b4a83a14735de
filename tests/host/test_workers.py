"""Several workers of one host start at once, on a database that is new to us."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.host.audit import Audit, Condition, until
from tests.host.theatre import Theatre

pytestmark = pytest.mark.host

CALLS = 24


def _both_run(audit: Audit) -> Condition:
    async def met() -> bool:
        return len(audit.books.processes()) == 2

    return met


async def test_two_workers_start_together_and_both_meter(theatre: Theatre) -> None:
    host = theatre.new("workers", workers=2)
    with host:
        audit = Audit(theatre.simulator, host)
        # The host answers as soon as its first worker does.
        await until(_both_run(audit), lambda: "two workers", wait_s=120)

        async def ask(number: int) -> int:
            # A connection of its own, so that the system hands it to either worker.
            async with aiohttp.ClientSession() as session:
                anna = theatre.person(session, host, "Anna")
                return (await anna.chat(f"Number {number}", stream=number % 2 == 0)).status

        theatre.simulator.switch(first_delay=0.2)
        statuses = await asyncio.gather(*(ask(number) for number in range(CALLS)))
        theatre.simulator.service.panel.reset()

        assert statuses == [200] * CALLS
        entries = await audit.settled(CALLS)
        # Nobody mapped Anna here, and the default organization is on.
        assert len({entry.organization_id for entry in entries}) == 1
        assert entries[0].organization_id != "unassigned"
        assert len(audit.owners()) == 2

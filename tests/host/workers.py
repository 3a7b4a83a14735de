"""Calling a host of two workers until both have answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from mai_usage_ext.demo.books import Booked
from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.person import CHAT, Person
from tests.host.audit import Audit, until
from tests.host.reseller import Newcomer
from tests.host.theatre import CHEAP, Theatre

__all__ = ["ask_anew", "call_both_workers"]

_CALLS = 24


async def ask_anew(host: HostProcess, who: Newcomer, number: int, **more: object) -> int:
    """The status of one short call, every one of the same size, every second one a stream."""
    # A connection of its own, so that the system hands it to either worker.
    async with aiohttp.ClientSession() as session:
        person = Person(session, host.url, token=who.person.token, model=CHEAP)
        body: Mapping[str, object] = {
            "model": CHEAP,
            "messages": [{"role": "user", "content": f"Number {number:04}"}],
            "stream": number % 2 == 1,
            **more,
        }
        return (await person.post(CHAT, body)).status


async def call_both_workers(theatre: Theatre, host: HostProcess, who: Newcomer) -> list[Booked]:
    """Call until both workers have, and return what was booked.

    A host answers as soon as its first worker does; so only calls can tell when both do.
    """
    audit, asked = Audit(theatre.simulator, host), 0

    async def both_have() -> bool:
        nonlocal asked
        calls = (ask_anew(host, who, asked + number) for number in range(_CALLS))
        assert await asyncio.gather(*calls) == [200] * _CALLS
        asked += _CALLS
        return len(audit.owners()) == 2

    await until(both_have, lambda: f"calls in two workers, only {audit.owners()}", wait_s=120)
    return await audit.settled(asked)

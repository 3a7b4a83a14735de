"""One test's share of the books: what the upstream charged, and what we booked, since it began."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from mai_usage_ext.demo.books import OPEN_STATES, Booked, Books, HeldCall
from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.simulator import Simulator

WAIT_S = 45.0
LOOK_EVERY_S = 0.1

Condition = Callable[[], Awaitable[bool]]


class Audit:
    """Created before the traffic, asked after it. Money is picodollars."""

    def __init__(self, simulator: Simulator, host: HostProcess) -> None:
        self._simulator = simulator
        self.books = Books(host.usage_database)
        self._billed_before = {record.generation_id for record in simulator.bill.records}
        self._held_before = {hold.id for hold in self.books.holds()}
        self._booked_before = self._billed_before | {e.generation_id for e in self.books.entries()}

    async def bill(self) -> dict[str, dict[str, Any]]:
        """The upstream's records since the beginning, by generation."""
        url = self._simulator.origin + "/__control/bill"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            statement = parse_json(await answer.read())
        return {
            row["generation_id"]: row
            for row in statement["records"]
            if row["generation_id"] not in self._billed_before
        }

    def entries(self) -> list[Booked]:
        return [
            entry
            for entry in self.books.entries()
            if entry.generation_id not in self._booked_before
        ]

    def holds(self) -> list[HeldCall]:
        return [hold for hold in self.books.holds() if hold.id not in self._held_before]

    def unsettled(self) -> list[HeldCall]:
        return [hold for hold in self.holds() if hold.state in OPEN_STATES]

    def owners(self) -> set[str]:
        """The processes that made the calls."""
        return {hold.owner for hold in self.holds()}

    async def calls(self, count: int) -> None:
        """Wait until the upstream has seen so many calls, and is done with them."""

        async def met() -> bool:
            records = (await self.bill()).values()
            return len(records) >= count and all(row["ended_at"] for row in records)

        await until(met, lambda: f"{count} calls upstream")

    async def settled(self, count: int) -> list[Booked]:
        """Wait for so many calls and until all of them are booked; then compare everything."""
        await self.calls(count)

        async def met() -> bool:
            return not self.unsettled() and len(self.entries()) >= count

        await until(met, lambda: f"{count} bookings; {self._state()}")
        await self.compare(count)
        return self.entries()

    async def compare(self, count: int) -> None:
        """Every charged generation is booked once, with the same tokens and the same cost."""
        bill, entries = await self.bill(), self.entries()
        assert len(bill) == count
        assert sorted(entry.generation_id for entry in entries) == sorted(bill)
        for entry in entries:
            row = bill[entry.generation_id]
            assert entry.raw_pusd == row["spend_pusd"], (entry, row)
            assert entry.prompt_tokens == row["tokens"]["prompt"], (entry, row)
            assert entry.completion_tokens == row["tokens"]["completion"], (entry, row)
        assert sum(entry.raw_pusd for entry in entries) == sum(
            row["spend_pusd"] for row in bill.values()
        )

    async def hold_in(self, *states: str, count: int = 1) -> list[HeldCall]:
        """Wait until so many holds are in one of the states."""

        async def met() -> bool:
            return sum(hold.state in states for hold in self.holds()) >= count

        await until(met, lambda: f"{count} holds in {states}; {self._state()}")
        return [hold for hold in self.holds() if hold.state in states]

    def _state(self) -> str:
        return f"{len(self.entries())} entries, holds: {[hold.state for hold in self.holds()]}"


async def until(met: Condition, what: Callable[[], str], *, wait_s: float = WAIT_S) -> None:
    """Look until it is so: another process's database tells nobody when it changes."""
    deadline = time.monotonic() + wait_s
    while not await met():
        assert time.monotonic() < deadline, f"in {wait_s:.0f} s there were not {what()}"
        await asyncio.sleep(LOOK_EVERY_S)

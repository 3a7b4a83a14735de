"""The trouble: kills, restarts, clock steps and bad weather, in an order that the seed decides."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from mai_usage_ext.demo.host_process import HostError
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.bill import Bill
from tests.soak.cast import Cast
from tests.soak.clock import SoakClock
from tests.soak.faults import weather
from tests.soak.fleet import Fleet
from tests.soak.ground import Ground
from tests.soak.plan import Plan

__all__ = ["Chaos"]

# Beyond every lease and every window, forwards and backwards.
_LONGEST_STEP_MS = 120_000

_Trouble = Callable[[], Awaitable[None]]


class Chaos:
    """One trouble after the other, each after some calls, until cancelled.

    The first round brings every kind once, so that a small soak has them all.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        fleet: Fleet,
        ground: Ground,
        clock: SoakClock,
        cast: Cast,
        simulator: Simulator,
    ) -> None:
        self._plan = plan
        self._fleet = fleet
        self._ground = ground
        self._clock = clock
        self._cast = cast
        self._simulator = simulator
        self._chance = random.Random(f"{plan.seed}:trouble")
        self._next = float(plan.calls_between_troubles)
        self._first: list[_Trouble] = [trouble for trouble, _ in self._troubles()]
        self._chance.shuffle(self._first)

    async def run(self) -> None:
        while True:
            await self._simulator.bill.until(partial(_has, self._next))
            self._next += self._plan.calls_between_troubles * self._chance.uniform(0.5, 1.5)
            await self._draw()()

    def _troubles(self) -> list[tuple[_Trouble, int]]:
        """What there is, and how often compared with the others."""
        chance, fleet = self._chance, self._fleet
        troubles: list[tuple[_Trouble, int]] = [
            (lambda: fleet.kill_worker(chance), 4),
            (lambda: fleet.kill_host(chance), 1),
            (lambda: fleet.restart_host(chance), 1),
            (self._step_clock, 3),
            (self._bring_weather, 4),
            (self._raise_limits, 5),
            (self._flush_redis, 2),
            (self._crash_redis, 1),
        ]
        if self._ground.server is not None:
            troubles += [(self._restart_database, 1), (self._crash_database, 1)]
        return troubles

    def _draw(self) -> _Trouble:
        if self._first:
            return self._first.pop()
        troubles = self._troubles()
        [(drawn, _)] = self._chance.choices(troubles, [weight for _, weight in troubles])
        return drawn

    async def _restart_database(self) -> None:
        await asyncio.to_thread(self._ground.restart, at_once=False)

    async def _crash_database(self) -> None:
        await asyncio.to_thread(self._ground.restart, at_once=True)

    async def _flush_redis(self) -> None:
        await asyncio.to_thread(self._ground.flush_redis)

    async def _crash_redis(self) -> None:
        await asyncio.to_thread(self._ground.crash_redis)

    async def _step_clock(self) -> None:
        self._clock.step(self._chance.randint(-_LONGEST_STEP_MS, _LONGEST_STEP_MS))

    async def _bring_weather(self) -> None:
        self._simulator.switch(**weather(self._chance))

    async def _raise_limits(self) -> None:
        # A host that is away, or whose database is, says no; the next time comes.
        with suppress(HostError):
            if self._fleet.ready:
                await asyncio.to_thread(self._cast.raise_limits, self._fleet.ready[0])


def _has(calls: float, bill: Bill) -> bool:
    return len(bill.records) >= calls

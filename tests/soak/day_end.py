"""The end of the day: every midnight passes, days are sealed, and the reconciliation goes on until
nothing is left to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.simulator import Simulator
from tests.soak.clock import SoakClock
from tests.soak.fleet import Fleet, SoakHost
from tests.soak.tables import Tables

__all__ = ["DayEnd", "Unfinished"]

_WAIT_S = 120.0
_LOOK_EVERY_S = 0.2
_SETTLE_S = 4.0
# A day is looked at again within two hours while calls of it are being settled; after three days
# what OpenRouter does not know is given up.
_ROUNDS = 8
_PATIENT_ROUNDS = 4


class Unfinished(Exception):
    """Something did not come to its end; the text says what."""


class DayEnd:
    """``day`` is the UTC day of the load."""

    def __init__(
        self, day: date, *, clock: SoakClock, fleet: Fleet, tables: Tables, simulator: Simulator
    ) -> None:
        self._day = day
        self._clock = clock
        self._fleet = fleet
        self._tables = tables
        self._simulator = simulator

    async def pass_by(self) -> None:
        """Raises ``Unfinished``."""
        self._simulator.service.panel.reset()
        self._clock.advance(timedelta(0))
        await self._until(lambda: self._fleet.is_whole, "all hosts", wait_s=300)
        await self._until(lambda: self._simulator.bill.counts()["open"] == 0, "no call under way")
        await self._settle()
        # Everybody's midnight and the grace after it, and the hours that OpenRouter may take.
        self._clock.set(_morning_after(self._day, days=2))
        await self._seal()
        await self._reconcile()
        await self._seal()

    async def repeat(self, host: SoakHost) -> str:
        """Compare the same day again by hand, and return what the command says."""
        day = self._day.isoformat()
        process = await asyncio.create_subprocess_exec(
            *host.ours("reconcile", "--from", day, "--to", day),
            env=host.variables(),
            cwd=host.data,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate()
        if process.returncode:
            raise Unfinished(f"mai-usage reconcile failed: {(said + complained).decode()}")
        return said.decode().strip()

    async def _settle(self) -> None:
        """Give what waits for `/generation` its ordinary time; what is late is waited for below."""
        with suppress(Unfinished):
            await self._until(self._is_settled, "no call that waits", wait_s=_SETTLE_S)

    async def _seal(self) -> None:
        self._tables.forget_run("sealing")
        await self._until(lambda: not self._tables.live(), "every day sealed")

    async def _reconcile(self) -> None:
        for number in range(_ROUNDS):
            if number == _PATIENT_ROUNDS:
                self._clock.set(_morning_after(self._day, days=6))
            if await self._compared() and not self._tables.holds():
                return
            self._clock.advance(timedelta(hours=2))
        left = [*self._tables.lines(), *self._tables.hold_rows()]
        shown = "".join(f"\n    {row}" for row in left[:20])
        raise Unfinished(f"the reconciliation of {self._day} does not come to an end:{shown}")

    async def _compared(self) -> bool:
        """One comparison by whichever host takes the job; whether nothing is left to do."""
        began_ms = int(self._clock.now.timestamp() * 1000)
        self._tables.forget_run("reconciliation")

        def is_done() -> bool:
            run = self._tables.run_of(self._day)
            return run is not None and (run.finished_at_ms or 0) >= began_ms

        await self._until(is_done, f"a reconciliation of {self._day}", wait_s=600)
        # What was identified is settled from /generation now.
        await self._until(self._is_settled, "no call that waits for its price")
        run = self._tables.run_of(self._day)
        return run is not None and run.is_final

    def _is_settled(self) -> bool:
        return not {"open", "pending"} & self._tables.holds().keys()

    async def _until(self, met: Callable[[], bool], what: str, *, wait_s: float = _WAIT_S) -> None:
        deadline = time.monotonic() + wait_s
        while not await asyncio.to_thread(_shyly, met):
            if time.monotonic() > deadline:
                raise Unfinished(f"in {wait_s:.0f} s there was not {what}: {self._state()}")
            await asyncio.sleep(_LOOK_EVERY_S)

    def _state(self) -> str:
        return (
            f"{len(self._fleet.ready)} hosts ready, holds {dict(self._tables.holds())}, "
            f"live days {len(self._tables.live())}, comparison {self._tables.run_of(self._day)}"
        )


def _shyly(met: Callable[[], bool]) -> bool:
    try:
        return met()
    except StorageUnavailable:
        return False


def _morning_after(day: date, *, days: int) -> datetime:
    return datetime(day.year, day.month, day.day, 6, 30, tzinfo=UTC) + timedelta(days=days)

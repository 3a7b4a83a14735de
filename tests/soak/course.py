"""One soak from the first host to the verdict."""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.simulator import Simulator
from tests.host.theatre import ENVIRONMENT, Theatre
from tests.soak.cast import Cast
from tests.soak.chaos import Chaos
from tests.soak.clock import ClockFile, SoakClock, tomorrow
from tests.soak.day_end import DayEnd, Unfinished
from tests.soak.fleet import Fleet, SoakHost, environment_of
from tests.soak.ground import Ground, opened_ground
from tests.soak.load import Load
from tests.soak.plan import Plan
from tests.soak.tables import Tables
from tests.soak.verdict import Books, Charge, Verdict, judge

__all__ = ["Outcome", "run_soak"]

_PROGRESS_EVERY_S = 5.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``figures`` is the last line, in its order."""

    verdict: Verdict
    figures: Mapping[str, Any]


def run_soak(plan: Plan, theatre: Theatre) -> Outcome:
    """Hosts, load, trouble, the day's end, and every book compared."""
    with tempfile.TemporaryDirectory(prefix="mai-usage-soak-") as name:
        folder = Path(name)
        with (
            opened_ground(plan.database, folder) as ground,
            closing(ClockFile(folder / "clock")) as clock_file,
        ):
            return asyncio.run(_Course(plan, theatre, ground, clock_file).run())


class _Course:
    def __init__(self, plan: Plan, theatre: Theatre, ground: Ground, clock_file: ClockFile) -> None:
        self._plan = plan
        self._theatre = theatre
        self._ground = ground
        self._clock_file = clock_file
        self._began = time.monotonic()

    async def run(self) -> Outcome:
        async with Simulator() as simulator:
            hosts = await asyncio.to_thread(self._hosts, simulator)
            fleet, clock = Fleet(hosts), SoakClock(self._clock_file, simulator)
            with _stopped(fleet):
                async with _beside(fleet.watch()):
                    await _until_whole(fleet)
                    with closing(Tables(self._ground.url)) as tables:
                        return await self._on(simulator, fleet, clock, tables)

    async def _on(
        self, simulator: Simulator, fleet: Fleet, clock: SoakClock, tables: Tables
    ) -> Outcome:
        cast = await asyncio.to_thread(Cast, self._theatre, fleet.ready[0])
        # The first day of a database is never compared, because the meter saw only a part of it.
        clock.set(tomorrow(9, 58))
        day = clock.now.date()
        load = Load(self._plan, fleet, cast.members, simulator)
        chaos = Chaos(
            self._plan,
            fleet=fleet,
            ground=self._ground,
            clock=clock,
            cast=cast,
            simulator=simulator,
        )
        load_began = time.monotonic()
        async with _beside(self._report(load, fleet, tables)), _beside(chaos.run()):
            await load.run()
        load_s = time.monotonic() - load_began
        end = DayEnd(day, clock=clock, fleet=fleet, tables=tables, simulator=simulator)
        problems = await self._end(end, fleet, tables)
        verdict = judge(_books(simulator, cast, tables))
        verdict.violations[:0] = problems
        return Outcome(verdict=verdict, figures=self._figures(verdict, load, fleet, clock, load_s))

    async def _end(self, end: DayEnd, fleet: Fleet, tables: Tables) -> list[str]:
        """What did not come to its end, or changed when it was done once more."""
        _say("the day ends: sealing and reconciliation")
        try:
            await end.pass_by()
            before = _sums(tables)
            _say(await end.repeat(fleet.ready[0]))
            after = _sums(tables)
        except Unfinished as error:
            return [str(error)]
        if before != after:
            return [f"a second reconciliation changed the ledger from {before} to {after}"]
        return []

    async def _report(self, load: Load, fleet: Fleet, tables: Tables) -> None:
        seen, looked = 0, time.monotonic()
        while True:
            await asyncio.sleep(_PROGRESS_EVERY_S)
            now, calls = time.monotonic(), load.calls
            rate, seen, looked = (calls - seen) / (now - looked), calls, now
            try:
                holds = dict(await asyncio.to_thread(tables.holds))
            except StorageUnavailable:
                holds = {"the database is away": 0}
            _say(
                f"{calls} of {self._plan.calls} calls, {rate:.0f}/s, {load.refused} refused, "
                f"{load.broken} broken, {len(fleet.ready)} hosts ready, {fleet.kills} kills, "
                f"{fleet.restarts} restarts, {self._ground.restarts} of the database, "
                f"{self._ground.redis_losses} losses of Redis, holds {holds}"
            )

    def _hosts(self, simulator: Simulator) -> list[SoakHost]:
        environment = {
            **ENVIRONMENT,
            "OPENROUTER_PROVISIONING_KEY": simulator.management_key,
            **environment_of(self._ground, self._clock_file.path),
        }
        number, hosts = next(_numbers), []
        for place in range(1, self._plan.hosts + 1):
            # The theatre lays out the data folder: a copy of the accounts.
            prepared = self._theatre.new(f"soak-{number}-{place}")
            logs = self._plan.logs
            hosts.append(
                SoakHost(
                    prepared.data,
                    upstream=simulator.url,
                    key=simulator.inference_key,
                    workers=self._plan.workers,
                    environment=environment,
                    log=None if logs is None else logs / f"host-{place}.log",
                )
            )
        return hosts

    def _figures(
        self, verdict: Verdict, load: Load, fleet: Fleet, clock: SoakClock, load_s: float
    ) -> dict[str, Any]:
        billed = verdict.bill_pusd
        return {
            "calls": verdict.calls,
            "bill_pusd": billed,
            "ledger_pusd": verdict.ledger_pusd,
            "lost": verdict.lost,
            "duplicated": verdict.duplicated,
            "overshoot_pusd": verdict.overshoot_pusd,
            "pending_after": verdict.pending_after,
            "kills": fleet.kills,
            "seconds": round(time.monotonic() - self._began),
            "calls_per_second": round(verdict.calls / load_s, 1),
            "restarts": fleet.restarts,
            "database_restarts": self._ground.restarts,
            "redis_losses": self._ground.redis_losses,
            "clock_steps": clock.steps,
            "refused": load.refused,
            "broken": load.broken,
            "adjustments": verdict.adjustments,
            "capture_rate": f"{verdict.captured_pusd / billed:.6f}" if billed else None,
            "violations": len(verdict.violations),
            "database": self._plan.database,
            "seed": self._plan.seed,
        }


def _books(simulator: Simulator, cast: Cast, tables: Tables) -> Books:
    bill = [
        Charge(one.generation_id, one.key_hash, one.user, int(one.spend.scaleb(12)))
        for one in simulator.bill.records
    ]
    return Books(
        bill=bill,
        entries=tables.entries(),
        holds=tables.holds(),
        totals=tables.month_totals(),
        limits=tables.limits(),
        live=tables.live(),
        sealed=tables.sealed(),
        owners={company.key_hash: company.id for company in cast.companies},
        names=tables.upstream_names(),
    )


def _sums(tables: Tables) -> tuple[int, int, int]:
    """Entries, raw and billed money."""
    entries = tables.entries()
    raw = sum(entry.raw_pusd for entry in entries)
    return len(entries), raw, sum(entry.billed_pusd for entry in entries)


async def _until_whole(fleet: Fleet) -> None:
    deadline = time.monotonic() + 300
    while not fleet.is_whole:
        if time.monotonic() > deadline:
            raise Unfinished("the hosts did not start in 300 s")
        await asyncio.sleep(0.1)


@asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[None]:
    """It runs as long as the block, unless it fails: then the block does."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()


@contextmanager
def _stopped(fleet: Fleet) -> Iterator[None]:
    try:
        yield
    finally:
        fleet.stop()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress is for people

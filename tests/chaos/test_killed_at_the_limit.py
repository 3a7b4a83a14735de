"""kill -9, fifty times, of a program whose organization is always about to reach its limit."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.metering.usage import Usage
from mai_usage_ext.ports import SYSTEM, Hold, LedgerEntry, Outcome, Source
from mai_usage_ext.services.entries import Timing, entry_of
from mai_usage_ext.settings import Settings
from mai_usage_ext.simulator import Simulator, SimulatorThread
from mai_usage_ext.simulator.bill import Record
from mai_usage_ext.storage.sessions import execute, session
from mai_usage_ext.storage.writer import LedgerWriter
from tests.chaos.reckoning import CLAIM_S
from tests.host.audit import Condition, until
from tests.storage.samples import make_hold

pytestmark = [pytest.mark.slow]

PROGRAM = Path(__file__).with_name("program.py")
CALLERS = 6
CALLS_BEFORE_A_KILL = 6
# Room for so many calls when a round begins, so that some of each round's are refused. What a call
# holds: 60 tokens of an answer and a short prompt, at 1.3 times the price of gpt-4o-mini.
ROOM = 4
A_CALL = 70_000_000


@dataclass(frozen=True, slots=True)
class Money:
    """Of the organization, this month, in picodollars."""

    limit: int
    spent: int
    held: int


@dataclass(frozen=True, slots=True)
class Till:
    """The same tables as the program's, from outside."""

    bench: Workbench

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with session(self.bench.database):
            return [tuple(row) for row in execute(self.bench.database, sql).fetchall()]

    def money(self) -> Money:
        record = self.bench.organizations.get("default")
        return Money(record.monthly_limit_pusd or 0, record.spent_pusd, record.held_pusd)

    def make_room(self, pusd: int) -> None:
        money = self.money()
        limit = usd_from_pusd(money.spent + money.held + pusd)
        self.bench.organizations.change("default", {"monthly_limit": limit}, actor=SYSTEM)

    def states(self) -> dict[str, int]:
        return dict(self.rows("SELECT state, COUNT(*) FROM usage_holds GROUP BY state"))

    def unidentified(self) -> list[Hold]:
        rows = self.rows(
            "SELECT id, user_id, at_ms, estimate_pusd, day, month FROM usage_holds"
            " WHERE state = 'unidentified'"
        )
        return [
            make_hold(
                "default", id=row[0], user_id=row[1], at_ms=row[2], estimate_pusd=row[3],
                day=_day(row[4]), month=row[5],
            )
            for row in rows
        ]  # fmt: skip

    def upstream_names(self) -> dict[str | None, str]:
        """What OpenRouter is told of each user; a call has a user of its own."""
        return dict(self.rows("SELECT user_id, openrouter_user_id FROM user_client_mappings"))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread(switches={"chunk_delay": 0.005}) as running:
        yield running


class ForkedProgram:
    """The program, which is there at once because its imports are done."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @contextmanager
    def running(self, callers: int) -> Iterator[None]:
        self._say(str(callers))
        try:
            yield
        finally:
            self._say("")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


@contextmanager
def forked_program(simulator: Simulator, environment: dict[str, str]) -> Iterator[ForkedProgram]:
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), "fork"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROGRAM.parents[2]),
            "CHAOS_KEY": simulator.inference_key,
            **environment,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield ForkedProgram(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


async def test_held_is_nothing_and_what_fits_is_granted(
    simulator: Simulator, database_url: str
) -> None:
    rounds = 50 if database_url.startswith("sqlite") else 8
    environment = {
        "OPENROUTER_BASE_URL": simulator.url,
        "OPENROUTER_PROVISIONING_KEY": simulator.management_key,
        "MAI_USAGE_DATABASE_URL": database_url,
        "MAI_USAGE_LEASE_SECONDS": "1",
    }
    bench = await asyncio.to_thread(open_workbench, Settings.from_env(environment))
    with closing(bench), forked_program(simulator, environment) as program:
        till = Till(bench)
        in_flight = await _kill_again_and_again(till, simulator, program, rounds)
        with program.running(0):
            await until(
                _condition(lambda: not {"open", "pending"} & set(till.states())),
                lambda: f"only holds that are settled: {till.states()}",
                wait_s=CLAIM_S + 30,
            )
        assert in_flight > rounds, "the kills came in the middle of calls"
        _reconcile(bench, till, simulator.bill.records)
        _check(till, simulator)
        _a_call_that_just_fits(bench, till)


async def _kill_again_and_again(
    till: Till, simulator: Simulator, program: ForkedProgram, rounds: int
) -> int:
    """How many calls were in flight when their process was killed."""
    chance, in_flight = random.Random(20260131), 0
    for number in range(rounds):
        till.make_room(ROOM * A_CALL)
        # Now the kill comes while answers stream, now before the first byte of most of them.
        simulator.switch(first_delay=0.0 if number % 2 else 0.1)
        seen = len(simulator.bill.records) + CALLS_BEFORE_A_KILL
        with program.running(CALLERS):
            await until(
                _condition(lambda seen=seen: len(simulator.bill.records) >= seen),
                lambda: f"calls of this round: {till.money()}",
            )
            await asyncio.sleep(chance.uniform(0, 0.05))
        money = till.money()
        assert money.spent + money.held <= money.limit, number
        assert money.held >= 0
        in_flight += till.states().get("open", 0)
    return in_flight


def _reconcile(bench: Workbench, till: Till, records: list[Record]) -> None:
    """By hand, with the upstream's bill: what a hold without an id was, or that it was nothing."""
    sent = {record.user: record for record in records}
    writer = LedgerWriter(bench.database, owner="the reconciliation")
    writer.start()
    lost, names = till.unidentified(), till.upstream_names()
    assert lost, "some were killed before their id was known"
    for hold in lost:
        # A user whose place could not be written in time goes by the name that the host gave.
        record = sent.get(names.get(hold.user_id)) or sent.get(hold.user_id)
        if record is None:
            writer.void(hold, reason="it was never sent").result(10)
        else:
            assert writer.settle(hold, _entry(hold, record)).result(10)
    assert writer.stop(10) == 0


def _check(till: Till, simulator: Simulator) -> None:
    money = till.money()
    assert money.held == 0
    assert money.spent <= money.limit
    assert set(till.states()) <= {"settled", "void"}
    [(spent, raw, entries)] = till.rows(
        "SELECT SUM(billed_pusd), SUM(raw_pusd), COUNT(*) FROM usage_ledger"
    )
    assert money.spent == spent
    assert raw == simulator.bill.totals()["spend_pusd"]
    assert entries == len(simulator.bill.records)


def _a_call_that_just_fits(bench: Workbench, till: Till) -> None:
    money = till.money()
    till.make_room(A_CALL)
    [(day, month)] = till.rows("SELECT day, month FROM usage_holds ORDER BY at_ms DESC LIMIT 1")
    hold = {"day": _day(day), "month": month, "user_id": None}
    writer = LedgerWriter(bench.database, owner="the last call")
    writer.start()
    last = make_hold("default", estimate_pusd=A_CALL, **hold)
    assert writer.place(last).result(10).granted_pusd == A_CALL
    assert writer.place(make_hold("default", estimate_pusd=1, **hold)).result(10).limit_pusd == (
        money.spent + A_CALL
    )
    writer.void(last, reason="the end").result(10)
    assert writer.stop(10) == 0


def _entry(hold: Hold, record: Record) -> LedgerEntry:
    return entry_of(
        hold,
        generation_id=record.generation_id,
        model=record.model_answered,
        provider=record.provider,
        usage=Usage(
            prompt_tokens=record.tokens.prompt,
            completion_tokens=record.tokens.completion,
            cached_tokens=record.tokens.cached,
            reasoning_tokens=record.tokens.reasoning,
            raw_pusd=int(record.spend.scaleb(12)),
        ),
        outcome=Outcome.CANCELLED,
        source=Source.GENERATION,
        timing=Timing(first_byte_ms=None, duration_ms=None),
        booked_at_ms=hold.at_ms,
    )


def _day(value: Any) -> date:
    """SQLite has no dates."""
    return value if isinstance(value, date) else date.fromisoformat(value)


def _condition(holds: Callable[[], bool]) -> Condition:
    async def met() -> bool:
        return await asyncio.to_thread(holds)

    return met

"""kill -9, again and again, of a program in the middle of streams and plain calls."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mai_usage_ext.demo.books import Books
from mai_usage_ext.simulator import Simulator, SimulatorThread
from tests.chaos.reckoning import CLAIM_S, reckon
from tests.host.audit import Condition, until

pytestmark = [pytest.mark.slow]

PROGRAM = Path(__file__).with_name("program.py")
ROUNDS = 18
CALLERS = 6
CALLS_BEFORE_A_KILL = 12


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread(switches={"chunk_delay": 0.01}) as running:
        yield running


@contextmanager
def program(simulator: Simulator, database: Path, *, callers: int) -> Iterator[None]:
    """The program, running inside the block and killed at its end."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROGRAM.parents[2]),
        "OPENROUTER_BASE_URL": simulator.url,
        "OPENROUTER_PROVISIONING_KEY": simulator.management_key,
        "MAI_USAGE_DATABASE_URL": f"sqlite:///{database}",
        "MAI_USAGE_LEASE_SECONDS": "1",
        "CHAOS_KEY": simulator.inference_key,
    }
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), str(callers)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield
            assert process.poll() is None, process.communicate()[1].decode()[-3000:]
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()


async def test_eighteen_kills_lose_nothing(simulator: Simulator, tmp_path: Path) -> None:
    database, chance = tmp_path / "usage.db", random.Random(20260131)
    committed: set[str] = set()
    in_flight: set[str] = set()

    for number in range(ROUNDS):
        # Now the kill comes while answers stream, now before the first byte of most of them.
        simulator.switch(first_delay=0.01 if number % 2 else 0.3)
        seen = len(simulator.bill.records) + CALLS_BEFORE_A_KILL
        with program(simulator, database, callers=CALLERS):
            await until(_as_many(simulator, seen), lambda: "calls")
            await asyncio.sleep(chance.uniform(0, 0.15))
        held = [hold for hold in Books(database).holds() if hold.generation_id]
        committed |= {hold.generation_id for hold in held if hold.generation_id}
        in_flight |= {hold.id for hold in held if hold.state == "open"}

    with program(simulator, database, callers=0):
        await until(
            _all_settled(database),
            lambda: f"only settled holds: {_states(database)}",
            wait_s=CLAIM_S + 30,
        )

    books = Books(database)
    result = reckon(simulator.bill.records, books.entries(), books.holds(), committed=committed)
    # Each call has a user of its own, who is told to the upstream by another name: the books can
    # be compared one by one.
    names = _upstream_names(database)
    holds = {names[hold.user_id]: hold for hold in books.holds()}
    assert len(holds) == len(books.holds())
    entries = {entry.generation_id for entry in books.entries()}
    users = books.users()
    for record in simulator.bill.records:
        hold = holds[users[record.user]]
        if record.generation_id in entries:
            assert (hold.state, hold.generation_id) == ("settled", record.generation_id)
        else:
            assert (hold.state, hold.generation_id) == ("unidentified", None)
    assert result.booked >= ROUNDS * CALLS_BEFORE_A_KILL // 2
    # The kills came in the middle of things, and at every point of them.
    assert len(in_flight) >= ROUNDS
    assert result.unidentified >= ROUNDS // 2


def _upstream_names(database: Path) -> dict[str | None, str]:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT user_id, openrouter_user_id FROM user_client_mappings")
        return dict(rows.fetchall())


def _as_many(simulator: Simulator, count: int) -> Condition:
    async def met() -> bool:
        return len(simulator.bill.records) >= count

    return met


def _all_settled(database: Path) -> Condition:
    async def met() -> bool:
        return not {"open", "pending"} & set(_states(database))

    return met


def _states(database: Path) -> Counter[str]:
    return Books(database).unsettled()

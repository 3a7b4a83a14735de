"""Shared jobs in real processes: who is killed or stuck is replaced, and who fails is named."""

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from peewee import Database

from mai_usage_ext.bootstrap import jobs as bootstrap
from mai_usage_ext.jobs.thread import Job, JobThread
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.services.health import HealthCheck
from mai_usage_ext.services.job_reports import JobReports
from mai_usage_ext.services.leases import LeasedJob
from mai_usage_ext.storage.clock import DatabaseClock
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.job_leases import JobLeaseRows
from mai_usage_ext.storage.vitals import VitalRows
from tests.conftest import Swallowed

WITHIN_S = 20


class Leader:
    """A process that wants to run the job; ``said`` waits for its words."""

    def __init__(self, url: str, owner: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.leader", url, owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._words: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.hears("ready")

    def hears(self, *expected: str) -> None:
        for word in expected:
            assert self._words.get(timeout=WITHIN_S) == word

    def has_said_nothing(self) -> bool:
        return self._words.empty()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=WITHIN_S)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._words.put(line.strip())


@pytest.fixture
def start(database_url: str) -> Iterator[Callable[[str], Leader]]:
    leaders: list[Leader] = []

    def started(owner: str) -> Leader:
        leaders.append(Leader(database_url, owner))
        return leaders[-1]

    yield started
    for leader in leaders:
        leader.end()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url, owned=True)
    yield opened
    close_database(opened)


def test_a_stuck_leader_is_replaced_and_told_and_a_killed_one_too(
    start: Callable[[str], Leader], db: Database
) -> None:
    first = start("first")
    first.hears("begun")
    # At once, before it renews: within a transaction it would keep SQLite's lock.
    first.process.send_signal(signal.SIGSTOP)
    second = start("second")
    second.hears("begun")
    first.process.send_signal(signal.SIGCONT)
    first.hears("lost")
    assert second.has_said_nothing(), "it is the leader still"
    third = start("third")
    second.process.kill()
    third.hears("begun")
    [record] = JobLeaseRows(db, owner="test").records()
    assert record.owner == "third"


def test_a_dead_leader_is_replaced_within_half_a_minute(db: Database) -> None:
    lease_s = JobLeaseRows(db, owner="any").length_ms / 1_000
    assert lease_s + bootstrap._ASK_EVERY_S < 30


def test_a_failing_job_is_named_by_health_and_stops_no_other(
    db: Database, swallowed: Swallowed
) -> None:
    failed, worked = threading.Event(), threading.Event()

    async def fail() -> None:
        failed.set()
        raise ValueError("no good")

    async def work() -> None:
        worked.set()

    async def at_end() -> None: ...

    leases = JobLeaseRows(db, owner="one")
    thread = JobThread(
        [
            Job(name=name, every_s=1, run=leased.run, is_shared=True)
            for name, run in (("keys", fail), ("sealing", work))
            for leased in [LeasedJob(name, run, every_s=1, leases=leases)]
        ],
        at_end=at_end,
    )
    # As another process sees it.
    reports = JobReports(
        JobLeaseRows(db, owner="two"),
        every_s={"keys": 1, "sealing": 1},
        own=tuple,
        clock=SystemClock(),
        shared_clock=DatabaseClock(db),
    )
    health = HealthCheck(VitalRows(db), version="1.0", jobs=reports.look)
    thread.start()
    for _ in range(2):
        for event in (failed, worked):
            assert event.wait(WITHIN_S)
            event.clear()
    assert thread.stop(timeout_s=WITHIN_S)
    assert health.look().reasons == ["the job keys fails: no good"]
    assert {str(error) for _, error in swallowed} == {"no good"}
    swallowed.clear()

"""The job thread: a failing job stops nobody, and the thread ends when told."""

import asyncio
import datetime
import threading
from types import SimpleNamespace

import pytest
import schedule

from mai_usage_ext import guard
from mai_usage_ext.jobs.thread import Job, JobThread
from tests.conftest import Swallowed


def test_a_failing_job_does_not_stop_the_others(swallowed: Swallowed) -> None:
    ran, ended = threading.Event(), threading.Event()

    async def fail() -> None:
        raise RuntimeError("broken")

    async def work() -> None:
        ran.set()

    async def at_end() -> None:
        ended.set()

    jobs = JobThread(
        [Job(name="broken", every_s=1, run=fail), Job(name="good", every_s=1, run=work)],
        at_end=at_end,
    )
    assert not jobs.is_alive
    jobs.start()
    assert ran.wait(10)
    ran.clear()
    assert ran.wait(10), "it runs again"
    assert jobs.is_alive
    assert jobs.stop(timeout_s=10)
    assert ended.is_set()
    assert not jobs.is_alive
    assert guard.tally["failed: running the job broken"] >= 1
    assert isinstance(swallowed[0][1], RuntimeError)
    swallowed.clear()


def test_a_job_that_waits_holds_up_nobody_and_is_not_begun_twice() -> None:
    begun, twice, let_go = [], threading.Event(), threading.Event()
    rounds: list[int] = []

    async def wait() -> None:
        begun.append(1)
        try:
            await asyncio.Event().wait()
        finally:
            let_go.set()

    async def work() -> None:
        rounds.append(1)
        if len(rounds) >= 3:
            twice.set()

    async def at_end() -> None: ...

    jobs = JobThread(
        [Job(name="slow", every_s=1, run=wait), Job(name="good", every_s=1, run=work)],
        at_end=at_end,
    )
    jobs.start()
    assert twice.wait(20)
    assert len(begun) == 1
    assert jobs.stop(timeout_s=10)
    assert let_go.is_set(), "it was told to stop"


def test_stopping_what_never_ran() -> None:
    async def at_end() -> None: ...

    assert JobThread([], at_end=at_end).stop(timeout_s=1)


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_set_stops_no_job(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """As in the hour that autumn brings twice, too: plans are made in local time."""
    offset = datetime.timedelta()

    class Now(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
            return datetime.datetime.now(tz) + offset

    clock = SimpleNamespace(**{**vars(datetime), "datetime": Now})
    monkeypatch.setattr(schedule, "datetime", clock)
    ran = threading.Event()

    async def work() -> None:
        ran.set()

    async def at_end() -> None: ...

    jobs = JobThread(
        [Job(name="often", every_s=1, run=work), Job(name="seldom", every_s=3_600, run=work)],
        at_end=at_end,
    )
    jobs.start()
    assert ran.wait(10)
    offset = datetime.timedelta(hours=hours)
    ran.clear()
    for _ in range(2):
        assert ran.wait(10)
        ran.clear()
    assert jobs.stop(timeout_s=10)
    assert guard.tally["clocks set back"] == (hours < 0)

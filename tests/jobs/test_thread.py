"""The job thread: a failing job stops nobody, and the thread ends when told."""

import asyncio
import threading

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

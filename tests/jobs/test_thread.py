"""The job thread: a failing job stops nobody, and the thread ends when told."""

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


def test_stopping_what_never_ran() -> None:
    async def at_end() -> None: ...

    assert JobThread([], at_end=at_end).stop(timeout_s=1)

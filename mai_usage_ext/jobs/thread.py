"""The job thread: its own ``Scheduler``, its own event loop, every job shielded and named."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import schedule

from mai_usage_ext.guard import shielded

__all__ = ["Job", "JobThread"]

_TICK_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A piece of work that looks at the data and may run twice. ``every_s`` is seconds."""

    name: str
    every_s: int
    run: Callable[[], Awaitable[object]]


class JobThread:
    """Runs jobs one after another until stopped. A failing job does not stop the others."""

    def __init__(self, jobs: Sequence[Job], *, at_end: Callable[[], Awaitable[None]]) -> None:
        self._jobs = jobs
        self._at_end = at_end
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._work, name="mai-usage-jobs", daemon=True)
        self._thread.start()

    def stop(self, *, timeout_s: float) -> bool:
        """Ask the thread to end and wait for it; true when it did."""
        self._stopping.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        scheduler = schedule.Scheduler()
        with asyncio.Runner() as runner:

            def run(job: Job) -> None:
                with shielded(f"running the job {job.name}"):
                    runner.run(_call(job.run))

            for job in self._jobs:
                scheduler.every(job.every_s).seconds.do(run, job)
            scheduler.run_all()
            while not self._stopping.wait(_TICK_S):
                scheduler.run_pending()
            with shielded("closing the job thread"):
                runner.run(_call(self._at_end))


async def _call(work: Callable[[], Awaitable[object]]) -> None:
    await work()

"""The job thread: its own ``Scheduler``, its own event loop, every job shielded and named."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import schedule

from mai_usage_ext.guard import shielded, tally
from mai_usage_ext.ports import Clock, JobRecord, SystemClock

__all__ = ["Job", "JobThread"]

_TICK_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A piece of work that looks at the data and may run twice. ``every_s`` is seconds.

    One that ``is_shared`` by all processes has its records where its lease is.
    """

    name: str
    every_s: int
    run: Callable[[], Awaitable[object]]
    is_shared: bool = False


class JobThread:
    """Runs jobs side by side until stopped: one that waits for a slow server, or fails, holds up
    nobody. A job is not begun again while it is at work."""

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        at_end: Callable[[], Awaitable[None]],
        clock: Clock | None = None,
    ) -> None:
        self._jobs = jobs
        self._at_end = at_end
        self._clock = clock or SystemClock()
        self._records = {job.name: JobRecord(name=job.name) for job in jobs if not job.is_shared}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._at_work: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._work()), name="mai-usage-jobs", daemon=True
        )
        self._thread.start()

    def stop(self, *, timeout_s: float) -> bool:
        """Ask the thread to end and wait for it; true when it did. Jobs at work are told to stop
        where they wait."""
        self._stopping.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def records(self) -> list[JobRecord]:
        """How the jobs of this process went that no other shares."""
        return list(self._records.values())

    async def _work(self) -> None:
        scheduler = self._planned()
        while not self._stopping.is_set():
            if self._is_behind(scheduler):
                scheduler = self._planned()
            scheduler.run_pending()
            await asyncio.sleep(_TICK_S)
        await self._end()

    def _planned(self) -> schedule.Scheduler:
        """A plan from now on, all jobs begun."""
        scheduler = schedule.Scheduler()
        for job in self._jobs:
            scheduler.every(job.every_s).seconds.do(self._begin, job)
        scheduler.run_all()
        return scheduler

    def _is_behind(self, scheduler: schedule.Scheduler) -> bool:
        """Whether the clock is behind the plan, which is in the machine's local time: one that was
        set back, or the hour that autumn brings twice, would stop every job for as long."""
        wait_s = scheduler.idle_seconds
        if wait_s is None or wait_s <= min(job.every_s for job in self._jobs):
            return False
        tally.warn("clocks set back", f"the clock was set back: jobs were {wait_s:.0f} s away")
        return True

    def _begin(self, job: Job) -> None:
        earlier = self._at_work.get(job.name)
        if earlier is None or earlier.done():
            self._at_work[job.name] = asyncio.create_task(self._run(job))

    async def _run(self, job: Job) -> None:
        self._note(job, begun_ms=self._clock.now_ms())
        with shielded(f"running the job {job.name}"):
            try:
                await job.run()
            except Exception as error:
                self._note(job, problem=str(error) or type(error).__name__)
                raise
            self._note(job, succeeded_ms=self._clock.now_ms(), problem=None)

    def _note(self, job: Job, **changes: int | str | None) -> None:
        record = self._records.get(job.name)
        if record is not None:
            self._records[job.name] = replace(record, **changes)  # type: ignore[arg-type]

    async def _end(self) -> None:
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with shielded("closing the job thread"):
            await self._at_end()

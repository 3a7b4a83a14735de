"""How the jobs are doing: those of this process, and those that one process runs for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mai_usage_ext.ports import Clock, JobLeases, JobRecord

__all__ = ["JobReport", "JobReports"]

# A job that has missed so many turns, and some time for a start on top, is overdue.
_TURNS = 3
_TOLERANCE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """``complaint`` says in a sentence what is wrong with it, ``None`` while nothing is.

    ``is_shared`` says that one process runs it for all.
    """

    record: JobRecord
    every_s: int
    is_shared: bool
    is_overdue: bool

    @property
    def complaint(self) -> str | None:
        if self.record.problem is not None:
            return f"the job {self.record.name} fails: {self.record.problem}"
        return f"the job {self.record.name} does not run" if self.is_overdue else None


class JobReports:
    """``every_s`` names the jobs and how often each is to run. ``own`` tells of those that every
    process runs, by ``clock``; the others' records are with their leases, by ``shared_clock``."""

    def __init__(
        self,
        leases: JobLeases,
        *,
        every_s: Mapping[str, int],
        own: Callable[[], Sequence[JobRecord]],
        clock: Clock,
        shared_clock: Clock,
    ) -> None:
        self._leases = leases
        self._every_s = every_s
        self._own = own
        self._clock = clock
        self._shared_clock = shared_clock
        self._started_ms = clock.now_ms()

    def look(self) -> list[JobReport]:
        """Every job, in the order of their names. Raises ``StorageUnavailable``."""
        own = {record.name: record for record in self._own()}
        shared = {record.name: record for record in self._leases.records()}
        now_ms, shared_now_ms = self._clock.now_ms(), self._shared_clock.now_ms()
        since_start_ms = now_ms - self._started_ms
        reports = []
        for name, every_s in sorted(self._every_s.items()):
            record = own.get(name) or shared.get(name) or JobRecord(name=name)
            age_ms = since_start_ms
            if record.begun_ms is not None:
                age_ms = (now_ms if name in own else shared_now_ms) - record.begun_ms
            report = JobReport(
                record=record,
                every_s=every_s,
                is_shared=name not in own,
                is_overdue=age_ms > _TURNS * every_s * 1000 + _TOLERANCE_MS,
            )
            reports.append(report)
        return reports

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
    process runs; the others' records are with their leases."""

    def __init__(
        self,
        leases: JobLeases,
        *,
        every_s: Mapping[str, int],
        own: Callable[[], Sequence[JobRecord]],
        clock: Clock,
    ) -> None:
        self._leases = leases
        self._every_s = every_s
        self._own = own
        self._clock = clock
        self._started_ms = clock.now_ms()

    def look(self) -> list[JobReport]:
        """Every job, in the order of their names. Raises ``StorageUnavailable``."""
        own = {record.name: record for record in self._own()}
        shared = {record.name: record for record in self._leases.records()}
        return [
            self._report(own[name], every_s)
            if name in own
            else self._report(shared.get(name, JobRecord(name=name)), every_s, is_shared=True)
            for name, every_s in sorted(self._every_s.items())
        ]

    def _report(self, record: JobRecord, every_s: int, *, is_shared: bool = False) -> JobReport:
        since_ms = self._started_ms if record.begun_ms is None else record.begun_ms
        patience_ms = _TURNS * every_s * 1000 + _TOLERANCE_MS
        is_overdue = self._clock.now_ms() - since_ms > patience_ms
        return JobReport(record=record, every_s=every_s, is_shared=is_shared, is_overdue=is_overdue)

"""Everything a monitoring system is told, as plain numbers: nothing of tenants, users or models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mai_usage_ext.errors import StorageError
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import Clock, HoldState
from mai_usage_ext.ports.vitals import Vitals, VitalStore
from mai_usage_ext.services.job_reports import JobReport
from mai_usage_ext.services.meter_counts import MeterCounts, ProcessFigures

__all__ = ["REFUSALS", "FigureSource", "MeterFigures"]

# By what the tally calls them, which is for people.
REFUSALS = {
    "calls refused by a limit": "limit",
    "background tasks refused by a limit": "limit_of_background_task",
    "calls refused: meter unavailable": "meter_unavailable",
    "calls refused: organization or key inactive": "organization_or_key_inactive",
    "queue full: place": "queue_full",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFigures:
    """``process`` names this one. ``vitals`` and ``jobs`` are the database's, the same in every
    process; ``vitals`` is ``None`` while it does not answer.
    """

    version: str
    process: str
    now_ms: int
    own: ProcessFigures
    counts: Mapping[str, int]
    refused: Mapping[str, int]
    queue_depth: int
    queue_capacity: int
    vitals: Vitals | None = None
    unsettled: Mapping[HoldState, int] = field(default_factory=dict)
    jobs: Sequence[JobReport] = ()


class FigureSource:
    """While the database does not answer, what it would have to say is left out."""

    def __init__(
        self,
        *,
        version: str,
        process: str,
        counts: MeterCounts,
        depth: Callable[[], int],
        capacity: int,
        vitals: VitalStore,
        jobs: Callable[[], Sequence[JobReport]] = tuple,
        clock: Clock,
    ) -> None:
        self._version = version
        self._process = process
        self._counts = counts
        self._depth = depth
        self._capacity = capacity
        self._vitals = vitals
        self._jobs = jobs
        self._clock = clock

    def look(self) -> MeterFigures:
        counts = tally.snapshot()
        vitals: Vitals | None = None
        jobs: Sequence[JobReport] = ()
        try:
            vitals = self._vitals.look()
            jobs = self._jobs()
        except StorageError:
            # What is known without the database is still worth telling, just now.
            tally.add("metrics without the database")
        return MeterFigures(
            version=self._version,
            process=self._process,
            now_ms=self._clock.now_ms(),
            own=self._counts.look(),
            counts=counts,
            refused={reason: counts.get(name, 0) for name, reason in REFUSALS.items()},
            queue_depth=self._depth(),
            queue_capacity=self._capacity,
            vitals=vitals,
            unsettled={}
            if vitals is None
            else {state: one.count for state, one in vitals.unsettled.items()},
            jobs=jobs,
        )

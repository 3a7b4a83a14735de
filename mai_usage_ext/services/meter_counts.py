"""What this process has metered since it started: counts, money and durations, in memory."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mai_usage_ext.ports import Clock, Outcome
from mai_usage_ext.ports.vitals import CommitFacts

__all__ = ["Distribution", "Durations", "MeterCounts", "ProcessFigures"]

# Seconds; a hold's commit is a few milliseconds, a locked database takes seconds.
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """``counts`` has one number for each of ``bounds`` (seconds, upper ends) and one for what is
    above them all; ``sum_s`` is the seconds of all of them together."""

    bounds: Sequence[float]
    counts: Sequence[int]
    sum_s: float

    @property
    def total(self) -> int:
        return sum(self.counts)


class Durations:
    """Durations in fixed classes. May be added to from any thread."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS) + 1)
        self._sum_s = 0.0
        self._lock = threading.Lock()

    def note(self, seconds: float) -> None:
        with self._lock:
            self._counts[bisect_left(_BOUNDS, seconds)] += 1
            self._sum_s += seconds

    def look(self) -> Distribution:
        with self._lock:
            return Distribution(bounds=_BOUNDS, counts=tuple(self._counts), sum_s=self._sum_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFigures:
    """Of this process since ``started_ms``. Money is picodollars; ``last_settled_ms`` is ``None``
    while nothing was settled."""

    started_ms: int
    last_settled_ms: int | None
    holds_placed: int
    holds_refused: int
    settled: Mapping[Outcome, int]
    raw_pusd: int
    billed_pusd: int
    commits: Distribution
    hold_waits: Distribution


class MeterCounts:
    """Implements ``ports.vitals.CommitObserver``. ``hold_waits`` is what calls waited for their
    hold before they were sent."""

    def __init__(self, *, clock: Clock) -> None:
        self.hold_waits = Durations()
        self._commits = Durations()
        self._clock = clock
        self._started_ms = clock.now_ms()
        self._last_settled_ms: int | None = None
        self._placed = self._refused = 0
        self._settled: Counter[Outcome] = Counter()
        self._raw_pusd = self._billed_pusd = 0
        self._lock = threading.Lock()

    def committed(self, facts: CommitFacts) -> None:
        self._commits.note(facts.seconds)
        with self._lock:
            self._placed += facts.placed
            self._refused += facts.refused
            for entry in facts.entries:
                self._settled[entry.outcome] += 1
                self._raw_pusd += entry.raw_pusd
                self._billed_pusd += entry.billed_pusd
            if facts.entries:
                self._last_settled_ms = self._clock.now_ms()

    def look(self) -> ProcessFigures:
        with self._lock:
            return ProcessFigures(
                started_ms=self._started_ms,
                last_settled_ms=self._last_settled_ms,
                holds_placed=self._placed,
                holds_refused=self._refused,
                settled=dict(self._settled),
                raw_pusd=self._raw_pusd,
                billed_pusd=self._billed_pusd,
                commits=self._commits.look(),
                hold_waits=self.hold_waits.look(),
            )

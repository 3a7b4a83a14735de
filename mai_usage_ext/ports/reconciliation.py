"""OpenRouter's own figures of a UTC day, and what comparing ours with them found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from mai_usage_ext.ports.calls import Hold, HoldState

__all__ = [
    "Activity",
    "Adjusted",
    "Candidate",
    "Captured",
    "CounterLook",
    "Figures",
    "Finding",
    "KeyUsage",
    "LineFilter",
    "Midnight",
    "ModelDifference",
    "ProviderDay",
    "ReconciliationRecord",
    "ReconciliationStore",
    "RunRecord",
    "UnsettledHold",
]


class Finding(StrEnum):
    """``EXACT`` both sides are equal · ``ADJUSTED`` they are, with what was booked here ·
    ``WAITING`` calls of the day are still being settled · ``UNEXPLAINED`` they differ, and nothing
    was booked: the reason says why."""

    EXACT = "exact"
    ADJUSTED = "adjusted"
    WAITING = "waiting"
    UNEXPLAINED = "unexplained"


class Midnight(StrEnum):
    """On which day OpenRouter counts a call that runs across midnight: where it begins or ends."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums of calls. ``raw_pusd`` is raw money, BYOK's upstream part included."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    raw_pusd: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            raw_pusd=self.raw_pusd + other.raw_pusd,
        )


ByModel = Mapping[str, Figures]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDay:
    """One key's UTC day as OpenRouter counts it. ``names`` are the models' names by their dated
    slugs, which answers may carry instead."""

    models: ByModel = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What the meter booked by itself of one key's UTC day.

    ``within`` began and ended on it. ``out_of`` began on it and ended on the next, ``into`` began
    on the day before and ended on it: nobody can tell on which of the two OpenRouter counts those.
    """

    within: ByModel = field(default_factory=dict)
    out_of: ByModel = field(default_factory=dict)
    into: ByModel = field(default_factory=dict)
    organization_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """What reconciliations have booked on one key's UTC day, and the last sequence they used."""

    figures: Figures = Figures()
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsettledHold:
    hold: Hold
    state: HoldState


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A generation that OpenRouter's analytics name, and the end user it was made for."""

    generation_id: str
    model: str
    user: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsage:
    """What a key has used in all its life, in raw picodollars; ``name`` is its owner's for it."""

    key_hash: str
    label: str
    usage_pusd: int
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterLook:
    """A key's lifetime counter as it was last seen, and how it was before."""

    key_hash: str
    organization_id: str | None
    label: str
    usage_pusd: int
    at_ms: int
    previous_pusd: int | None
    previous_at_ms: int | None

    @property
    def difference_pusd(self) -> int | None:
        return None if self.previous_pusd is None else self.usage_pusd - self.previous_pusd


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDifference:
    """A model of which the two sides say different things."""

    model: str
    ours: Figures
    theirs: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationRecord:
    """One key's UTC day. ``captured`` is what the meter booked by itself, ``adjusted_pusd`` what
    reconciliations added, ``provider`` what OpenRouter says; ``is_below`` that less than 99.5 % was
    captured. ``organization_id`` is ``None`` for a key that no organization has."""

    day: date
    key_hash: str
    organization_id: str | None
    finding: Finding
    reason: str
    is_below: bool
    captured: Figures
    adjusted_pusd: int
    provider: Figures
    models: Sequence[ModelDifference] = ()
    identified: int = 0
    closed_holds: int = 0
    checked_at_ms: int = 0

    @property
    def difference_pusd(self) -> int:
        """What OpenRouter says beyond all that is booked."""
        return self.provider.raw_pusd - self.captured.raw_pusd - self.adjusted_pusd


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The last comparison of a UTC day. ``next_at_ms`` is ``None`` when nothing is left to do,
    ``finished_at_ms`` while it never came to its end."""

    day: date
    finished_at_ms: int | None
    next_at_ms: int | None
    problem: str | None
    midnight: Midnight | None = None

    def is_due(self, now_ms: int) -> bool:
        if self.finished_at_ms is None:
            return True
        return self.next_at_ms is not None and self.next_at_ms <= now_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines to show; what is ``None`` does not matter. Both days are included."""

    first: date | None = None
    last: date | None = None
    organization_id: str | None = None
    finding: Finding | None = None
    is_below: bool | None = None


class ReconciliationStore(Protocol):
    """Instants are UTC milliseconds; ``until_ms`` is left out. Raises ``StorageUnavailable``."""

    def beginning(self) -> date:
        """The UTC day on which keys began to be noted; the next is the first to compare."""
        ...

    def claim(self, day: date, *, claim: str, now_ms: int, until_ms: int) -> bool:
        """Take a day for oneself until then, or longer when it is one's own; false where another
        one has it."""
        ...

    def release(
        self,
        day: date,
        *,
        claim: str,
        now_ms: int,
        next_at_ms: int | None,
        problem: str | None = None,
        midnight: Midnight | None = None,
    ) -> None:
        """End one's claim; with a ``problem`` the day did not come to its end."""
        ...

    def runs(self, *, first: date, last: date) -> Mapping[date, RunRecord]: ...

    def owners(self) -> Mapping[str, str]:
        """Organizations by the hashes of their keys, replaced ones that were seen included."""
        ...

    def unsettled(self, *, from_ms: int, until_ms: int) -> Sequence[UnsettledHold]:
        """Holds of that time that still keep their money, oldest first."""
        ...

    def adjusted(self, day: date) -> Mapping[str, Adjusted]:
        """By key hash. Ask this before ``captured``: then a booking of another process is never
        counted without its sequence being known."""
        ...

    def captured(
        self, *, from_ms: int, until_ms: int, homes: Mapping[str, str] | None = None
    ) -> Mapping[str, Captured]:
        """By key hash. Calls whose key was not noted count for the key that ``homes`` has of their
        organization, else they stand under ``""``."""
        ...

    def known_generations(self, generation_ids: Sequence[str]) -> set[str]:
        """Those that a ledger entry or a hold has, or an import has counted."""
        ...

    def save(self, record: ReconciliationRecord) -> None:
        """Put a line in the place of the earlier one of its day and key. What was identified and
        closed adds up."""
        ...

    def alert(self, record: ReconciliationRecord) -> bool:
        """Store an event that too little of the line's day was captured; false where the day and
        key have theirs already."""
        ...

    def page(
        self, wanted: LineFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[ReconciliationRecord], int]:
        """Newest day first, and how many there are in all."""
        ...

    def note_counters(self, looks: Sequence[KeyUsage], *, now_ms: int) -> None: ...

    def counters(self, *, offset: int, limit: int) -> tuple[Sequence[CounterLook], int]: ...


class Activity(Protocol):
    """OpenRouter's figures after the fact. Every method raises ``UpstreamError``."""

    async def day(self, day: date, *, key_hash: str, management_key: str) -> ProviderDay:
        """A completed UTC day of the last thirty."""
        ...

    async def names_generations(self, *, management_key: str) -> bool:
        """Whether analytics tell single generations apart."""
        ...

    async def candidates(
        self, *, key_hash: str, from_ms: int, until_ms: int, management_key: str
    ) -> Sequence[Candidate] | None:
        """The generations a key made in that time; ``None`` when there are more than it tells."""
        ...

    async def usage(self, *, management_key: str) -> Sequence[KeyUsage]:
        """Every key's lifetime counter."""
        ...

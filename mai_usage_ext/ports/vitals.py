"""What the database says of the meter's health, and what OpenRouter was last heard of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from mai_usage_ext.ports.calls import HoldState, LedgerEntry

__all__ = [
    "Capture",
    "CommitFacts",
    "CommitObserver",
    "Contact",
    "Unsettled",
    "VitalStore",
    "Vitals",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """Holds of one state that are not closed, and the instant of the oldest of them."""

    count: int
    oldest_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """The last UTC day that was compared with OpenRouter: raw picodollars here and there."""

    day: date
    captured_pusd: int
    provider_pusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """``database_ms`` is the database's clock. ``backlogs`` is what waits to be worked on, by name;
    ``waiting`` names migrations that are not applied; ``free_bytes`` is ``None`` where the database
    is not a file on this machine.
    """

    database_ms: int
    unsettled: Mapping[HoldState, Unsettled] = field(default_factory=dict)
    backlogs: Mapping[str, int] = field(default_factory=dict)
    capture: Capture | None = None
    waiting: Sequence[str] = ()
    free_bytes: int | None = None


class VitalStore(Protocol):
    """Few and cheap statements. Raises ``StorageUnavailable``."""

    def ping(self) -> int:
        """The database's clock, in UTC milliseconds."""
        ...

    def look(self) -> Vitals: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What was last heard of OpenRouter by this process, beside the chats themselves.

    ``skew_ms`` is how far this machine's clock is ahead of OpenRouter's, to about a second;
    ``problem`` is why the last request failed, ``None`` after a success.
    """

    succeeded_ms: int | None = None
    failed_ms: int | None = None
    problem: str | None = None
    skew_ms: int | None = None
    credits_pusd: int | None = None
    credits_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFacts:
    """One transaction of the writer: ``seconds`` it took, how many ``changes`` it held, holds
    ``placed`` and ``refused`` by a limit, and the ``entries`` that are new in the ledger."""

    seconds: float
    changes: int
    placed: int
    refused: int
    entries: Sequence[LedgerEntry]


class CommitObserver(Protocol):
    def committed(self, facts: CommitFacts) -> None:
        """Told in the writer's thread, after the commit."""
        ...

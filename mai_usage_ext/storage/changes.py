"""What waits in the writer's queue: one change to one hold, and the future of the one who waits."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from mai_usage_ext.ports import Hold, HoldState, LedgerEntry, Outcome

__all__ = ["Change", "Defer", "Identify", "Insist", "Place", "Settle", "Void"]


@dataclass(slots=True)
class Change:
    """``future`` resolves with what the fold says of this change, once it is committed."""

    hold: Hold
    future: "Future[Any]" = field(default_factory=Future, init=False)

    def __post_init__(self) -> None:
        # A running future cannot be cancelled: a waiter that gives up takes nothing back.
        self.future.set_running_or_notify_cancel()

    @property
    def name(self) -> str:
        return type(self).__name__.lower()


@dataclass(slots=True, kw_only=True)
class Place(Change):
    least_pusd: int | None = None
    has_user_limit: bool = False


@dataclass(slots=True)
class Insist(Change):
    """The call was sent unchecked, so its money is held whatever the limit says."""


@dataclass(slots=True)
class Identify(Change):
    generation_id: str


@dataclass(slots=True)
class Settle(Change):
    entry: LedgerEntry


@dataclass(slots=True, kw_only=True)
class Defer(Change):
    state: HoldState
    outcome: Outcome
    generation_id: str | None
    reason: str
    next_attempt_ms: int | None
    first_byte_ms: int | None
    duration_ms: int | None


@dataclass(slots=True, kw_only=True)
class Void(Change):
    reason: str

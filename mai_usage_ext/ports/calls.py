"""Upstream calls: holds, ledger entries, generations, and who keeps them."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.metering.usage import Usage

__all__ = [
    "Generation",
    "Generations",
    "Hold",
    "HoldState",
    "HoldStore",
    "Ledger",
    "LedgerEntry",
    "LookupKeys",
    "NoKeys",
    "Outcome",
    "PendingHold",
    "Prices",
    "Source",
    "UsageStore",
    "UsageTotals",
    "Verdict",
]


class Outcome(StrEnum):
    """How a call ended, for the one who reads a report."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Source(StrEnum):
    """Where an entry's numbers came from."""

    STREAM = "stream"
    BODY = "body"
    GENERATION = "generation"
    BROADCAST = "broadcast"
    ADJUSTMENT = "adjustment"


class HoldState(StrEnum):
    """Open holds keep their money; the last three states are closed and keep none.

    ``OPEN`` in flight · ``PENDING`` over, to be settled from ``/generation`` · ``UNIDENTIFIED``
    over, and no generation id is known · ``UNPRICED`` the provider itself has no usable cost ·
    ``SETTLED`` in the ledger · ``VOID`` nothing was billed upstream · ``DUPLICATE`` its generation
    was in the ledger already.
    """

    OPEN = "open"
    PENDING = "pending"
    UNIDENTIFIED = "unidentified"
    UNPRICED = "unpriced"
    SETTLED = "settled"
    VOID = "void"
    DUPLICATE = "duplicate"

    @property
    def is_closed(self) -> bool:
        return self in (HoldState.SETTLED, HoldState.VOID, HoldState.DUPLICATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Money set aside for one upstream call before it is sent.

    ``estimate_pusd`` is billed money. ``day`` and ``month`` are the ones the entry will be booked
    on, in the organization's zone at ``at_ms``. ``owner`` is the process that made the call; the
    hold is its own until that process's lease runs out. ``key_hash`` is OpenRouter's hash of the
    key the call carries, the SHA-256 of its secret; empty where it is not known.
    """

    id: str
    organization_id: str
    user_id: str | None
    model: str
    purpose: str
    estimate_pusd: int
    rate_micro: int
    fee_pusd: int
    day: date
    month: str
    at_ms: int
    owner: str
    key_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a hold that was asked for.

    ``granted_pusd`` is what is held now, ``None`` when a limit refused it. The other amounts are
    those of the limit that decided, of the user's own where ``is_users`` says so.
    """

    granted_pusd: int | None
    limit_pusd: int | None = None
    spent_pusd: int = 0
    held_pusd: int = 0
    is_users: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One generation, booked once. Corrections are entries with a higher ``sequence``."""

    generation_id: str
    sequence: int
    organization_id: str
    user_id: str | None
    model: str
    provider: str
    purpose: str
    day: date
    at_ms: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    raw_pusd: int
    billed_pusd: int
    rate_micro: int
    fee_pusd: int
    outcome: Outcome
    source: Source
    first_byte_ms: int | None
    duration_ms: int | None
    booked_at_ms: int
    key_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingHold:
    """A hold whose call is over and whose cost is not known yet."""

    hold: Hold
    generation_id: str
    outcome: Outcome
    attempts: int
    next_attempt_ms: int
    first_byte_ms: int | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What ``GET /generation`` says of a call. ``usage`` is ``None`` when it makes no sense."""

    id: str
    model: str | None
    provider: str | None
    usage: Usage | None
    problem: str | None
    cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotals:
    """``is_imported`` says that another system has counted them, or a part of them."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    raw_pusd: int = 0
    billed_pusd: int = 0
    is_imported: bool = False

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class Ledger(Protocol):
    """The writing side: a queue in front of one thread that commits in groups.

    Every method returns at once. Futures resolve when the change is committed, carry the error when
    it never will be (``StorageError``), and are never cancelled by a waiter that gives up. After a
    stop or in a fork ``StorageUnavailable`` is raised at once, and ``QueueFull`` when there is no
    room. Changes to one hold take effect in the order they were made.
    """

    def place(
        self, hold: Hold, *, least_pusd: int | None = None, has_user_limit: bool = False
    ) -> "Future[Verdict]":
        """Commit a hold if its organization's limit, and its user's, have room for it.

        With ``least_pusd`` the hold may be made smaller, down to that, to fit what is left.
        ``has_user_limit`` says that the user may have a limit of their own to look up.
        """
        ...

    def insist(self, hold: Hold) -> None:
        """The call was sent before its hold was decided: hold its money whatever the verdict."""
        ...

    def identify(self, hold: Hold, generation_id: str) -> None:
        """Store the generation's id as soon as it is seen; nobody waits for it."""
        ...

    def settle(self, hold: Hold, entry: LedgerEntry) -> "Future[bool]":
        """Entry, counters and the hold's closing in one transaction.

        The result is ``False`` when the generation was in the ledger already: a replay, a no-op.
        """
        ...

    def defer(
        self,
        hold: Hold,
        *,
        state: HoldState,
        outcome: Outcome,
        generation_id: str | None,
        reason: str,
        next_attempt_ms: int | None = None,
        first_byte_ms: int | None = None,
        duration_ms: int | None = None,
    ) -> "Future[None]":
        """The call is over without a price: ``PENDING``, ``UNIDENTIFIED`` or ``UNPRICED``."""
        ...

    def void(self, hold: Hold, *, reason: str) -> "Future[None]":
        """Nothing was billed upstream: close the hold at zero and free its money."""
        ...

    @property
    def depth(self) -> int:
        """Changes that wait for their commit."""
        ...


class HoldStore(Protocol):
    """The reading side of holds, and what recovery does to them; a method is one transaction."""

    def due(self, *, now_ms: int, limit: int) -> Sequence[PendingHold]:
        """Pending holds to ask about now, oldest first, free or owned by a living process alike."""
        ...

    def claim(self, pending: PendingHold, *, next_attempt_ms: int) -> bool:
        """Take one for this attempt: true for one caller only, whoever else saw it due."""
        ...

    def adopt_orphans(self, *, now_ms: int) -> dict[HoldState, int]:
        """Open holds of processes whose lease ran out become pending, or unidentified without an
        id. Returns how many became which."""
        ...

    def counts(self) -> dict[HoldState, int]:
        """Holds that are not closed, by state."""
        ...

    def unsettled_on(self, organization_id: str, day: date) -> int:
        """Calls of that day whose final cost is not known yet, those in flight included."""
        ...


class UsageStore(Protocol):
    """Sealed days and live cells together, never both for one day."""

    def by_day(self, organization_id: str, *, first: date, last: date) -> dict[date, UsageTotals]:
        """Totals of the days that have any, both ends included."""
        ...

    def ledger_total_pusd(self) -> tuple[int, int]:
        """Number of entries and the sum of their raw cost."""
        ...


class Generations(Protocol):
    async def fetch(self, generation_id: str, *, key: str) -> Generation:
        """Raises ``GenerationNotFound`` while it is not known, ``UpstreamError`` otherwise."""
        ...


class LookupKeys(Protocol):
    async def for_hold(self, hold: Hold) -> Sequence[str]:
        """Keys to ask ``/generation`` with, best first. Secrets: never log them."""
        ...


class NoKeys:
    async def for_hold(self, hold: Hold) -> Sequence[str]:
        return ()


class Prices(Protocol):
    def of(self, model: str) -> ModelPrice | None: ...

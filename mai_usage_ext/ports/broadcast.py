"""Calls that OpenRouter tells of by itself, beside what the ledger has of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mai_usage_ext.metering.usage import Usage
from mai_usage_ext.ports.calls import Hold, HoldState, Outcome, Source

__all__ = [
    "Booked",
    "BroadcastCall",
    "BroadcastFinding",
    "BroadcastRecord",
    "BroadcastStore",
    "HeldCall",
    "Known",
]


class BroadcastFinding(StrEnum):
    """``WAITING`` for what will settle the call by itself · ``BOOKED`` the ledger lacked it ·
    ``DIFFERS`` the ledger says something else, and went on saying it · ``LATE`` it came when its
    day had been compared with OpenRouter's figures already, which book what is missing."""

    WAITING = "waiting"
    BOOKED = "booked"
    DIFFERS = "differs"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastCall:
    """One generation. ``at_ms`` is when OpenRouter began it; ``user`` is what it was told of the
    user, ``key_name`` its name for the key, both empty where it says nothing."""

    generation_id: str
    at_ms: int
    duration_ms: int | None
    model: str
    provider: str
    user: str
    key_name: str
    usage: Usage
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastRecord:
    """A call as it was received, and what was found of it."""

    call: BroadcastCall
    received_at_ms: int
    finding: BroadcastFinding = BroadcastFinding.WAITING
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What the ledger has of a generation, corrections included; the first entry's ``source``."""

    source: Source
    prompt_tokens: int
    completion_tokens: int
    raw_pusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCall:
    hold: Hold
    state: HoldState
    outcome: Outcome | None
    first_byte_ms: int | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a generation here: what is booked, and the hold that keeps money for it.
    ``is_imported`` says that an import has counted it."""

    booked: Booked | None = None
    held: HeldCall | None = None
    is_imported: bool = False


class BroadcastStore(Protocol):
    """Instants are UTC milliseconds. Raises ``StorageUnavailable``."""

    def add(self, calls: Sequence[BroadcastCall], *, now_ms: int, due_at_ms: int) -> int:
        """Keep all of them or none, each once; how many are new."""
        ...

    def due(self, *, now_ms: int, limit: int) -> Sequence[BroadcastRecord]:
        """What is to be judged now, oldest first."""
        ...

    def known(self, generation_ids: Sequence[str]) -> Mapping[str, Known]:
        """Holds are read first: one that is closed by the time the ledger is read has its entry
        there, or cost nothing."""
        ...

    def nameless_holds(self, *, from_ms: int, until_ms: int) -> Sequence[HeldCall]:
        """Holds of that time that keep their money and have no generation, oldest first."""
        ...

    def keys(self) -> Mapping[str, tuple[str, str | None]]:
        """Hash and organization of the keys, by the names that OpenRouter has for them; a name that
        several have is left out."""
        ...

    def members(self, openrouter_user_id: str, *, at_ms: int) -> Sequence[tuple[str, str]]:
        """Organization and user of whom OpenRouter knew by that name then."""
        ...

    def postpone(self, generation_ids: Sequence[str], *, due_at_ms: int) -> None: ...

    def judge(self, generation_id: str, finding: BroadcastFinding, reason: str) -> None:
        """Keep what was found; it is not due any more."""
        ...

    def forget(self, generation_ids: Sequence[str]) -> None:
        """Drop calls that say what the ledger says."""
        ...

    def forget_older(self, before_ms: int) -> int:
        """Drop findings that were received before then."""
        ...

    def page(
        self, finding: BroadcastFinding | None, *, offset: int, limit: int
    ) -> tuple[Sequence[BroadcastRecord], int]:
        """Newest first, and how many there are in all."""
        ...

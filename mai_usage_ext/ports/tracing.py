"""Traces: what an operator's own observability is told of calls and jobs, without any content.

Nothing here raises: who traces swallows its own failures, because a chat must not feel them.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mai_usage_ext.ports.calls import HoldState, LedgerEntry

__all__ = [
    "UNTRACED",
    "CallEnd",
    "CallOutcome",
    "CallStart",
    "CallTrace",
    "NoTracing",
    "Tracing",
]


class CallOutcome(StrEnum):
    """``NOT_BILLED`` an error, or nothing, came from upstream · ``LOST`` nobody knows what became
    of it · ``REFUSED`` it was never sent. The others are those of the ledger."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    NOT_BILLED = "not_billed"
    LOST = "lost"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStart:
    """A call about to be sent, or refused; then there is no ``hold_id``. ``shape`` is one of
    ``metering.routes.Shape``."""

    shape: str
    model: str
    organization_id: str
    purpose: str
    hold_id: str | None = None
    server: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How it went. ``error`` is a status or the name of a class, never a message.

    Without an ``entry`` the cost is not known yet, or there is none. ``first_byte_ms`` counts from
    the dispatch.
    """

    outcome: CallOutcome
    error: str | None = None
    state: HoldState | None = None
    entry: LedgerEntry | None = None
    generation_id: str | None = None
    is_stream: bool = False
    first_byte_ms: int | None = None


class CallTrace(Protocol):
    """One call from its dispatch on. Where nobody ends it, nothing is told of it."""

    def current(self) -> AbstractContextManager[object]:
        """While it is open, what others trace in this task or thread belongs to the call."""
        ...

    def ended(self, end: CallEnd) -> None: ...


class Tracing(Protocol):
    def call(self, start: CallStart) -> CallTrace:
        """A part of whatever the host is tracing in this task or thread."""
        ...

    def job(self, name: str) -> AbstractContextManager[object]:
        """One run of a job; what is raised inside passes through."""
        ...


class _Untraced:
    def current(self) -> AbstractContextManager[object]:
        return _NOTHING

    def ended(self, end: CallEnd) -> None:
        """Nobody wants to know."""


_NOTHING = nullcontext()
UNTRACED: CallTrace = _Untraced()


class NoTracing:
    def call(self, start: CallStart) -> CallTrace:
        return UNTRACED

    def job(self, name: str) -> AbstractContextManager[object]:
        return _NOTHING

"""What happened that other systems want to hear of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

__all__ = ["EventKind", "EventStore", "UsageEvent"]


class EventKind(StrEnum):
    """The value is the event's type, as a webhook's receiver sees it."""

    DAY_SEALED = "usage.day_sealed"
    LIMIT_CROSSED = "limit.threshold_crossed"
    LIMIT_REACHED = "limit.reached"
    STATEMENT_CLOSED = "statement.closed"
    KEY_CREATED = "key.created"
    KEY_ROTATED = "key.rotated"
    KEY_DISABLED = "key.disabled"
    KEY_TROUBLE = "key.trouble"
    RECONCILIATION_GAP = "reconciliation.gap"
    ALERT_FIRED = "alert.fired"
    ALERT_RESOLVED = "alert.resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageEvent:
    """``number`` rises in the order of commits, as far as one process can tell; ``id`` is what a
    receiver deduplicates by. ``data`` is JSON: money as decimal USD, instants after RFC 3339."""

    number: int
    id: str
    kind: EventKind
    subject: str
    organization_id: str | None
    at_ms: int
    data: Mapping[str, Any]


class EventStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def add(
        self,
        kind: EventKind,
        *,
        subject: str,
        at_ms: int,
        data: Mapping[str, Any],
        organization_id: str | None = None,
    ) -> None:
        """Note it in the caller's transaction, so that it is told exactly when it came to be.

        ``subject`` names what it is about. The same kind and subject a second time is a no-op.
        """
        ...

    def after(self, number: int, *, limit: int) -> Sequence[UsageEvent]:
        """The events with a higher number, in its order."""
        ...

"""Marks that were crossed, noted with their event for other systems in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from peewee import Database

from mai_usage_ext.metering.limits import LimitEventKind
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.storage.alert_models import AlertEvent
from mai_usage_ext.storage.budgets import LimitEvent
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.statements import Write, insert_of

__all__ = ["MarkRows"]

_COLUMNS = (
    "kind",
    "organization_id",
    "user_id",
    "month",
    "percent",
    "limit_pusd",
    "spent_pusd",
    "at_ms",
    "rule_id",
    "severity",
)
_KINDS = {
    LimitEventKind.THRESHOLD: EventKind.LIMIT_CROSSED,
    LimitEventKind.REACHED: EventKind.LIMIT_REACHED,
    LimitEventKind.AMOUNT: EventKind.ALERT_FIRED,
}


class MarkRows:
    """In the caller's transaction. The statement is compiled once: every refused call runs it."""

    def __init__(self, db: Database) -> None:
        self._events = EventRows(db)
        # A mark is noted once for each limit and period, however often it is seen.
        self._note = Write(db, insert_of(AlertEvent, _COLUMNS).on_conflict(action="IGNORE"))

    def add(self, events: Sequence[LimitEvent], *, now_ms: int) -> None:
        """Note what is not noted yet, and tell other systems of it."""
        for event in events:
            if self._note.run([_row(event, now_ms)]):
                self._events.add(
                    _KINDS[event.kind],
                    subject=_subject(event),
                    organization_id=event.key[0],
                    at_ms=now_ms,
                    data=_facts(event),
                )


def _row(event: LimitEvent, now_ms: int) -> Mapping[str, Any]:
    organization_id, period, user_id = event.key
    return {
        "kind": event.kind.value,
        "organization_id": organization_id,
        "user_id": user_id,
        "month": period,
        "percent": event.percent,
        "limit_pusd": event.limit_pusd,
        "spent_pusd": event.spent_pusd,
        "at_ms": now_ms,
        "rule_id": None if event.rule is None else event.rule.id,
        "severity": "warning" if event.rule is None else event.rule.severity,
    }


def _subject(event: LimitEvent) -> str:
    """As unique as the mark itself."""
    return "/".join((event.kind.value, *event.key, str(event.percent), str(event.limit_pusd)))


def _facts(event: LimitEvent) -> Mapping[str, Any]:
    organization_id, period, user_id = event.key
    facts = {
        "client_id": organization_id,
        "user_id": user_id or None,
        "period": period,
        "spent": usd_from_pusd(event.spent_pusd),
    }
    if event.kind is LimitEventKind.AMOUNT:
        return {"kind": event.kind.value, **facts, "amount": usd_from_pusd(event.limit_pusd)}
    return {**facts, "percent": event.percent, "limit": usd_from_pusd(event.limit_pusd)}

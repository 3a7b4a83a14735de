"""The comparisons of all keys, added up by UTC day."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from peewee import Case, Database, fn

from mai_usage_ext.ports.captures import CaptureDay
from mai_usage_ext.ports.reconciliation import Finding
from mai_usage_ext.storage.reconciliation_models import ReconciliationLine
from mai_usage_ext.storage.sessions import session

__all__ = ["CaptureRows"]


class CaptureRows:
    """Implements ``ports.captures.CaptureStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def days(self, *, first: date, last: date, organization_id: str | None) -> list[CaptureDay]:
        line = ReconciliationLine
        query: Any = line.select(
            line.day,
            fn.SUM(line.captured_pusd),
            fn.SUM(line.adjusted_pusd),
            fn.SUM(line.provider_pusd),
            fn.COUNT(line.key_hash),
            _count(line.is_below == True),  # noqa: E712 - a column, not a truth
            _count(line.status == Finding.WAITING.value),
            _count(line.status == Finding.UNEXPLAINED.value),
        ).where(line.day.between(first, last))
        if organization_id is not None:
            query = query.where(line.organization_id == organization_id)
        with session(self._db):
            rows = list(query.group_by(line.day).order_by(line.day).tuples().bind(self._db))
        return [_day(row) for row in rows]


def _count(condition: Any) -> Any:
    return fn.SUM(Case(None, [(condition, 1)], 0))


def _day(row: Sequence[Any]) -> CaptureDay:
    day, captured, adjusted, provider, keys, below, waiting, unexplained = row
    return CaptureDay(
        day=day if isinstance(day, date) else date.fromisoformat(day),
        captured_pusd=int(captured),
        adjusted_pusd=int(adjusted),
        provider_pusd=int(provider),
        keys=int(keys),
        below=int(below),
        waiting=int(waiting),
        unexplained=int(unexplained),
    )

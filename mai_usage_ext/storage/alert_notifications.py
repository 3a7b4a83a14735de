"""Alerts on their way, in the database: each to each recipient, together in batches."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from peewee import Database, fn

from mai_usage_ext.ports.alerts import Alert, Batch, Channel
from mai_usage_ext.storage.alert_models import AlertEvent
from mai_usage_ext.storage.alert_models import AlertNotification as Row
from mai_usage_ext.storage.alerts import alert_of
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["NotificationRows"]


class NotificationRows:
    """Implements ``ports.alerts.NotificationStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, alert_id: int, channel: Channel, recipient: str, *, now_ms: int) -> None:
        query = Row.insert(
            alert_id=alert_id,
            channel=channel.value,
            recipient=recipient,
            attempts=0,
            created_at_ms=now_ms,
            next_at_ms=now_ms,
        )
        with transaction(self._db):
            write(self._db, query.on_conflict(action="IGNORE"))

    def due(self, *, now_ms: int, limit: int) -> Sequence[Batch]:
        self._put_together(limit)
        query = Row.select().where((Row.next_at_ms <= now_ms) & Row.batch.is_null(is_null=False))
        batches: dict[str, list[Row]] = {}
        with session(self._db):
            for row in query.order_by(Row.id).limit(limit).bind(self._db):
                batches.setdefault(row.batch or "", []).append(row)
            alerts = self._alerts([row.alert_id for rows in batches.values() for row in rows])
        return [_batch(name, rows, alerts) for name, rows in batches.items()]

    def sent(self, batch_id: str, *, now_ms: int) -> None:
        self._change(
            batch_id, attempts=Row.attempts + 1, sent_at_ms=now_ms, next_at_ms=None, problem=None
        )

    def failed(self, batch_id: str, *, problem: str, next_at_ms: int | None, now_ms: int) -> None:
        self._change(
            batch_id,
            attempts=Row.attempts + 1,
            problem=problem,
            next_at_ms=next_at_ms,
            gave_up_at_ms=now_ms if next_at_ms is None else None,
        )

    def given_up(self, *, since_ms: int) -> tuple[int, str]:
        is_lost = Row.gave_up_at_ms >= since_ms
        query: Any = Row.select(fn.COUNT(Row.id)).where(is_lost)
        last = Row.select().where(is_lost).order_by(Row.gave_up_at_ms.desc(), Row.id.desc())
        with session(self._db):
            count = int(query.tuples().bind(self._db).get()[0])
            row = last.limit(1).bind(self._db).first() if count else None
        return count, "" if row is None else row.problem or ""

    def _put_together(self, limit: int) -> None:
        """Whatever waits for one recipient and is in no message yet goes into one. From then on
        each attempt is the same message, so that whoever gets it twice can tell."""
        query = Row.select().where(Row.batch.is_null() & Row.next_at_ms.is_null(is_null=False))
        with transaction(self._db):
            waiting = defaultdict[tuple[str, str], list[int]](list)
            for row in query.order_by(Row.id).limit(limit).bind(self._db):
                waiting[row.channel, row.recipient].append(row.id)
            for ids in waiting.values():
                name = uuid.uuid4().hex
                taken = Row.update(batch=name).where(Row.id.in_(ids) & Row.batch.is_null())
                write(self._db, taken)

    def _alerts(self, ids: Sequence[int]) -> dict[int, Alert]:
        query = AlertEvent.select().where(AlertEvent.id.in_(sorted(set(ids))))
        return {row.id: alert_of(row) for row in query.bind(self._db)} if ids else {}

    def _change(self, batch_id: str, **columns: Any) -> None:
        is_under_way = (Row.batch == batch_id) & Row.next_at_ms.is_null(is_null=False)
        with transaction(self._db):
            write(self._db, Row.update(**columns).where(is_under_way))


def _batch(name: str, rows: Sequence[Row], alerts: dict[int, Alert]) -> Batch:
    first = rows[0]
    return Batch(
        id=name,
        channel=Channel(first.channel),
        recipient=first.recipient,
        attempts=first.attempts,
        created_at_ms=min(row.created_at_ms for row in rows),
        alerts=[alerts[row.alert_id] for row in rows if row.alert_id in alerts],
    )

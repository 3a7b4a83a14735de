"""What the database says of the meter's health, in a handful of cheap statements."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from peewee import Database, SqliteDatabase, fn

from mai_usage_ext.ports import HoldState
from mai_usage_ext.ports.vitals import Capture, Unsettled, Vitals
from mai_usage_ext.storage.alert_models import AlertNotification
from mai_usage_ext.storage.clock import DatabaseClock
from mai_usage_ext.storage.models import UsageHold
from mai_usage_ext.storage.reconciliation_models import BroadcastCall, ReconciliationLine
from mai_usage_ext.storage.sessions import session
from mai_usage_ext.storage.webhook_models import WebhookDelivery

__all__ = ["VitalRows"]

# What is due has an instant here, what is done has none.
_QUEUES: Mapping[str, Any] = {
    "broadcast": BroadcastCall.due_at_ms,
    "webhooks": WebhookDelivery.next_attempt_ms,
    "notifications": AlertNotification.next_at_ms,
}


class VitalRows:
    """Implements ``ports.vitals.VitalStore``. ``waiting`` names migrations not applied yet."""

    def __init__(self, db: Database, *, waiting: Callable[[], Sequence[str]] = tuple) -> None:
        self._db = db
        self._clock = DatabaseClock(db)
        self._waiting = waiting

    def ping(self) -> int:
        return self._clock.now_ms()

    def look(self) -> Vitals:
        with session(self._db):
            return Vitals(
                database_ms=self._clock.now_ms(),
                unsettled=self._unsettled(),
                backlogs={name: self._waiting_in(column) for name, column in _QUEUES.items()},
                capture=self._capture(),
                waiting=tuple(self._waiting()),
                free_bytes=_free_bytes(self._db),
            )

    def _unsettled(self) -> dict[HoldState, Unsettled]:
        hold = UsageHold
        query: Any = hold.select(hold.state, fn.COUNT(hold.id), fn.MIN(hold.at_ms))
        query = query.where(hold.closed_at_ms.is_null()).group_by(hold.state)
        rows = {state: (count, oldest) for state, count, oldest in query.tuples().bind(self._db)}
        return {
            state: Unsettled(count=int(found[0]), oldest_at_ms=int(found[1]))
            for state in HoldState
            if (found := rows.get(state.value)) is not None
        }

    def _waiting_in(self, column: Any) -> int:
        query = column.model.select(fn.COUNT(column)).where(column.is_null(is_null=False))
        return int(query.bind(self._db).scalar())

    def _capture(self) -> Capture | None:
        line = ReconciliationLine
        last = line.select(fn.MAX(line.day))
        query: Any = line.select(
            line.day, fn.SUM(line.captured_pusd), fn.SUM(line.provider_pusd)
        ).where(line.day == last)
        row = query.group_by(line.day).tuples().bind(self._db).first()
        if row is None:
            return None
        day = row[0] if isinstance(row[0], date) else date.fromisoformat(row[0])
        return Capture(day=day, captured_pusd=int(row[1]), provider_pusd=int(row[2]))


def _free_bytes(db: Database) -> int | None:
    """Room beside an SQLite file. A server's disk is not ours to see."""
    if not isinstance(db, SqliteDatabase) or str(db.database).startswith(":"):
        return None
    return shutil.disk_usage(Path(str(db.database)).resolve().parent).free

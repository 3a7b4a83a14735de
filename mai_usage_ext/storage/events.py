"""What other systems will hear of, stored by the transaction that made it true."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from peewee import Database

from mai_usage_ext.ports.events import EventKind, UsageEvent
from mai_usage_ext.storage.event_models import UsageEvent as EventRow
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["EventRows", "event_of"]


class EventRows:
    """Implements ``ports.events.EventStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(
        self,
        kind: EventKind,
        *,
        subject: str,
        at_ms: int,
        data: Mapping[str, Any],
        organization_id: str | None = None,
    ) -> None:
        query = EventRow.insert(
            id=f"evt_{uuid.uuid4().hex}",
            kind=kind.value,
            subject=subject,
            organization_id=organization_id,
            at_ms=at_ms,
            data=json.dumps(data, ensure_ascii=False),
        )
        with transaction(self._db):
            write(self._db, query.on_conflict(action="IGNORE"))

    def after(self, number: int, *, limit: int) -> Sequence[UsageEvent]:
        query = EventRow.select().where(EventRow.number > number)
        with session(self._db):
            rows = query.order_by(EventRow.number).limit(limit).bind(self._db)
            return [event_of(row) for row in rows]


def event_of(row: EventRow) -> UsageEvent:
    return UsageEvent(
        number=row.number,
        id=row.id,
        kind=EventKind(row.kind),
        subject=row.subject,
        organization_id=row.organization_id,
        at_ms=row.at_ms,
        data=json.loads(row.data),
    )

"""What crossed a limit's marks, as stored by the writer's groups and by changes of a limit."""

from collections.abc import Sequence

from peewee import Database

from mai_usage_ext.metering.limits import LimitEventKind, MarkRule
from mai_usage_ext.ports import LimitEventRecord
from mai_usage_ext.storage.alert_marks import MarkRows
from mai_usage_ext.storage.budgets import ORGANIZATION, LimitEvent
from mai_usage_ext.storage.models import AlertEvent
from mai_usage_ext.storage.sessions import session, transaction

__all__ = ["LimitEventRows"]

_KINDS = [LimitEventKind.THRESHOLD.value, LimitEventKind.REACHED.value]


class LimitEventRows:
    """Implements ``ports.LimitEventStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._marks = MarkRows(db)

    def add(
        self,
        *,
        kind: LimitEventKind,
        organization_id: str,
        month: str,
        percent: int,
        limit_pusd: int,
        spent_pusd: int,
        at_ms: int,
        user_id: str | None = None,
        rule: MarkRule | None = None,
    ) -> None:
        key = organization_id, month, user_id or ORGANIZATION
        event = LimitEvent(kind, key, percent, limit_pusd, spent_pusd, rule)
        with transaction(self._db):
            self._marks.add([event], now_ms=at_ms)

    def page(
        self, *, organization_id: str | None, offset: int, limit: int
    ) -> tuple[Sequence[LimitEventRecord], int]:
        # Events about other things than limits are told elsewhere.
        query = AlertEvent.select().where(AlertEvent.kind.in_(_KINDS))
        if organization_id is not None:
            query = query.where(AlertEvent.organization_id == organization_id)
        page = query.order_by(AlertEvent.id.desc()).offset(offset).limit(limit)
        with session(self._db):
            total = int(query.bind(self._db).count())
            return [_record(row) for row in page.bind(self._db)], total


def _record(row: AlertEvent) -> LimitEventRecord:
    return LimitEventRecord(
        id=row.id,
        kind=LimitEventKind(row.kind),
        organization_id=row.organization_id,
        user_id=row.user_id or None,
        month=row.month,
        percent=row.percent,
        limit_pusd=row.limit_pusd,
        spent_pusd=row.spent_pusd,
        at_ms=row.at_ms,
    )

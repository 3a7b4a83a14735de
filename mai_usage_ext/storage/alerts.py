"""Alerts and what became of them, in the database."""

import json
from collections.abc import Sequence
from typing import Any

from peewee import Database

from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.alerts import (
    Alert,
    AlertCondition,
    AlertFilter,
    AlertRule,
    AlertState,
    RuleKind,
    Severity,
)
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.storage.alert_models import AlertEvent
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["AlertRows", "alert_of"]

# Other systems hear of these by events of their own kinds, which have no end.
_OF_LIMITS = RuleKind.LIMIT.alerts


class AlertRows:
    """Implements ``ports.alerts.AlertStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._events = EventRows(db)

    def page(self, wanted: AlertFilter, *, offset: int, limit: int) -> tuple[Sequence[Alert], int]:
        query = AlertEvent.select()
        for column, value in (
            (AlertEvent.state, wanted.state),
            (AlertEvent.kind, wanted.kind),
            (AlertEvent.organization_id, wanted.organization_id),
            (AlertEvent.severity, wanted.severity),
        ):
            if value is not None:
                query = query.where(column == str(value))
        page = query.order_by(AlertEvent.id.desc()).offset(offset).limit(limit)
        with session(self._db):
            total = int(query.bind(self._db).count())
            return [alert_of(row) for row in page.bind(self._db)], total

    def get(self, alert_id: int) -> Alert | None:
        with session(self._db):
            row = AlertEvent.select().where(AlertEvent.id == alert_id).bind(self._db).first()
        return None if row is None else alert_of(row)

    def unresolved(self, kinds: Sequence[str]) -> Sequence[Alert]:
        query = AlertEvent.select().where(
            (AlertEvent.state != AlertState.RESOLVED.value) & AlertEvent.kind.in_(list(kinds))
        )
        with session(self._db):
            return [alert_of(row) for row in query.order_by(AlertEvent.id).bind(self._db)]

    def fire(self, condition: AlertCondition, *, now_ms: int) -> bool:
        query = AlertEvent.insert(
            kind=condition.kind,
            organization_id=condition.organization_id,
            user_id=condition.user_id or "",
            month=condition.period,
            percent=0,
            limit_pusd=condition.limit_pusd,
            spent_pusd=condition.spent_pusd,
            at_ms=now_ms,
            subject=condition.subject,
            rule_id=condition.rule.id,
            severity=condition.rule.severity.value,
            facts=json.dumps(dict(condition.facts), ensure_ascii=False),
        )
        with transaction(self._db):
            if not write(self._db, query.on_conflict(action="IGNORE")):
                return False
            self._events.add(
                EventKind.ALERT_FIRED,
                subject=f"{condition.kind}/{condition.subject}",
                organization_id=condition.organization_id,
                at_ms=now_ms,
                data={
                    "kind": condition.kind,
                    "client_id": condition.organization_id,
                    "user_id": condition.user_id,
                    "period": condition.period or None,
                    "severity": condition.rule.severity.value,
                    **condition.facts,
                },
            )
        return True

    def change(
        self, alert_id: int, state: AlertState, *, by: str, note: str | None, now_ms: int
    ) -> bool:
        columns: dict[str, Any] = {"state": state.value}
        if note is not None:
            columns["note"] = note
        kind = "resolved" if state is AlertState.RESOLVED else "acknowledged"
        columns |= {f"{kind}_at_ms": now_ms, f"{kind}_by": by}
        is_it = (AlertEvent.id == alert_id) & (AlertEvent.state != AlertState.RESOLVED.value)
        with transaction(self._db):
            if not write(self._db, AlertEvent.update(**columns).where(is_it)):
                return False
            if state is AlertState.RESOLVED:
                self._tell_resolved(alert_id, by=by, now_ms=now_ms)
        return True

    def untold(self, *, limit: int) -> Sequence[Alert]:
        query = AlertEvent.select().where(AlertEvent.told_at_ms.is_null())
        with session(self._db):
            rows = query.order_by(AlertEvent.id).limit(limit).bind(self._db)
            return [alert_of(row) for row in rows]

    def told(self, alert_id: int, *, rule: AlertRule | None, is_muted: bool, now_ms: int) -> bool:
        columns: dict[str, Any] = {"told_at_ms": now_ms, "is_muted": is_muted}
        if rule is not None:
            columns |= {"rule_id": rule.id, "severity": rule.severity.value}
        is_new = (AlertEvent.id == alert_id) & AlertEvent.told_at_ms.is_null()
        with transaction(self._db):
            return write(self._db, AlertEvent.update(**columns).where(is_new)) == 1

    def _tell_resolved(self, alert_id: int, *, by: str, now_ms: int) -> None:
        alert = self.get(alert_id)
        if alert is None or alert.kind in _OF_LIMITS:
            return
        self._events.add(
            EventKind.ALERT_RESOLVED,
            subject=f"{alert.kind}/{alert.subject or alert.id}",
            organization_id=alert.organization_id,
            at_ms=now_ms,
            data={
                "kind": alert.kind,
                "client_id": alert.organization_id,
                "user_id": alert.user_id,
                "period": alert.period or None,
                "spent": usd_from_pusd(alert.spent_pusd),
                "resolved_by": by,
            },
        )


def alert_of(row: AlertEvent) -> Alert:
    return Alert(
        id=row.id,
        kind=row.kind,
        rule_id=row.rule_id,
        severity=Severity(row.severity),
        organization_id=row.organization_id,
        user_id=row.user_id or None,
        period=row.month,
        percent=row.percent,
        limit_pusd=row.limit_pusd,
        spent_pusd=row.spent_pusd,
        facts=json.loads(row.facts),
        state=AlertState(row.state),
        is_muted=row.is_muted,
        at_ms=row.at_ms,
        acknowledged_at_ms=row.acknowledged_at_ms,
        acknowledged_by=row.acknowledged_by,
        note=row.note,
        resolved_at_ms=row.resolved_at_ms,
        resolved_by=row.resolved_by,
        subject=row.subject,
    )

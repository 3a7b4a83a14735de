"""Rules of alerts and mutes, in the database."""

import json
from collections.abc import Sequence
from typing import Any

from peewee import Database

from mai_usage_ext.ports.alerts import AlertRule, Channel, Mute, RuleKind, RuleLevel, Severity
from mai_usage_ext.storage.alert_models import AlertMute
from mai_usage_ext.storage.alert_models import AlertRule as RuleRow
from mai_usage_ext.storage.sessions import execute, session, transaction, write

__all__ = ["AlertRuleRows", "MuteRows"]


class AlertRuleRows:
    """Implements ``ports.alerts.AlertRuleStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> Sequence[AlertRule]:
        with session(self._db):
            return [_rule(row) for row in RuleRow.select().order_by(RuleRow.id).bind(self._db)]

    def get(self, rule_id: int) -> AlertRule | None:
        with session(self._db):
            row = RuleRow.select().where(RuleRow.id == rule_id).bind(self._db).first()
        return None if row is None else _rule(row)

    def add(self, rule: AlertRule, *, now_ms: int) -> int:
        query = RuleRow.insert(**_columns(rule), created_at_ms=now_ms, updated_at_ms=now_ms)
        return _added(self._db, query.returning(RuleRow.id))

    def replace(self, rule: AlertRule, *, now_ms: int) -> bool:
        query = RuleRow.update(**_columns(rule), updated_at_ms=now_ms)
        with transaction(self._db):
            return write(self._db, query.where(RuleRow.id == rule.id)) == 1

    def remove(self, rule_id: int) -> bool:
        with transaction(self._db):
            write(self._db, AlertMute.delete().where(AlertMute.rule_id == rule_id))
            return write(self._db, RuleRow.delete().where(RuleRow.id == rule_id)) == 1


class MuteRows:
    """Implements ``ports.alerts.MuteStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> Sequence[Mute]:
        query = AlertMute.select().order_by(AlertMute.until_ms.desc(), AlertMute.id)
        with session(self._db):
            return [_mute(row) for row in query.bind(self._db)]

    def add(self, mute: Mute) -> int:
        query = AlertMute.insert(
            rule_id=mute.rule_id,
            organization_id=mute.organization_id,
            until_ms=mute.until_ms,
            note=mute.note,
            created_at_ms=mute.created_at_ms,
            created_by=mute.created_by,
        )
        return _added(self._db, query.returning(AlertMute.id))

    def remove(self, mute_id: int) -> Mute | None:
        is_it = AlertMute.id == mute_id
        with transaction(self._db):
            row = AlertMute.select().where(is_it).bind(self._db).first()
            if row is None or not write(self._db, AlertMute.delete().where(is_it)):
                return None
        return _mute(row)


def _added(db: Database, query: Any) -> int:
    """The id of the row that was inserted."""
    context: Any = db.get_sql_context()
    sql, parameters = context.sql(query).query()
    with transaction(db):
        [(row_id,)] = execute(db, sql, parameters).fetchall()
    return int(row_id)


def _columns(rule: AlertRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "kind": rule.kind.value,
        "level": rule.level.value,
        "organization_id": rule.organization_id,
        "user_id": rule.user_id,
        "is_enabled": rule.is_enabled,
        "is_builtin": rule.is_builtin,
        "severity": rule.severity.value,
        "parameters": json.dumps(dict(rule.parameters)),
        "channels": json.dumps([channel.value for channel in rule.channels]),
        "emails": json.dumps(list(rule.emails)),
        "notify_organization": rule.notify_organization,
    }


def _rule(row: RuleRow) -> AlertRule:
    return AlertRule(
        id=row.id,
        name=row.name,
        kind=RuleKind(row.kind),
        level=RuleLevel(row.level),
        organization_id=row.organization_id,
        user_id=row.user_id,
        is_enabled=row.is_enabled,
        is_builtin=row.is_builtin,
        severity=Severity(row.severity),
        parameters=json.loads(row.parameters),
        channels=tuple(Channel(name) for name in json.loads(row.channels)),
        emails=tuple(json.loads(row.emails)),
        notify_organization=row.notify_organization,
    )


def _mute(row: AlertMute) -> Mute:
    return Mute(
        id=row.id,
        rule_id=row.rule_id,
        organization_id=row.organization_id,
        until_ms=row.until_ms,
        note=row.note,
        created_at_ms=row.created_at_ms,
        created_by=row.created_by,
    )

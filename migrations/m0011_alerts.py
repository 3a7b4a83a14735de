"""Rules of alerts, what becomes of an alert, mutes, and what is on its way to whom.

Marks that were noted before are kept, and told to nobody now. The rules that were built in from
the beginning become rows like those that an admin adds.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    Check,
    Database,
    IntegerField,
    Model,
    TextField,
)

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

INDEXES = (
    """CREATE INDEX mai_usage_alert_events_untold ON alert_events (id)
       WHERE told_at_ms IS NULL""",
    """CREATE INDEX mai_usage_alert_events_open ON alert_events (kind, id)
       WHERE state <> 'resolved'""",
    """CREATE UNIQUE INDEX mai_usage_alert_notifications_once
       ON alert_notifications (alert_id, channel, recipient)""",
    """CREATE INDEX mai_usage_alert_notifications_due ON alert_notifications (next_at_ms)
       WHERE next_at_ms IS NOT NULL""",
)

BUILTIN: tuple[tuple[str, str, str, Mapping[str, Any]], ...] = (
    ("Percentages of a limit", "limit", "warning", {"thresholds": None}),
    (
        "Spending far above the usual",
        "spike",
        "warning",
        {"factor": "3", "floor": "10", "basis": "weekday", "day": "today"},
    ),
    ("No usage although expected", "quiet", "info", {"active_days": 10, "quiet_days": 3}),
    ("Capture rate below", "capture", "critical", {"percent": "99.5"}),
    ("Calls unsettled for too long", "pending", "warning", {"hours": 24}),
    ("Trouble with a key", "key", "critical", {}),
)


def columns(db: Database) -> Mapping[str, str]:
    """Both databases add such columns at once, without touching a row."""
    wide = "INTEGER" if hasattr(db, "pragma") else "BIGINT"
    return {
        "rule_id": "INTEGER",
        "severity": "TEXT NOT NULL DEFAULT 'warning'",
        "state": "TEXT NOT NULL DEFAULT 'open'",
        "is_muted": "BOOLEAN NOT NULL DEFAULT FALSE",
        "facts": "TEXT NOT NULL DEFAULT '{}'",
        "told_at_ms": wide,
        "acknowledged_at_ms": wide,
        "acknowledged_by": "TEXT",
        "note": "TEXT NOT NULL DEFAULT ''",
        "resolved_at_ms": wide,
        "resolved_by": "TEXT",
    }


def measure(db: Database) -> Mapping[str, int]:
    """Rows of the table that gets columns."""
    return {"alert_events": _count(db)}


def up(db: Database) -> None:
    run: Any = db.execute_sql
    for name, declared in columns(db).items():
        run(f"ALTER TABLE alert_events ADD COLUMN {name} {declared}")
    run("UPDATE alert_events SET told_at_ms = at_ms")
    for model in frozen_models(db):
        model.create_table(safe=False)
    for statement in INDEXES:
        run(statement)
    now_ms = int(time.time() * 1000)
    rules = frozen_models(db)[0]
    for name, kind, severity, parameters in BUILTIN:
        rules.insert(
            name=name,
            kind=kind,
            level="global",
            is_enabled=True,
            is_builtin=True,
            severity=severity,
            parameters=json.dumps(parameters),
            channels=json.dumps(["email", "host"]),
            emails="[]",
            notify_organization=False,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        ).execute()


def down(db: Database) -> None:
    run: Any = db.execute_sql
    # The version before this one knows marks of limits, and what a day's comparison finds.
    run(
        "DELETE FROM alert_events WHERE kind NOT IN"
        " ('limit.threshold_crossed', 'limit.reached', 'capture.below')"
    )
    run("DROP INDEX mai_usage_alert_events_untold")
    run("DROP INDEX mai_usage_alert_events_open")
    for model in reversed(frozen_models(db)):
        model.drop_table(safe=False)
    for name in columns(db):
        run(f"ALTER TABLE alert_events DROP COLUMN {name}")


def check(db: Database, before: Mapping[str, int]) -> None:
    """The old rows are all there, and every new column and table is."""
    made = {column.name for column in db.get_columns("alert_events")}
    if missing := set(columns(db)) - made:
        raise MigrationFailed(f"alert_events lacks the columns {sorted(missing)}")
    if _count(db) != before["alert_events"]:
        raise MigrationFailed(f"alert_events had {before['alert_events']} rows, has {_count(db)}")
    for model in frozen_models(db):
        table = model._meta.table_name
        made = {column.name for column in db.get_columns(table)}
        if made != {field.column_name for field in model._meta.sorted_fields}:
            raise MigrationFailed(f"{table} has the columns {sorted(made)}")


def frozen_models(db: Database) -> list[type[Model]]:
    """The tables that this migration makes, as of its day."""
    return [rule_model(db), mute_model(db), notification_model(db)]


def base(db: Database) -> Any:
    class Base(Model):
        class Meta:
            database = db

    return Base


def rule_model(db: Database) -> type[Model]:
    class Rule(base(db)):  # type: ignore[misc]
        id = AutoField()
        name = TextField()
        kind = TextField()
        level = TextField()
        organization_id = TextField(null=True)
        user_id = TextField(null=True)
        is_enabled = BooleanField()
        is_builtin = BooleanField()
        severity = TextField()
        parameters = TextField()
        channels = TextField()
        emails = TextField()
        notify_organization = BooleanField()
        created_at_ms = BigIntegerField()
        updated_at_ms = BigIntegerField()

        class Meta:
            table_name = "alert_rules"
            constraints = (
                Check("level IN ('global', 'organization', 'user')"),
                Check("severity IN ('info', 'warning', 'critical')"),
            )

    return Rule


def mute_model(db: Database) -> type[Model]:
    class Mute(base(db)):  # type: ignore[misc]
        id = AutoField()
        rule_id = IntegerField(null=True)
        organization_id = TextField(null=True)
        until_ms = BigIntegerField()
        note = TextField()
        created_at_ms = BigIntegerField()
        created_by = TextField()

        class Meta:
            table_name = "alert_mutes"

    return Mute


def notification_model(db: Database) -> type[Model]:
    class Notification(base(db)):  # type: ignore[misc]
        id = AutoField()
        alert_id = IntegerField()
        channel = TextField()
        recipient = TextField()
        batch = TextField(null=True)
        attempts = IntegerField()
        created_at_ms = BigIntegerField()
        next_at_ms = BigIntegerField(null=True)
        sent_at_ms = BigIntegerField(null=True)
        gave_up_at_ms = BigIntegerField(null=True)
        problem = TextField(null=True)

        class Meta:
            table_name = "alert_notifications"

    return Notification


def _count(db: Database) -> int:
    run: Any = db.execute_sql
    return int(run("SELECT COUNT(*) FROM alert_events").fetchone()[0])

"""Calls that OpenRouter's Broadcast told of, the keys' names, and alerts about other things.

A limit's mark is noted once for each limit and month. What a day's comparison finds is noted once
for whatever it is about, so an alert gets a ``subject``, which is empty for a limit's.
"""

from collections.abc import Mapping
from typing import Any

from peewee import BigIntegerField, Check, Database, Model, TextField

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

# Both databases add such columns at once, without touching a row.
COLUMNS = {
    "alert_events": ("subject", "TEXT NOT NULL DEFAULT ''"),
    "key_counters": ("name", "TEXT NOT NULL DEFAULT ''"),
}
ONCE = "mai_usage_alert_events_once"
LIMIT = "organization_id, month, user_id, kind, percent, limit_pusd"
INDEXES = (
    f"CREATE UNIQUE INDEX {ONCE} ON alert_events ({LIMIT}, subject)",
    """CREATE UNIQUE INDEX mai_usage_alert_events_subject ON alert_events (kind, subject)
       WHERE subject <> ''""",
    """CREATE INDEX mai_usage_broadcast_due ON broadcast_calls (due_at_ms)
       WHERE due_at_ms IS NOT NULL""",
)


def measure(db: Database) -> Mapping[str, int]:
    """Rows of the tables that get a column."""
    return {table: _count(db, table) for table in COLUMNS}


def up(db: Database) -> None:
    run: Any = db.execute_sql
    for table, (name, declared) in COLUMNS.items():
        run(f"ALTER TABLE {table} ADD COLUMN {name} {declared}")
    call_model(db).create_table(safe=False)
    run(f"DROP INDEX {ONCE}")
    for statement in INDEXES:
        run(statement)


def down(db: Database) -> None:
    run: Any = db.execute_sql
    # They are about days and keys, which there is no column for any more.
    run("DELETE FROM alert_events WHERE subject <> ''")
    run(f"DROP INDEX {ONCE}")
    run("DROP INDEX mai_usage_alert_events_subject")
    run(f"CREATE UNIQUE INDEX {ONCE} ON alert_events ({LIMIT})")
    call_model(db).drop_table(safe=False)
    for table, (name, _) in COLUMNS.items():
        run(f"ALTER TABLE {table} DROP COLUMN {name}")


def check(db: Database, before: Mapping[str, int]) -> None:
    """The old rows are all there, and every new column and the table is."""
    for table, (name, _) in COLUMNS.items():
        if name not in {column.name for column in db.get_columns(table)}:
            raise MigrationFailed(f"{table} lacks the column {name}")
        if _count(db, table) != before[table]:
            raise MigrationFailed(f"{table} had {before[table]} rows and has {_count(db, table)}")
    model = call_model(db)
    made = {column.name for column in db.get_columns(model._meta.table_name)}
    if made != {field.column_name for field in model._meta.sorted_fields}:
        raise MigrationFailed(f"{model._meta.table_name} has the columns {sorted(made)}")


def call_model(db: Database) -> type[Model]:
    class Call(Model):
        generation_id = TextField(primary_key=True)
        received_at_ms = BigIntegerField()
        due_at_ms = BigIntegerField(null=True)
        at_ms = BigIntegerField()
        duration_ms = BigIntegerField(null=True)
        model = TextField()
        provider = TextField()
        openrouter_user = TextField()
        key_name = TextField()
        prompt_tokens = BigIntegerField()
        completion_tokens = BigIntegerField()
        cached_tokens = BigIntegerField()
        reasoning_tokens = BigIntegerField()
        raw_pusd = BigIntegerField()
        outcome = TextField()
        finding = TextField()
        reason = TextField()

        class Meta:
            database = db
            table_name = "broadcast_calls"
            constraints = (Check("finding IN ('waiting', 'booked', 'differs', 'late')"),)

    return Call


def _count(db: Database, table: str) -> int:
    run: Any = db.execute_sql
    return int(run(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names

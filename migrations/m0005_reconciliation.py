"""The key each call carried, and what OpenRouter's own figures of a day said of it."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from peewee import (
    BigIntegerField,
    BooleanField,
    Check,
    CompositeKey,
    Database,
    DateField,
    Model,
    TextField,
)

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

# Both databases add such columns at once, without touching a row.
COLUMNS = {
    "usage_holds": ("key_hash", "TEXT NOT NULL DEFAULT ''"),
    "usage_ledger": ("key_hash", "TEXT NOT NULL DEFAULT ''"),
}

BEGINNING = "keys are noted since this day; it is the next one that can be compared"


def measure(db: Database) -> Mapping[str, int]:
    """Rows of the tables that get a column."""
    return {table: _count(db, table) for table in COLUMNS}


def up(db: Database) -> None:
    run: Any = db.execute_sql
    for table, (name, declared) in COLUMNS.items():
        run(f"ALTER TABLE {table} ADD COLUMN {name} {declared}")
    for model in frozen_models(db):
        model.create_table(safe=False)
    # Of this day only a part was metered with keys, so no comparison could tell what is missing.
    today = datetime.fromtimestamp(time.time(), UTC).date()
    runs = frozen_models(db)[0]
    runs.insert(day=today, started_at_ms=0, finished_at_ms=0, problem=BEGINNING).execute()


def down(db: Database) -> None:
    run: Any = db.execute_sql
    for model in reversed(frozen_models(db)):
        model.drop_table(safe=False)
    for table, (name, _) in COLUMNS.items():
        run(f"ALTER TABLE {table} DROP COLUMN {name}")


def check(db: Database, before: Mapping[str, int]) -> None:
    """The old rows are all there, and every new column and table is."""
    for table, (name, _) in COLUMNS.items():
        if name not in {column.name for column in db.get_columns(table)}:
            raise MigrationFailed(f"{table} lacks the column {name}")
        if _count(db, table) != before[table]:
            raise MigrationFailed(f"{table} had {before[table]} rows and has {_count(db, table)}")
    for model in frozen_models(db):
        table = model._meta.table_name
        made = {column.name for column in db.get_columns(table)}
        declared = {field.column_name for field in model._meta.sorted_fields}
        if made != declared:
            raise MigrationFailed(f"{table} has the columns {sorted(made)}")


def frozen_models(db: Database) -> list[type[Model]]:
    """The tables that this migration makes, as of its day."""
    return [run_model(db), line_model(db), counter_model(db)]


def base(db: Database) -> Any:
    class Base(Model):
        class Meta:
            database = db

    return Base


def run_model(db: Database) -> type[Model]:
    class Run(base(db)):  # type: ignore[misc]
        day = DateField(primary_key=True)
        claim = TextField(null=True)
        claimed_until_ms = BigIntegerField(null=True)
        started_at_ms = BigIntegerField()
        finished_at_ms = BigIntegerField(null=True)
        next_at_ms = BigIntegerField(null=True)
        problem = TextField(null=True)
        midnight = TextField(null=True)

        class Meta:
            table_name = "reconciliation_runs"

    return Run


def line_model(db: Database) -> type[Model]:
    class Line(base(db)):  # type: ignore[misc]
        day = DateField()
        key_hash = TextField()
        organization_id = TextField()
        status = TextField()
        reason = TextField()
        is_below = BooleanField()
        captured_pusd = BigIntegerField()
        adjusted_pusd = BigIntegerField()
        provider_pusd = BigIntegerField()
        captured_requests = BigIntegerField()
        provider_requests = BigIntegerField()
        models = TextField()
        identified = BigIntegerField()
        closed_holds = BigIntegerField()
        checked_at_ms = BigIntegerField()

        class Meta:
            table_name = "reconciliations"
            primary_key = CompositeKey("day", "key_hash")
            constraints = (Check("status IN ('exact', 'adjusted', 'waiting', 'unexplained')"),)

    return Line


def counter_model(db: Database) -> type[Model]:
    class Counter(base(db)):  # type: ignore[misc]
        key_hash = TextField(primary_key=True)
        organization_id = TextField()
        label = TextField()
        usage_pusd = BigIntegerField()
        at_ms = BigIntegerField()
        previous_pusd = BigIntegerField(null=True)
        previous_at_ms = BigIntegerField(null=True)

        class Meta:
            table_name = "key_counters"

    return Counter


def _count(db: Database, table: str) -> int:
    run: Any = db.execute_sql
    return int(run(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names

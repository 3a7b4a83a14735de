"""What came from mAI's prototype: which days, which rows, and the generations it had counted."""

from collections.abc import Mapping
from typing import Any

from peewee import (
    SQL,
    BigIntegerField,
    Check,
    CompositeKey,
    Database,
    DateField,
    Model,
    TextField,
)

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

TABLE, COLUMN = "client_daily_usage", "source"


def measure(db: Database) -> Mapping[str, int]:
    """Sealed days, which get a column."""
    return {TABLE: _count(db, TABLE)}


def up(db: Database) -> None:
    run: Any = db.execute_sql
    run(f"ALTER TABLE {TABLE} ADD COLUMN {COLUMN} TEXT NOT NULL DEFAULT 'ledger'")
    for model in frozen_models(db):
        model.create_table(safe=False)


def down(db: Database) -> None:
    run: Any = db.execute_sql
    for model in reversed(frozen_models(db)):
        model.drop_table(safe=False)
    run(f"ALTER TABLE {TABLE} DROP COLUMN {COLUMN}")


def check(db: Database, before: Mapping[str, int]) -> None:
    """The sealed days are all there and say that they came from the ledger."""
    rows = _count(db, TABLE)
    if rows != before[TABLE]:
        raise MigrationFailed(f"{TABLE} had {before[TABLE]} rows and has {rows}")
    if _count(db, f"{TABLE} WHERE {COLUMN} = 'ledger'") != rows:
        raise MigrationFailed(f"{TABLE} has rows of no known source")
    for model in frozen_models(db):
        name = model._meta.table_name
        made = {column.name for column in db.get_columns(name)}
        declared = {field.column_name for field in model._meta.sorted_fields}
        if made != declared:
            raise MigrationFailed(f"{name} has the columns {sorted(made)}")


def frozen_models(db: Database) -> list[type[Model]]:
    """The tables that this migration makes, as of its day."""

    class Base(Model):
        class Meta:
            database = db

    class Mark(Base):
        kind = TextField()
        source_id = TextField()
        target_id = TextField()
        lacks = TextField()
        imported_at_ms = BigIntegerField()

        class Meta:
            table_name = "import_marks"
            primary_key = CompositeKey("kind", "source_id")
            constraints = (Check("kind IN ('organization', 'mapping')"),)

    class Generation(Base):
        generation_id = TextField(primary_key=True)
        organization_id = TextField()
        day = DateField()
        cost_pusd = BigIntegerField()
        tokens = BigIntegerField()

        class Meta:
            table_name = "imported_generations"
            constraints = (
                SQL("FOREIGN KEY (organization_id) REFERENCES client_organizations (id)"),
                Check("cost_pusd >= 0 AND tokens >= 0"),
            )

    return [Mark, Generation]


def _count(db: Database, rows: str) -> int:
    run: Any = db.execute_sql
    return int(run(f"SELECT COUNT(*) FROM {rows}").fetchone()[0])  # noqa: S608 - our own names

"""What sealing and shared jobs need: the last sealed day of a month, and the jobs' leases."""

from collections.abc import Mapping
from typing import Any

from peewee import BigIntegerField, Database, Model, TextField

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

# Both databases add such a column at once, without touching a row.
TABLE, COLUMN = "client_month_totals", "sealed_through"


def measure(db: Database) -> Mapping[str, int]:
    """Rows of the table that gets a column."""
    return {TABLE: _count(db, TABLE)}


def up(db: Database) -> None:
    run: Any = db.execute_sql
    run(f"ALTER TABLE {TABLE} ADD COLUMN {COLUMN} DATE")
    lease_model(db).create_table(safe=False)


def down(db: Database) -> None:
    run: Any = db.execute_sql
    lease_model(db).drop_table(safe=False)
    run(f"ALTER TABLE {TABLE} DROP COLUMN {COLUMN}")


def check(db: Database, before: Mapping[str, int]) -> None:
    """The months are all there with their new column, and the leases have their table."""
    if COLUMN not in {column.name for column in db.get_columns(TABLE)}:
        raise MigrationFailed(f"{TABLE} lacks the column {COLUMN}")
    if _count(db, TABLE) != before[TABLE]:
        raise MigrationFailed(f"{TABLE} had {before[TABLE]} rows and has {_count(db, TABLE)}")
    model = lease_model(db)
    made = {column.name for column in db.get_columns(model._meta.table_name)}
    if made != {field.column_name for field in model._meta.sorted_fields}:
        raise MigrationFailed(f"job_leases has the columns {sorted(made)}")


def lease_model(db: Database) -> type[Model]:
    class Lease(Model):
        name = TextField(primary_key=True)
        owner = TextField()
        until_ms = BigIntegerField()
        begun_ms = BigIntegerField()
        ended_ms = BigIntegerField(null=True)
        succeeded_ms = BigIntegerField(null=True)
        problem = TextField(null=True)

        class Meta:
            database = db
            table_name = "job_leases"

    return Lease


def _count(db: Database, table: str) -> int:
    run: Any = db.execute_sql
    return int(run(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names

"""The outbox: what other systems hear of, stored by the transaction that made it true."""

from collections.abc import Mapping
from typing import Any

from peewee import AutoField, BigIntegerField, Database, Model, TextField

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

INDEXES = (
    "CREATE UNIQUE INDEX mai_usage_events_id ON usage_events (id)",
    "CREATE UNIQUE INDEX mai_usage_events_once ON usage_events (kind, subject)",
)


def measure(_db: Database) -> Mapping[str, int]:
    """Nothing that was there before is touched."""
    return {}


def up(db: Database) -> None:
    event_model(db).create_table(safe=False)
    run: Any = db.execute_sql
    for statement in INDEXES:
        run(statement)


def down(db: Database) -> None:
    event_model(db).drop_table(safe=False)


def check(db: Database, _before: Mapping[str, int]) -> None:
    """The table is there with its columns."""
    model = event_model(db)
    made = {column.name for column in db.get_columns(model._meta.table_name)}
    if made != {field.column_name for field in model._meta.sorted_fields}:
        raise MigrationFailed(f"{model._meta.table_name} has the columns {sorted(made)}")


def event_model(db: Database) -> type[Model]:
    class Event(Model):
        number = AutoField()
        id = TextField()
        kind = TextField()
        subject = TextField()
        organization_id = TextField(null=True)
        at_ms = BigIntegerField()
        data = TextField()

        class Meta:
            database = db
            table_name = "usage_events"

    return Event

"""Receivers of events, one delivery for each event and receiver, and which events are spread.

``webhook_fanouts`` begins with the number 0: everything up to its lowest number is spread, whatever
order the events were committed in.
"""

from collections.abc import Mapping
from typing import Any

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    Check,
    Database,
    IntegerField,
    Model,
    TextField,
)

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

INDEXES = (
    """CREATE UNIQUE INDEX mai_usage_webhook_deliveries_once
       ON webhook_deliveries (endpoint_id, event_id) WHERE replay_of IS NULL""",
    """CREATE INDEX mai_usage_webhook_deliveries_due
       ON webhook_deliveries (endpoint_id, next_attempt_ms) WHERE next_attempt_ms IS NOT NULL""",
    "CREATE INDEX mai_usage_webhook_deliveries_page ON webhook_deliveries (endpoint_id, id)",
    "CREATE INDEX mai_usage_webhook_deliveries_age ON webhook_deliveries (created_at_ms)",
    """CREATE INDEX mai_usage_webhook_deliveries_replays
       ON webhook_deliveries (replay_of) WHERE replay_of IS NOT NULL""",
)


def measure(_db: Database) -> Mapping[str, int]:
    """Nothing that was there before is touched."""
    return {}


def up(db: Database) -> None:
    run: Any = db.execute_sql
    for model in frozen_models(db):
        model.create_table(safe=False)
    for statement in INDEXES:
        run(statement)
    run("INSERT INTO webhook_fanouts (number, at_ms) VALUES (0, 0)")


def down(db: Database) -> None:
    for model in reversed(frozen_models(db)):
        model.drop_table(safe=False)


def check(db: Database, _before: Mapping[str, int]) -> None:
    """The tables are there with their columns."""
    for model in frozen_models(db):
        table = model._meta.table_name
        made = {column.name for column in db.get_columns(table)}
        if made != {field.column_name for field in model._meta.sorted_fields}:
            raise MigrationFailed(f"{table} has the columns {sorted(made)}")


def frozen_models(db: Database) -> list[type[Model]]:
    """The tables that this migration makes, as of its day."""
    return [endpoint_model(db), delivery_model(db), fanout_model(db)]


def base(db: Database) -> Any:
    class Base(Model):
        class Meta:
            database = db

    return Base


def endpoint_model(db: Database) -> type[Model]:
    class Endpoint(base(db)):  # type: ignore[misc]
        id = TextField(primary_key=True)
        url = TextField()
        description = TextField()
        kinds = TextField()
        organization_id = TextField(null=True)
        disabled_at_ms = BigIntegerField(null=True)
        disabled_reason = TextField()
        secret_ciphertext = TextField()
        previous_ciphertext = TextField(null=True)
        previous_until_ms = BigIntegerField(null=True)
        failing_since_ms = BigIntegerField(null=True)
        last_failure_ms = BigIntegerField(null=True)
        last_success_ms = BigIntegerField(null=True)
        paused_until_ms = BigIntegerField()
        created_at_ms = BigIntegerField()
        updated_at_ms = BigIntegerField()

        class Meta:
            table_name = "webhook_endpoints"
            constraints = (
                SQL("FOREIGN KEY (organization_id) REFERENCES client_organizations (id)"),
            )

    return Endpoint


def delivery_model(db: Database) -> type[Model]:
    class Delivery(base(db)):  # type: ignore[misc]
        id = AutoField()
        endpoint_id = TextField()
        event_id = TextField()
        kind = TextField()
        subject = TextField()
        body = TextField()
        state = TextField()
        attempts = IntegerField()
        next_attempt_ms = BigIntegerField(null=True)
        claim = TextField(null=True)
        last_attempt_ms = BigIntegerField(null=True)
        status = IntegerField(null=True)
        answer = TextField()
        problem = TextField()
        duration_ms = BigIntegerField(null=True)
        replay_of = IntegerField(null=True)
        created_at_ms = BigIntegerField()
        finished_at_ms = BigIntegerField(null=True)

        class Meta:
            table_name = "webhook_deliveries"
            constraints = (
                Check("state IN ('waiting', 'delivered', 'failed', 'dead')"),
                SQL(
                    "FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints (id) ON DELETE CASCADE"
                ),
            )

    return Delivery


def fanout_model(db: Database) -> type[Model]:
    class Fanout(base(db)):  # type: ignore[misc]
        number = BigIntegerField(primary_key=True)
        at_ms = BigIntegerField()

        class Meta:
            table_name = "webhook_fanouts"

    return Fanout

"""What administration needs: key states, settings, the audit trail, stored prices, limit events."""

from collections.abc import Mapping
from typing import Any

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    Check,
    CompositeKey,
    Database,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

# Both databases add such columns at once, without touching a row.
COLUMNS = {
    "client_organizations": (
        ("version", "BIGINT NOT NULL DEFAULT 1"),
        ("next_timezone", "TEXT"),
        ("next_timezone_from_ms", "BIGINT"),
        ("openrouter_key_state", "TEXT NOT NULL DEFAULT 'none'"),
        ("openrouter_key_problem", "TEXT"),
        ("openrouter_key_checked_at_ms", "BIGINT"),
        ("openrouter_pending_name", "TEXT"),
        ("openrouter_pending_at_ms", "BIGINT"),
        ("openrouter_retiring_hash", "TEXT"),
        ("openrouter_retire_at_ms", "BIGINT"),
    ),
    "user_client_mappings": (("source", "TEXT NOT NULL DEFAULT 'admin'"),),
}

INDEXES = {
    "mai_usage_organizations_key": """CREATE UNIQUE INDEX mai_usage_organizations_key
       ON client_organizations (openrouter_key_hash) WHERE openrouter_key_hash IS NOT NULL""",
    "mai_usage_mappings_openrouter_user": """CREATE INDEX mai_usage_mappings_openrouter_user
       ON user_client_mappings (openrouter_user_id)""",
    "mai_usage_audit_target": """CREATE INDEX mai_usage_audit_target
       ON audit_log (target_kind, target_id)""",
    "mai_usage_alert_events_once": """CREATE UNIQUE INDEX mai_usage_alert_events_once
       ON alert_events (organization_id, month, user_id, kind, percent, limit_pusd)""",
}

# The hash before the first row's: sixty-four zeros.
GENESIS = "0" * 64


def measure(db: Database) -> Mapping[str, int]:
    """Rows of the tables that get columns."""
    return {table: _count(db, table) for table in COLUMNS}


def up(db: Database) -> None:
    run: Any = db.execute_sql
    wide = "INTEGER" if isinstance(db, SqliteDatabase) else "BIGINT"
    for table, columns in COLUMNS.items():
        for name, declared in columns:
            run(f"ALTER TABLE {table} ADD COLUMN {name} {declared.replace('BIGINT', wide)}")
    for model in frozen_models(db):
        model.create_table(safe=False)
    for statement in INDEXES.values():
        run(statement)
    begin = f"INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '{GENESIS}')"  # noqa: S608
    run(begin)


def down(db: Database) -> None:
    run: Any = db.execute_sql
    for model in reversed(frozen_models(db)):
        model.drop_table(safe=False)
    for index in ("mai_usage_organizations_key", "mai_usage_mappings_openrouter_user"):
        run(f"DROP INDEX {index}")
    for table, columns in COLUMNS.items():
        for name, _ in columns:
            run(f"ALTER TABLE {table} DROP COLUMN {name}")


def check(db: Database, before: Mapping[str, int]) -> None:
    """The old rows are all there, every new column and table is, and the trail has its head."""
    for table, columns in COLUMNS.items():
        found = {column.name for column in db.get_columns(table)}
        missing = {name for name, _ in columns} - found
        if missing:
            raise MigrationFailed(f"{table} lacks the columns {sorted(missing)}")
        if _count(db, table) != before[table]:
            raise MigrationFailed(f"{table} had {before[table]} rows and has {_count(db, table)}")
    for model in frozen_models(db):
        name = model._meta.table_name
        made = {column.name for column in db.get_columns(name)}
        declared = {field.column_name for field in model._meta.sorted_fields}
        if made != declared:
            raise MigrationFailed(f"{name} has the columns {sorted(made)}")
    if _count(db, "audit_head") != 1:
        raise MigrationFailed("audit_head has no row")


def frozen_models(db: Database) -> list[type[Model]]:
    """The tables that this migration makes, as of its day."""
    return [setting_model(db), *audit_models(db), alert_model(db), price_model(db), user_model(db)]


def base(db: Database) -> Any:
    class Base(Model):
        class Meta:
            database = db

    return Base


def setting_model(db: Database) -> type[Model]:
    class Setting(base(db)):  # type: ignore[misc]
        name = TextField(primary_key=True)
        value = TextField()
        updated_at_ms = BigIntegerField()
        updated_by = TextField()

        class Meta:
            table_name = "usage_settings"

    return Setting


def audit_models(db: Database) -> list[type[Model]]:
    class Record(base(db)):  # type: ignore[misc]
        seq = BigIntegerField(primary_key=True)
        at_ms = BigIntegerField(index=False)
        actor_kind = TextField()
        actor_id = TextField()
        address = TextField()
        action = TextField()
        target_kind = TextField()
        target_id = TextField()
        before = TextField(null=True)
        after = TextField(null=True)
        previous_hash = TextField()
        hash = TextField()

        class Meta:
            table_name = "audit_log"

    class Head(base(db)):  # type: ignore[misc]
        id = IntegerField(primary_key=True)
        seq = BigIntegerField()
        hash = TextField()

        class Meta:
            table_name = "audit_head"
            constraints = (Check("id = 1"),)

    return [Record, Head]


def alert_model(db: Database) -> type[Model]:
    class Event(base(db)):  # type: ignore[misc]
        id = AutoField()
        kind = TextField()
        organization_id = TextField()
        user_id = TextField()
        month = TextField()
        percent = IntegerField()
        limit_pusd = BigIntegerField()
        spent_pusd = BigIntegerField()
        at_ms = BigIntegerField()

        class Meta:
            table_name = "alert_events"
            constraints = (
                SQL("FOREIGN KEY (organization_id) REFERENCES client_organizations (id)"),
            )

    return Event


def price_model(db: Database) -> type[Model]:
    class Price(base(db)):  # type: ignore[misc]
        model = TextField(primary_key=True)
        prompt_pusd = BigIntegerField()
        completion_pusd = BigIntegerField()
        request_pusd = BigIntegerField()
        image_pusd = BigIntegerField()
        max_completion_tokens = BigIntegerField(null=True)
        fetched_at_ms = BigIntegerField()

        class Meta:
            table_name = "model_prices"
            constraints = (
                Check(
                    "prompt_pusd >= 0 AND completion_pusd >= 0"
                    " AND request_pusd >= 0 AND image_pusd >= 0"
                ),
            )

    return Price


def user_model(db: Database) -> type[Model]:
    class DeletedUser(base(db)):  # type: ignore[misc]
        user_hash = TextField()
        pseudonym = TextField()
        at_ms = BigIntegerField()

        class Meta:
            table_name = "deleted_users"
            primary_key = CompositeKey("user_hash", "pseudonym")

    return DeletedUser


def _count(db: Database, table: str) -> int:
    run: Any = db.execute_sql
    return int(run(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names

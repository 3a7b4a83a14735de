"""Organizations, members and prices; holds, ledger and counters; the daily tables."""

from collections.abc import Mapping
from typing import Any

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    Check,
    CompositeKey,
    Database,
    DateField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

# Index names are global in a SQLite file, and the host's tables are in the same one.
INDEXES = (
    """CREATE UNIQUE INDEX mai_usage_mappings_open
       ON user_client_mappings (user_id) WHERE valid_to_ms IS NULL""",
    """CREATE INDEX mai_usage_mappings_organization
       ON user_client_mappings (organization_id)""",
    """CREATE UNIQUE INDEX mai_usage_pricing_key ON pricing_rules
       (COALESCE(organization_id, ''), COALESCE(model_pattern, ''), effective_from_ms)""",
    # Closed holds are by far the most and nobody looks for them: the indexes leave them out.
    """CREATE INDEX mai_usage_holds_due
       ON usage_holds (state, next_attempt_ms) WHERE closed_at_ms IS NULL""",
    """CREATE INDEX mai_usage_holds_day
       ON usage_holds (organization_id, day) WHERE closed_at_ms IS NULL""",
    """CREATE INDEX mai_usage_ledger_day ON usage_ledger (organization_id, day)""",
)


def measure(_db: Database) -> Mapping[str, int]:
    """Nothing of ours exists yet."""
    return {}


def up(db: Database) -> None:
    for model in frozen_models(db):
        model.create_table(safe=False)
    run: Any = db.execute_sql
    for statement in INDEXES:
        run(statement)


def down(db: Database) -> None:
    for model in reversed(frozen_models(db)):
        model.drop_table(safe=False)


def check(db: Database, _before: Mapping[str, int]) -> None:
    """Every table is there, empty, with the columns it was declared with."""
    for model in frozen_models(db):
        name = model._meta.table_name
        columns = {column.name for column in db.get_columns(name)}
        declared = {field.column_name for field in model._meta.sorted_fields}
        if columns != declared:
            raise MigrationFailed(f"{name} has the columns {sorted(columns)}")
        if model.select().count():
            raise MigrationFailed(f"{name} is not empty")


def frozen_models(db: Database) -> list[type[Model]]:
    """The models of this day, those that others refer to first."""
    organization = organization_model(db)
    return [
        organization,
        *member_models(db, organization),
        *booking_models(db, organization),
        *counter_models(db, organization),
        *daily_models(db, organization),
        process_model(db),
    ]


def base(db: Database) -> Any:
    class Base(Model):
        class Meta:
            database = db

    return Base


def belongs_to(organization: type[Model], **options: Any) -> Any:
    options |= {"column_name": "organization_id", "index": False, "backref": "+"}
    return ForeignKeyField(organization, **options)


def not_negative(*columns: str) -> list[Any]:
    return [Check(" AND ".join(f"{column} >= 0" for column in columns))]


def organization_model(db: Database) -> type[Model]:
    class Organization(base(db)):  # type: ignore[misc]
        id = TextField(primary_key=True)
        name = TextField()
        slug = TextField()
        status = TextField()
        timezone = TextField()
        billing_currency = TextField()
        monthly_limit_pusd = BigIntegerField(null=True)
        on_limit = TextField()
        on_meter_failure = TextField(null=True)
        billing_email = TextField()
        contacts = TextField()
        notes = TextField()
        openrouter_key_ciphertext = TextField(null=True)
        openrouter_key_hash = TextField(null=True)
        openrouter_key_label = TextField(null=True)
        created_at_ms = BigIntegerField()
        updated_at_ms = BigIntegerField()
        deactivated_at_ms = BigIntegerField(null=True)

        class Meta:
            table_name = "client_organizations"
            constraints = (
                SQL("CONSTRAINT mai_usage_organizations_slug UNIQUE (slug)"),
                Check("status IN ('active', 'deactivated')"),
                Check("monthly_limit_pusd >= 0"),
            )

    return Organization


def member_models(db: Database, organization: type[Model]) -> list[type[Model]]:
    class Member(base(db)):  # type: ignore[misc]
        user_id = TextField()
        valid_from_ms = BigIntegerField()
        valid_to_ms = BigIntegerField(null=True)
        organization_id = belongs_to(organization)
        role = TextField()
        monthly_limit_pusd = BigIntegerField(null=True)
        openrouter_user_id = TextField(null=True)
        created_at_ms = BigIntegerField()

        class Meta:
            table_name = "user_client_mappings"
            primary_key = CompositeKey("user_id", "valid_from_ms")
            constraints = (
                Check("role IN ('member', 'manager')"),
                Check("valid_to_ms >= valid_from_ms"),
                Check("monthly_limit_pusd >= 0"),
            )

    class Price(base(db)):  # type: ignore[misc]
        id = AutoField()
        organization_id = belongs_to(organization, null=True)
        model_pattern = TextField(null=True)
        effective_from_ms = BigIntegerField()
        rate_micro = BigIntegerField()
        fee_pusd = BigIntegerField()
        created_at_ms = BigIntegerField()

        class Meta:
            table_name = "pricing_rules"
            constraints = not_negative("rate_micro", "fee_pusd")

    return [Member, Price]


def booking_models(db: Database, organization: type[Model]) -> list[type[Model]]:
    class Hold(base(db)):  # type: ignore[misc]
        id = TextField(primary_key=True)
        organization_id = belongs_to(organization)
        user_id = TextField()
        model = TextField()
        purpose = TextField()
        estimate_pusd = BigIntegerField()
        rate_micro = BigIntegerField()
        fee_pusd = BigIntegerField()
        day = DateField()
        month = TextField()
        at_ms = BigIntegerField()
        owner = TextField()
        state = TextField()
        generation_id = TextField(null=True)
        outcome = TextField(null=True)
        reason = TextField(null=True)
        attempts = IntegerField()
        next_attempt_ms = BigIntegerField(null=True)
        first_byte_ms = BigIntegerField(null=True)
        duration_ms = BigIntegerField(null=True)
        closed_at_ms = BigIntegerField(null=True)

        class Meta:
            table_name = "usage_holds"
            constraints = (
                *not_negative("estimate_pusd", "rate_micro", "fee_pusd"),
                Check("(closed_at_ms IS NULL) = (state NOT IN ('settled', 'void', 'duplicate'))"),
                Check("state <> 'pending' OR generation_id IS NOT NULL"),
            )

    class Entry(base(db)):  # type: ignore[misc]
        generation_id = TextField()
        sequence = IntegerField()
        # Plain, because PostgreSQL does not partition by a generated column.
        partition_day = DateField()
        organization_id = belongs_to(organization)
        user_id = TextField()
        model = TextField()
        provider = TextField()
        purpose = TextField()
        day = DateField()
        at_ms = BigIntegerField()
        prompt_tokens = BigIntegerField()
        completion_tokens = BigIntegerField()
        cached_tokens = BigIntegerField()
        reasoning_tokens = BigIntegerField()
        raw_pusd = BigIntegerField()
        billed_pusd = BigIntegerField()
        rate_micro = BigIntegerField()
        fee_pusd = BigIntegerField()
        outcome = TextField()
        source = TextField()
        first_byte_ms = BigIntegerField(null=True)
        duration_ms = BigIntegerField(null=True)
        booked_at_ms = BigIntegerField()

        class Meta:
            table_name = "usage_ledger"
            primary_key = CompositeKey("generation_id", "sequence")
            # Only an adjustment, which has a sequence, may take something back.
            constraints = (
                Check(
                    "sequence > 0 OR (prompt_tokens >= 0 AND completion_tokens >= 0"
                    " AND cached_tokens >= 0 AND reasoning_tokens >= 0"
                    " AND raw_pusd >= 0 AND billed_pusd >= 0)"
                ),
            )

    return [Hold, Entry]


def counter_models(db: Database, organization: type[Model]) -> list[type[Model]]:
    class MonthTotal(base(db)):  # type: ignore[misc]
        organization_id = belongs_to(organization)
        month = TextField()
        user_id = TextField()
        # No check against negatives: an upsert that frees money proposes a negative row first.
        spent_pusd = BigIntegerField()
        held_pusd = BigIntegerField()

        class Meta:
            table_name = "client_month_totals"
            primary_key = CompositeKey("organization_id", "month", "user_id")
            without_rowid = isinstance(db, SqliteDatabase)

    class LiveCounter(sums(db)):  # type: ignore[misc]
        organization_id = belongs_to(organization)
        day = DateField()
        user_id = TextField()
        model = TextField()
        provider = TextField()
        purpose = TextField()

        class Meta:
            table_name = "client_live_counters"
            primary_key = CompositeKey(
                "organization_id", "day", "user_id", "model", "provider", "purpose"
            )
            without_rowid = isinstance(db, SqliteDatabase)

    return [MonthTotal, LiveCounter]


def daily_models(db: Database, organization: type[Model]) -> list[type[Model]]:
    class Daily(sums(db)):  # type: ignore[misc]
        organization_id = belongs_to(organization)
        day = DateField()
        task_requests = BigIntegerField()
        task_billed_pusd = BigIntegerField()
        distinct_users = BigIntegerField()
        distinct_models = BigIntegerField()
        first_at_ms = BigIntegerField(null=True)
        last_at_ms = BigIntegerField(null=True)
        sealed_at_ms = BigIntegerField()

        class Meta:
            table_name = "client_daily_usage"
            primary_key = CompositeKey("organization_id", "day")

    class UserDaily(sums(db)):  # type: ignore[misc]
        organization_id = belongs_to(organization)
        day = DateField()
        user_id = TextField()
        openrouter_user_id = TextField(null=True)
        sealed_at_ms = BigIntegerField()

        class Meta:
            table_name = "client_user_daily_usage"
            primary_key = CompositeKey("organization_id", "day", "user_id")

    class ModelDaily(sums(db)):  # type: ignore[misc]
        organization_id = belongs_to(organization)
        day = DateField()
        model = TextField()
        provider = TextField()
        sealed_at_ms = BigIntegerField()

        class Meta:
            table_name = "client_model_daily_usage"
            primary_key = CompositeKey("organization_id", "day", "model", "provider")

    return [Daily, UserDaily, ModelDaily]


def process_model(db: Database) -> type[Model]:
    class Process(base(db)):  # type: ignore[misc]
        id = TextField(primary_key=True)
        hostname = TextField()
        pid = BigIntegerField()
        version = TextField()
        started_at_ms = BigIntegerField()
        lease_until_ms = BigIntegerField()

        class Meta:
            table_name = "usage_processes"

    return Process


def sums(db: Database) -> Any:
    class Sums(base(db)):  # type: ignore[misc]
        requests = BigIntegerField()
        failures = BigIntegerField()
        cancelled = BigIntegerField()
        prompt_tokens = BigIntegerField()
        completion_tokens = BigIntegerField()
        cached_tokens = BigIntegerField()
        reasoning_tokens = BigIntegerField()
        raw_pusd = BigIntegerField()
        billed_pusd = BigIntegerField()
        first_byte_ms_sum = BigIntegerField()
        first_byte_count = BigIntegerField()
        duration_ms_sum = BigIntegerField()

    return Sums

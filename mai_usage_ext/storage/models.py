"""The tables, as peewee models that are bound to no database: a query says where it runs.

Money is a ``BIGINT`` of picodollars and ends in ``_pusd``; instants are UTC milliseconds and end in
``_ms``; a day is a date in the organization's zone. An unknown user is ``''``, because NULL is
never equal to itself in a key; the stores turn it into ``None``. Indexes and foreign keys stand in
the migrations; a test compares these models with what those create.
"""

from peewee import (
    AutoField,
    BigIntegerField,
    CompositeKey,
    DateField,
    IntegerField,
    Model,
    TextField,
)

from mai_usage_ext.storage.alert_models import AlertEvent, alert_models
from mai_usage_ext.storage.daily_models import (
    CELL_KEY,
    CELL_SUMS,
    ClientDailyUsage,
    ClientLiveCounter,
    ClientModelDailyUsage,
    ClientUserDailyUsage,
    daily_models,
)
from mai_usage_ext.storage.event_models import event_models
from mai_usage_ext.storage.import_models import ImportedGeneration, ImportMark, import_models
from mai_usage_ext.storage.reconciliation_models import reconciliation_models
from mai_usage_ext.storage.statement_models import statement_models
from mai_usage_ext.storage.webhook_models import webhook_models

__all__ = [
    "CELL_KEY",
    "CELL_SUMS",
    "AlertEvent",
    "AuditHead",
    "AuditLog",
    "ClientDailyUsage",
    "ClientLiveCounter",
    "ClientModelDailyUsage",
    "ClientMonthTotal",
    "ClientOrganization",
    "ClientUserDailyUsage",
    "DeletedUser",
    "ImportMark",
    "ImportedGeneration",
    "JobLease",
    "PricingRule",
    "StoredPrice",
    "UsageHold",
    "UsageLedger",
    "UsageProcess",
    "UsageSetting",
    "UserClientMapping",
    "all_models",
]


class ClientOrganization(Model):
    """``version`` counts its changes. ``timezone`` holds until ``next_timezone_from_ms``."""

    id = TextField(primary_key=True)
    name = TextField()
    slug = TextField(unique=True)
    status = TextField(default="active")
    timezone = TextField(default="UTC")
    billing_currency = TextField(default="USD")
    monthly_limit_pusd = BigIntegerField(null=True)
    on_limit = TextField(default="block")
    on_meter_failure = TextField(null=True)
    billing_email = TextField(default="")
    contacts = TextField(default="")
    notes = TextField(default="")
    openrouter_key_ciphertext = TextField(null=True)
    openrouter_key_hash = TextField(null=True)
    openrouter_key_label = TextField(null=True)
    created_at_ms = BigIntegerField()
    updated_at_ms = BigIntegerField()
    deactivated_at_ms = BigIntegerField(null=True)
    version = BigIntegerField(default=1)
    next_timezone = TextField(null=True)
    next_timezone_from_ms = BigIntegerField(null=True)
    openrouter_key_state = TextField(default="none")
    openrouter_key_problem = TextField(null=True)
    openrouter_key_checked_at_ms = BigIntegerField(null=True)
    openrouter_pending_name = TextField(null=True)
    openrouter_pending_at_ms = BigIntegerField(null=True)
    openrouter_retiring_hash = TextField(null=True)
    openrouter_retire_at_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "client_organizations"


class UserClientMapping(Model):
    """Who belonged where and when; ``valid_to_ms`` is null while it still holds."""

    user_id = TextField()
    valid_from_ms = BigIntegerField()
    valid_to_ms = BigIntegerField(null=True)
    organization_id = TextField()
    role = TextField(default="member")
    monthly_limit_pusd = BigIntegerField(null=True)
    openrouter_user_id = TextField(null=True)
    created_at_ms = BigIntegerField()
    source = TextField(default="admin")

    class Meta:
        table_name = "user_client_mappings"
        primary_key = CompositeKey("user_id", "valid_from_ms")


class PricingRule(Model):
    """A price from an instant on; null means every organization, or every model."""

    id = AutoField()
    organization_id = TextField(null=True)
    model_pattern = TextField(null=True)
    effective_from_ms = BigIntegerField()
    rate_micro = BigIntegerField()
    fee_pusd = BigIntegerField(default=0)
    created_at_ms = BigIntegerField()

    class Meta:
        table_name = "pricing_rules"


class UsageHold(Model):
    """``closed_at_ms`` is null exactly while the hold keeps its money."""

    id = TextField(primary_key=True)
    organization_id = TextField()
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
    attempts = IntegerField(default=0)
    next_attempt_ms = BigIntegerField(null=True)
    first_byte_ms = BigIntegerField(null=True)
    duration_ms = BigIntegerField(null=True)
    closed_at_ms = BigIntegerField(null=True)
    key_hash = TextField(default="")

    class Meta:
        table_name = "usage_holds"


class UsageLedger(Model):
    """Immutable entries. ``partition_day`` follows from the generation id, see ``partition``."""

    generation_id = TextField()
    sequence = IntegerField()
    partition_day = DateField()
    organization_id = TextField()
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
    key_hash = TextField(default="")

    class Meta:
        table_name = "usage_ledger"
        primary_key = CompositeKey("generation_id", "sequence")


class ClientMonthTotal(Model):
    """Spent and held of a month: ``user_id`` is ``''`` for the organization as a whole, whose row
    names the last day of the month that was sealed, and the last whose ledger was dropped."""

    organization_id = TextField()
    month = TextField()
    user_id = TextField()
    spent_pusd = BigIntegerField()
    held_pusd = BigIntegerField()
    sealed_through = DateField(null=True)
    dropped_through = DateField(null=True)

    class Meta:
        table_name = "client_month_totals"
        primary_key = CompositeKey("organization_id", "month", "user_id")


class UsageProcess(Model):
    """A process that owns holds, until its lease runs out."""

    id = TextField(primary_key=True)
    hostname = TextField()
    pid = BigIntegerField()
    version = TextField()
    started_at_ms = BigIntegerField()
    lease_until_ms = BigIntegerField()

    class Meta:
        table_name = "usage_processes"


class UsageSetting(Model):
    """A setting that the database holds; ``value`` is JSON, a secret one is sealed first."""

    name = TextField(primary_key=True)
    value = TextField()
    updated_at_ms = BigIntegerField()
    updated_by = TextField()

    class Meta:
        table_name = "usage_settings"


class AuditLog(Model):
    """Who changed what. Each row's hash covers the row and the hash before it."""

    seq = BigIntegerField(primary_key=True)
    at_ms = BigIntegerField()
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


class AuditHead(Model):
    """One row, the end of the trail: locked by whoever adds to it."""

    id = IntegerField(primary_key=True)
    seq = BigIntegerField()
    hash = TextField()

    class Meta:
        table_name = "audit_head"


class StoredPrice(Model):
    """A model's list price as last read, for a start while OpenRouter is away."""

    model = TextField(primary_key=True)
    prompt_pusd = BigIntegerField()
    completion_pusd = BigIntegerField()
    request_pusd = BigIntegerField()
    image_pusd = BigIntegerField()
    max_completion_tokens = BigIntegerField(null=True)
    fetched_at_ms = BigIntegerField()
    cache_read_pusd = BigIntegerField(null=True)

    class Meta:
        table_name = "model_prices"


class DeletedUser(Model):
    """A user the host deleted: the id's SHA-256, and the pseudonym that took its place."""

    user_hash = TextField()
    pseudonym = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "deleted_users"
        primary_key = CompositeKey("user_hash", "pseudonym")


class JobLease(Model):
    """Who runs a job that one process runs for all, until when, and how its last runs went."""

    name = TextField(primary_key=True)
    owner = TextField()
    until_ms = BigIntegerField()
    begun_ms = BigIntegerField()
    ended_ms = BigIntegerField(null=True)
    succeeded_ms = BigIntegerField(null=True)
    problem = TextField(null=True)

    class Meta:
        table_name = "job_leases"


def all_models() -> tuple[type[Model], ...]:
    return (
        ClientOrganization,
        UserClientMapping,
        PricingRule,
        UsageHold,
        UsageLedger,
        ClientMonthTotal,
        *daily_models(),
        UsageProcess,
        UsageSetting,
        AuditLog,
        AuditHead,
        *alert_models(),
        StoredPrice,
        DeletedUser,
        JobLease,
        *import_models(),
        *reconciliation_models(),
        *event_models(),
        *webhook_models(),
        *statement_models(),
    )

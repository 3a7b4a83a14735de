"""The tables of days, live and sealed; ``models`` says how they are read."""

from peewee import BigIntegerField, CompositeKey, DateField, Model, TextField

from mai_usage_ext.metering.daily import SUMS

__all__ = [
    "CELL_KEY",
    "CELL_SUMS",
    "ClientDailyUsage",
    "ClientLiveCounter",
    "ClientModelDailyUsage",
    "ClientUserDailyUsage",
    "daily_models",
]

CELL_KEY = ("organization_id", "day", "user_id", "model", "provider", "purpose")
# What a live cell and the three daily tables add up, in the order the writer adds it.
CELL_SUMS = SUMS


class _Sums(Model):
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


class ClientLiveCounter(_Sums):
    """A cell of a day that is not sealed yet."""

    organization_id = TextField()
    day = DateField()
    user_id = TextField()
    model = TextField()
    provider = TextField()
    purpose = TextField()

    class Meta:
        table_name = "client_live_counters"
        primary_key = CompositeKey(*CELL_KEY)


class _Sealed(_Sums):
    sealed_at_ms = BigIntegerField()


class ClientDailyUsage(_Sealed):
    """A sealed day. ``task_*`` is the share of titles, tags and other background calls."""

    organization_id = TextField()
    day = DateField()
    task_requests = BigIntegerField()
    task_billed_pusd = BigIntegerField()
    distinct_users = BigIntegerField()
    distinct_models = BigIntegerField()
    first_at_ms = BigIntegerField(null=True)
    last_at_ms = BigIntegerField(null=True)
    source = TextField(default="ledger")  # or "imported"

    class Meta:
        table_name = "client_daily_usage"
        primary_key = CompositeKey("organization_id", "day")


class ClientUserDailyUsage(_Sealed):
    organization_id = TextField()
    day = DateField()
    user_id = TextField()
    openrouter_user_id = TextField(null=True)

    class Meta:
        table_name = "client_user_daily_usage"
        primary_key = CompositeKey("organization_id", "day", "user_id")


class ClientModelDailyUsage(_Sealed):
    organization_id = TextField()
    day = DateField()
    model = TextField()
    provider = TextField()

    class Meta:
        table_name = "client_model_daily_usage"
        primary_key = CompositeKey("organization_id", "day", "model", "provider")


def daily_models() -> tuple[type[Model], ...]:
    return (ClientLiveCounter, ClientDailyUsage, ClientUserDailyUsage, ClientModelDailyUsage)

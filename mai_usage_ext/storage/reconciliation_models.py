"""The tables of the comparison with OpenRouter's own figures; ``models`` says how they are read."""

from peewee import BigIntegerField, BooleanField, CompositeKey, DateField, Model, TextField

__all__ = [
    "BroadcastCall",
    "KeyCounter",
    "ReconciliationLine",
    "ReconciliationRun",
    "reconciliation_models",
]


class ReconciliationRun(Model):
    """A UTC day that was, or is being, compared with OpenRouter's figures. ``claim`` is of the one
    at work; ``next_at_ms`` is null where nothing is left to do. ``midnight`` says whether calls
    across midnight turned out to count where they begin or where they end."""

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


class ReconciliationLine(Model):
    """One key's UTC day; ``models`` is JSON, ``organization_id`` is ``''`` for a key of nobody."""

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


class KeyCounter(Model):
    """What a key has used in all its life, at the last look and at the one before."""

    key_hash = TextField(primary_key=True)
    organization_id = TextField()
    name = TextField(default="")
    label = TextField()
    usage_pusd = BigIntegerField()
    at_ms = BigIntegerField()
    previous_pusd = BigIntegerField(null=True)
    previous_at_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "key_counters"


class BroadcastCall(Model):
    """A call that OpenRouter told of by itself; ``due_at_ms`` is null once it was judged. A user or
    key that was not named is ``''``."""

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
        table_name = "broadcast_calls"


def reconciliation_models() -> tuple[type[Model], ...]:
    return (ReconciliationRun, ReconciliationLine, KeyCounter, BroadcastCall)

"""The tables of webhooks; ``models`` says how they are read."""

from peewee import AutoField, BigIntegerField, IntegerField, Model, TextField

__all__ = ["WebhookDelivery", "WebhookEndpoint", "WebhookFanout", "webhook_models"]


class WebhookEndpoint(Model):
    """A receiver; ``kinds`` is a JSON list, empty for every kind. The previous secret is signed
    with too until ``previous_until_ms``."""

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


class WebhookDelivery(Model):
    """An event for an endpoint, once for each two but for replays. ``next_attempt_ms`` is null once
    it is finished, and while it is being sent the instant at which its ``claim`` runs out."""

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


class WebhookFanout(Model):
    """An event whose deliveries were made. So were those of all up to the lowest number here."""

    number = BigIntegerField(primary_key=True)
    at_ms = BigIntegerField()

    class Meta:
        table_name = "webhook_fanouts"


def webhook_models() -> tuple[type[Model], ...]:
    return (WebhookEndpoint, WebhookDelivery, WebhookFanout)

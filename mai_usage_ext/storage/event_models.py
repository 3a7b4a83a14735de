"""The outbox; ``models`` says how it is read."""

from peewee import AutoField, BigIntegerField, Model, TextField

__all__ = ["UsageEvent", "event_models"]


class UsageEvent(Model):
    """Something that other systems hear of, once for each kind and subject; ``data`` is JSON."""

    number = AutoField()
    id = TextField(unique=True)
    kind = TextField()
    subject = TextField()
    organization_id = TextField(null=True)
    at_ms = BigIntegerField()
    data = TextField()

    class Meta:
        table_name = "usage_events"


def event_models() -> tuple[type[Model], ...]:
    return (UsageEvent,)

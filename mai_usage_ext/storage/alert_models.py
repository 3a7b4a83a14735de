"""The tables of alerts; ``models`` says how they are read."""

from peewee import AutoField, BigIntegerField, BooleanField, IntegerField, Model, TextField

__all__ = ["AlertEvent", "AlertMute", "AlertNotification", "AlertRule", "alert_models"]


class AlertEvent(Model):
    """An alert. A mark is noted once for each limit or amount and ``month``, which is a day where
    the mark is one of a day; ``user_id`` is ``''`` where it is the organization's own. What is
    about something else names it in ``subject``, once for each. ``facts`` is JSON.
    """

    id = AutoField()
    kind = TextField()
    organization_id = TextField()
    user_id = TextField()
    month = TextField()
    percent = IntegerField()
    limit_pusd = BigIntegerField()
    spent_pusd = BigIntegerField()
    at_ms = BigIntegerField()
    # The table has its own defaults for these: what notes a mark does not speak of them.
    subject = TextField()
    rule_id = IntegerField(null=True)
    severity = TextField()
    state = TextField()
    is_muted = BooleanField()
    facts = TextField()
    told_at_ms = BigIntegerField(null=True)
    acknowledged_at_ms = BigIntegerField(null=True)
    acknowledged_by = TextField(null=True)
    note = TextField()
    resolved_at_ms = BigIntegerField(null=True)
    resolved_by = TextField(null=True)

    class Meta:
        table_name = "alert_events"


class AlertRule(Model):
    """What is to be told, of whom, and to whom; the lists and ``parameters`` are JSON."""

    id = AutoField()
    name = TextField()
    kind = TextField()
    level = TextField()
    organization_id = TextField(null=True)
    user_id = TextField(null=True)
    is_enabled = BooleanField()
    is_builtin = BooleanField()
    severity = TextField()
    parameters = TextField()
    channels = TextField()
    emails = TextField()
    notify_organization = BooleanField()
    created_at_ms = BigIntegerField()
    updated_at_ms = BigIntegerField()

    class Meta:
        table_name = "alert_rules"


class AlertMute(Model):
    """Until an instant nothing is sent of a rule, of an organization, or of the two together."""

    id = AutoField()
    rule_id = IntegerField(null=True)
    organization_id = TextField(null=True)
    until_ms = BigIntegerField()
    note = TextField()
    created_at_ms = BigIntegerField()
    created_by = TextField()

    class Meta:
        table_name = "alert_mutes"


class AlertNotification(Model):
    """An alert on its way to one recipient. ``batch`` names the message it goes in, from the first
    attempt on; without ``next_at_ms`` it is sent or given up."""

    id = AutoField()
    alert_id = IntegerField()
    channel = TextField()
    recipient = TextField()
    batch = TextField(null=True)
    attempts = IntegerField()
    created_at_ms = BigIntegerField()
    next_at_ms = BigIntegerField(null=True)
    sent_at_ms = BigIntegerField(null=True)
    gave_up_at_ms = BigIntegerField(null=True)
    problem = TextField(null=True)

    class Meta:
        table_name = "alert_notifications"


def alert_models() -> tuple[type[Model], ...]:
    return (AlertEvent, AlertRule, AlertMute, AlertNotification)

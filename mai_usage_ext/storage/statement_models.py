"""The tables of billing; ``models`` says how they are read."""

from peewee import BigIntegerField, CompositeKey, DateField, IntegerField, Model, TextField

__all__ = ["FxRate", "Statement", "StatementLine", "StatementNumber", "statement_models"]


class Statement(Model):
    """A closed one, which triggers keep as it is. ``total`` and ``rate`` are exact decimals,
    ``rate_day`` is null in USD; ``document`` is JSON of what was true when it was closed."""

    id = TextField(primary_key=True)
    number = TextField(unique=True)
    year = IntegerField()
    serial = IntegerField()
    organization_id = TextField()
    month = TextField()
    time_zone = TextField()
    issued_on = DateField()
    closed_at_ms = BigIntegerField()
    closed_by = TextField()
    currency = TextField()
    net_pusd = BigIntegerField()
    total = TextField()
    rate = TextField()
    rate_source = TextField()
    rate_day = DateField(null=True)
    rate_note = TextField()
    forced_reason = TextField()
    document = TextField()

    class Meta:
        table_name = "statements"


class StatementLine(Model):
    """``month`` is the statement's own, or an earlier one that is corrected. They are written
    before their statement, because a trigger adds none to one that stands."""

    statement_id = TextField()
    position = IntegerField()
    kind = TextField()
    month = TextField()
    model = TextField()
    requests = BigIntegerField()
    prompt_tokens = BigIntegerField()
    completion_tokens = BigIntegerField()
    billed_pusd = BigIntegerField()
    reason = TextField()

    class Meta:
        table_name = "statement_lines"
        primary_key = CompositeKey("statement_id", "position")


class StatementNumber(Model):
    """The last number of a year, locked by whoever takes the next."""

    year = IntegerField(primary_key=True)
    last = IntegerField()

    class Meta:
        table_name = "statement_numbers"


class FxRate(Model):
    """Units of a currency for one USD, published (or entered for) that day."""

    currency = TextField()
    day = DateField()
    source = TextField()
    rate = TextField()
    note = TextField()
    fetched_at_ms = BigIntegerField()
    entered_by = TextField()

    class Meta:
        table_name = "fx_rates"
        primary_key = CompositeKey("currency", "day", "source")


def statement_models() -> tuple[type[Model], ...]:
    return (Statement, StatementLine, StatementNumber, FxRate)

"""Statements that nobody can change, the numbers they carry, and rates of currencies."""

from collections.abc import Mapping
from typing import Any

from peewee import (
    BigIntegerField,
    Check,
    CompositeKey,
    Database,
    DateField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

INDEXES = (
    "CREATE UNIQUE INDEX mai_usage_statements_number ON statements (number)",
    """CREATE UNIQUE INDEX mai_usage_statements_month
       ON statements (organization_id, month)""",
    "CREATE UNIQUE INDEX mai_usage_statements_serial ON statements (year, serial)",
    "CREATE INDEX mai_usage_statements_recent ON statements (month, organization_id)",
)

FIXED = "a closed statement never changes"
# Lines are written before their statement, so that none is ever added to one that stands.
LATE_LINE = "EXISTS (SELECT 1 FROM statements WHERE id = NEW.statement_id)"
SQLITE_TRIGGERS = (
    *(
        f"""CREATE TRIGGER mai_usage_{table}_{event.lower()} BEFORE {event} ON {table}
            BEGIN SELECT RAISE(ABORT, '{FIXED}'); END"""
        for table in ("statements", "statement_lines")
        for event in ("UPDATE", "DELETE")
    ),
    f"""CREATE TRIGGER mai_usage_statement_lines_insert BEFORE INSERT ON statement_lines
        WHEN {LATE_LINE} BEGIN SELECT RAISE(ABORT, '{FIXED}'); END""",
)
POSTGRES_TRIGGERS = (
    f"""CREATE FUNCTION mai_usage_statement_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '{FIXED}' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    f"""CREATE FUNCTION mai_usage_statement_line_is_late() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF {LATE_LINE} THEN
        RAISE EXCEPTION '{FIXED}' USING ERRCODE = 'integrity_constraint_violation';
        END IF; RETURN NEW; END $$""",
    *(
        f"""CREATE TRIGGER mai_usage_{table}_{name} BEFORE {event} ON {table}
            FOR EACH {each} EXECUTE FUNCTION mai_usage_statement_is_fixed()"""
        for table in ("statements", "statement_lines")
        for name, event, each in (
            ("change", "UPDATE OR DELETE", "ROW"),
            ("truncate", "TRUNCATE", "STATEMENT"),
        )
    ),
    """CREATE TRIGGER mai_usage_statement_lines_insert BEFORE INSERT ON statement_lines
       FOR EACH ROW EXECUTE FUNCTION mai_usage_statement_line_is_late()""",
)
FUNCTIONS = ("mai_usage_statement_is_fixed", "mai_usage_statement_line_is_late")


def measure(_db: Database) -> Mapping[str, int]:
    """Nothing that was there before is touched."""
    return {}


def up(db: Database) -> None:
    for model in frozen_models(db):
        model.create_table(safe=False)
    run: Any = db.execute_sql
    for statement in (*INDEXES, *_triggers(db)):
        run(statement)


def down(db: Database) -> None:
    for model in reversed(frozen_models(db)):
        model.drop_table(safe=False)
    if not isinstance(db, SqliteDatabase):
        run: Any = db.execute_sql
        for name in FUNCTIONS:
            run(f"DROP FUNCTION {name}()")


def check(db: Database, _before: Mapping[str, int]) -> None:
    """The tables are there with their columns."""
    for model in frozen_models(db):
        table = model._meta.table_name
        made = {column.name for column in db.get_columns(table)}
        if made != {field.column_name for field in model._meta.sorted_fields}:
            raise MigrationFailed(f"{table} has the columns {sorted(made)}")


def frozen_models(db: Database) -> list[type[Model]]:
    """The tables that this migration makes, as of its day."""
    return [statement_model(db), line_model(db), number_model(db), rate_model(db)]


def statement_model(db: Database) -> type[Model]:
    class Statement(Model):
        id = TextField(primary_key=True)
        number = TextField()
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
            database = db
            table_name = "statements"

    return Statement


def line_model(db: Database) -> type[Model]:
    class Line(Model):
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
            database = db
            table_name = "statement_lines"
            primary_key = CompositeKey("statement_id", "position")
            constraints = (Check("kind IN ('usage', 'correction')"),)

    return Line


def number_model(db: Database) -> type[Model]:
    class Number(Model):
        year = IntegerField(primary_key=True)
        last = IntegerField()

        class Meta:
            database = db
            table_name = "statement_numbers"

    return Number


def rate_model(db: Database) -> type[Model]:
    class Rate(Model):
        currency = TextField()
        day = DateField()
        source = TextField()
        rate = TextField()
        note = TextField()
        fetched_at_ms = BigIntegerField()
        entered_by = TextField()

        class Meta:
            database = db
            table_name = "fx_rates"
            primary_key = CompositeKey("currency", "day", "source")
            constraints = (Check("source IN ('manual', 'ecb', 'nbp')"),)

    return Rate


def _triggers(db: Database) -> tuple[str, ...]:
    return SQLITE_TRIGGERS if isinstance(db, SqliteDatabase) else POSTGRES_TRIGGERS

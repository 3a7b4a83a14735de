"""How far a ledger was dropped; and on PostgreSQL one partition a month for what grows for ever.

The ledger is divided by the day that follows from a generation's id, the daily tables by their own.
A key of a divided table has to hold what divides it, so the ledger's gets that day as its last
column. Rows are copied into their months; nothing else about the tables changes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from peewee import Database, SqliteDatabase

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

TOTALS, COLUMN = "client_month_totals", "dropped_through"
# What has to be the same before and after: how many, and what they cost.
MEASURES = ("COUNT(*)", "COALESCE(SUM(raw_pusd), 0)", "COALESCE(SUM(billed_pusd), 0)")


@dataclass(frozen=True)
class Divided:
    """A table, the day it is divided by, its key once it is, and before."""

    name: str
    by: str
    key: str
    old_key: str


LEDGER = Divided(
    "usage_ledger",
    "partition_day",
    key="generation_id, sequence, partition_day",
    old_key="generation_id, sequence",
)
TABLES = (
    LEDGER,
    *(
        Divided(name, "day", key, key)
        for name, key in (
            ("client_daily_usage", "organization_id, day"),
            ("client_user_daily_usage", "organization_id, day, user_id"),
            ("client_model_daily_usage", "organization_id, day, model, provider"),
        )
    ),
)
LEDGER_INDEX = "CREATE INDEX mai_usage_ledger_day ON usage_ledger (organization_id, day)"


def measure(db: Database) -> Mapping[str, int]:
    """Rows of the months, and rows and money of the tables that are divided."""
    figures = {f"{TOTALS}: COUNT(*)": _number(db, "COUNT(*)", TOTALS)}
    for table in TABLES:
        for what in MEASURES:
            figures[f"{table.name}: {what}"] = _number(db, what, table.name)
    return figures


def up(db: Database) -> None:
    run: Any = db.execute_sql
    run(f"ALTER TABLE {TOTALS} ADD COLUMN {COLUMN} DATE")
    if isinstance(db, SqliteDatabase):
        return
    for table in TABLES:
        _rebuild(db, table, divided=True)


def down(db: Database) -> None:
    run: Any = db.execute_sql
    if not isinstance(db, SqliteDatabase):
        for table in TABLES:
            _rebuild(db, table, divided=False)
    run(f"ALTER TABLE {TOTALS} DROP COLUMN {COLUMN}")


def check(db: Database, before: Mapping[str, int]) -> None:
    """Every row is there with its money, and PostgreSQL's tables are divided."""
    after = measure(db)
    changed = [name for name, figure in before.items() if after[name] != figure]
    if changed:
        [name, *_] = changed
        raise MigrationFailed(f"{name} was {before[name]} and is {after[name]}")
    if COLUMN not in {column.name for column in db.get_columns(TOTALS)}:
        raise MigrationFailed(f"{TOTALS} lacks the column {COLUMN}")
    if isinstance(db, SqliteDatabase):
        return
    for table in TABLES:
        if not _is_divided(db, table.name):
            raise MigrationFailed(f"{table.name} is not divided into months")


def _rebuild(db: Database, table: Divided, *, divided: bool) -> None:
    """The same table, divided or whole, with the same rows.

    The old one goes before keys and indexes are made, because their names are its own till then.
    """
    run: Any = db.execute_sql
    name, old = table.name, f"{table.name}_before"
    run(f"ALTER TABLE {name} RENAME TO {old}")
    like = f"CREATE TABLE {name} (LIKE {old} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
    run(f"{like} PARTITION BY RANGE ({table.by})" if divided else like)
    if divided:
        for first in _months(db, old, table.by):
            run(_month_of(name, first))
    run(f"INSERT INTO {name} SELECT * FROM {old}")  # noqa: S608 - our own names
    run(f"DROP TABLE {old}")
    run(f"ALTER TABLE {name} ADD PRIMARY KEY ({table.key if divided else table.old_key})")
    run(
        f"ALTER TABLE {name} ADD FOREIGN KEY (organization_id) REFERENCES client_organizations (id)"
    )
    if table is LEDGER:
        run(LEDGER_INDEX)


def _months(db: Database, table: str, by: str) -> list[date]:
    """The first days of the months that have rows."""
    run: Any = db.execute_sql
    asked = f"SELECT DISTINCT date_trunc('month', {by})::date FROM {table} ORDER BY 1"  # noqa: S608
    return [row[0] for row in run(asked).fetchall()]


def _month_of(table: str, first: date) -> str:
    following = (first + timedelta(days=32)).replace(day=1)
    return (
        f"CREATE TABLE {table}_{first:%Y_%m} PARTITION OF {table}"
        f" FOR VALUES FROM ('{first}') TO ('{following}')"
    )


def _is_divided(db: Database, table: str) -> bool:
    run: Any = db.execute_sql
    asked = "SELECT pg_get_partkeydef(to_regclass(%s)::oid)"
    definition = run(asked, (table,)).fetchone()[0]
    return bool(re.match(r"RANGE \(", definition or ""))


def _number(db: Database, what: str, table: str) -> int:
    run: Any = db.execute_sql
    return int(run(f"SELECT {what} FROM {table}").fetchone()[0])  # noqa: S608 - our own names

"""PostgreSQL's partitions: one a month for the ledger and each of the daily tables.

There is no default partition: a row in it would keep its own month from ever being made. Months are
made ahead, and where one is missing all the same, by the first write that wants it. SQLite has
nothing of all this.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, TypeVar

import peewee
from peewee import Database

from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.sessions import execute, session, transaction

__all__ = ["LEDGER", "make_months", "months_of", "with_months"]

LEDGER = "usage_ledger"
_DAILY = ("client_daily_usage", "client_user_daily_usage", "client_model_daily_usage")
_MONTHS_AHEAD = 2
# Any number that nobody else is likely to lock: the letters of "mai part".
_ADVISORY_LOCK = 0x6D61695F70617274
_CHECK_VIOLATION = "23514"
# The failing row's key is told in every language of the server: (partition_day) = (2026-01-20).
_KEY = re.compile(r"\(\w+\) = \((\d{4}-\d{2})-\d{2}\)")

_T = TypeVar("_T")


def with_months(db: Database, work: Callable[[], _T]) -> _T:
    """Do ``work``, a whole transaction, and again after each month that it found missing."""
    made: set[tuple[str, date]] = set()
    while True:
        try:
            return work()
        except peewee.IntegrityError as error:
            missing = _missing(error)
            if missing is None or missing in made:
                raise
            made.add(missing)
        table, month = missing
        # A day goes into all daily tables or into none.
        for one in _DAILY if table in _DAILY else (table,):
            _make(db, one, month)


def make_months(db: Database, *, at: date) -> int:
    """Make the month that ``at`` is in and those ahead, where missing; return how many were."""
    if is_sqlite(db):
        return 0
    months = [at.replace(day=1)]
    while len(months) <= _MONTHS_AHEAD:
        months.append(_following(months[-1]))
    # Apart from each other, so that nobody waits for more than one.
    return sum(_make(db, table, month) for table in (LEDGER, *_DAILY) for month in months)


def months_of(db: Database, table: str) -> dict[str, date]:
    """The partitions of a table, with the first day of each one's month, oldest first."""
    asked = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(%s)"
    with session(db):
        names = [str(row[0]) for row in execute(db, asked, (table,)).fetchall()]
    firsts = {name: date.fromisoformat(f"{name[-7:].replace('_', '-')}-01") for name in names}
    return dict(sorted(firsts.items(), key=lambda item: item[1]))


def _make(db: Database, table: str, first: date) -> bool:
    """Whether it was missing. To be made beside and attached then takes no lock that a reader or a
    writer of the table has to wait for."""
    name = f"{table}_{first:%Y_%m}"
    with transaction(db):
        execute(db, "SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,)).close()
        if execute(db, "SELECT to_regclass(%s)", (name,)).fetchone()[0] is not None:
            return False
        execute(db, f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)").close()
        bounds = f"FROM ('{first}') TO ('{_following(first)}')"
        execute(db, f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}").close()
    return True


def _missing(error: peewee.IntegrityError) -> tuple[str, date] | None:
    """The table and month that a row found no partition for, if that is what went wrong."""
    driver_error: Any = getattr(error, "orig", None) or error.__cause__
    if getattr(driver_error, "sqlstate", None) != _CHECK_VIOLATION:
        return None
    said = driver_error.diag
    found = _KEY.search(said.message_detail or "")
    # A check of the table that does not hold has a name.
    if said.constraint_name or found is None or said.table_name not in (LEDGER, *_DAILY):
        return None
    return said.table_name, date.fromisoformat(f"{found[1]}-01")


def _following(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)

"""The writer's hot statements, compiled once from peewee queries.

Letting peewee build each group anew is about six times slower than the database itself. A compiled
statement knows the order of its parameters by name, because every value was given its column's name
when the query was built.

SQLite runs a statement once for every row. PostgreSQL gets all rows as one JSON value, which spares
it a round through its executor for each.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import Any

from peewee import EXCLUDED, Database, Model, Value

from mai_usage_ext.metering.days import month_days
from mai_usage_ext.storage.budgets import MonthKey
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import (
    CELL_KEY,
    CELL_SUMS,
    ClientLiveCounter,
    ClientMonthTotal,
    UsageHold,
    UsageLedger,
    UsageProcess,
)
from mai_usage_ext.storage.sessions import driver_cursor, execute

__all__ = [
    "HOLD_ROW",
    "Reads",
    "Write",
    "Writes",
    "adding",
    "columns_of",
    "insert_of",
    "update_of",
]

# What changes of a hold after it was placed.
_HOLD_STATE = (
    "state",
    "generation_id",
    "outcome",
    "reason",
    "next_attempt_ms",
    "first_byte_ms",
    "duration_ms",
    "closed_at_ms",
)
# What the writer reads of a hold before it judges a change to it.
HOLD_ROW = ("id", "organization_id", "user_id", "month", "estimate_pusd", *_HOLD_STATE)
_MONTH_KEY = ("organization_id", "month", "user_id")
_MONTH_SUMS = ("spent_pusd", "held_pusd")


class Write:
    """One statement for any number of rows, each a mapping of column to value."""

    def __init__(self, db: Database, query: Any) -> None:
        self._db = db
        context: Any = db.get_sql_context()
        self.sql, names = context.sql(query).query()
        self._values = itemgetter(*names)
        self._is_sqlite = is_sqlite(db)
        if not self._is_sqlite:
            self.sql = _from_json(self.sql, names)

    def run(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """The number of rows that are there or different now."""
        if not rows:
            return 0
        with driver_cursor(self._db) as cursor:
            if self._is_sqlite:
                cursor.executemany(self.sql, [self._values(row) for row in rows])
            else:
                cursor.execute(self.sql, (json.dumps(rows),), prepare=_may_prepare(self.sql))
            return int(cursor.rowcount)


class Writes:
    """Everything the writer writes, in one database's dialect."""

    def __init__(self, db: Database) -> None:
        self.insert_hold = Write(db, insert_of(UsageHold, columns_of(UsageHold)))
        self.update_hold = Write(db, update_of(UsageHold, _HOLD_STATE, key="id"))
        self.insert_entry = Write(db, insert_of(UsageLedger, columns_of(UsageLedger)))
        self.add_to_cell = Write(db, adding(ClientLiveCounter, CELL_KEY, CELL_SUMS))
        self.add_to_month = Write(db, adding(ClientMonthTotal, _MONTH_KEY, _MONTH_SUMS))
        self.beat = Write(db, _beat())


class Reads:
    """What the writer looks up before it writes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._is_sqlite = is_sqlite(db)
        among = "IN (SELECT value FROM json_each(?))" if self._is_sqlite else "= ANY(%s)"
        mark = "?" if self._is_sqlite else "%s"
        columns = ", ".join(HOLD_ROW)
        self._holds = f"SELECT {columns} FROM usage_holds WHERE id {among}"  # noqa: S608 - constants
        self._entries = f"{_ENTRIES} WHERE generation_id {among}"
        self._limits = f"{_LIMITS} AND id {among}"
        self._users_limits = f"{_USERS_LIMITS} AND user_id {among}".replace("?", mark)
        self._user_spent = _USER_SPENT.replace("?", mark)
        self._user_held = _USER_HELD.replace("?", mark)
        self._spent = _spent("client_daily_usage", "").replace("?", mark)
        self._spent_of_user = _spent("client_user_daily_usage", " AND user_id = ?").replace(
            "?", mark
        )

    def holds(self, ids: list[str]) -> list[tuple[Any, ...]]:
        """Rows of ``HOLD_ROW``."""
        return self._among(self._holds, ids)

    def entries(self, generation_ids: list[str]) -> list[tuple[Any, ...]]:
        """Generation id and sequence of those that are in the ledger."""
        return self._among(self._entries, generation_ids)

    def months(self, keys: set[MonthKey]) -> list[tuple[Any, ...]]:
        """Key, spent, held, the last sealed and the last dropped day of these months' rows, users'
        own where they have one.

        PostgreSQL locks the organizations' rows, always in the same order, and makes one that is
        not there yet; SQLite's transaction has locked everything already.
        """
        if self._is_sqlite:
            found = self._fetch(_MONTHS, (json.dumps(sorted(keys)),))
            missing = {key for key in keys if not key[2]} - {row[:3] for row in found}
            return found + [(*key, 0, 0, None, None) for key in sorted(missing)]
        organizations = {key for key in keys if not key[2]}
        found = self._fetch(_LOCK_MONTHS, _arrays(organizations))
        missing = organizations - {row[:3] for row in found}
        if missing:
            execute(self._db, _MAKE_MONTHS, _arrays(missing)).close()
            found = self._fetch(_LOCK_MONTHS, _arrays(organizations))
        users = keys - organizations
        # Only a statement that begins under the lock sees the row of a user that another process
        # has made while this one waited for it.
        return found + self._fetch(_USERS_MONTHS, _arrays(users)) if users else found

    def limits(self, organization_ids: list[str]) -> list[tuple[Any, ...]]:
        """Id, monthly limit and what to do at it, of those that have a limit."""
        return self._among(self._limits, organization_ids)

    def users_limits(self, user_ids: list[str], *, at_ms: int) -> dict[tuple[str, str], int]:
        """The limits that users have of their own at an instant, by organization and user."""
        rows = self._among(self._users_limits, user_ids, at_ms, at_ms)
        return {(row[0], row[1]): row[2] for row in rows}

    def used_by(self, organization_id: str, month: str, user_id: str) -> tuple[int, int]:
        """Spent and held of a user's month, added up from the ledger and the open holds."""
        key = (organization_id, user_id)
        first = date.fromisoformat(f"{month}-01")
        days = tuple(day.isoformat() for day in month_days(first))
        [(spent,)] = self._fetch(self._user_spent, (*key, *days))
        [(held,)] = self._fetch(self._user_held, (*key, month))
        return int(spent), int(held)

    def spent_in(self, organization_id: str, first: date, last: date, user_id: str) -> int:
        """What was billed on these days, the organization's or one user's: sealed days and live
        cells, of which a day has either."""
        days = (organization_id, first.isoformat(), last.isoformat())
        key = (*days, user_id) if user_id else days
        sql = self._spent_of_user if user_id else self._spent
        [(spent,)] = self._fetch(sql, (*key, *key))
        return int(spent)

    def _among(self, sql: str, ids: list[str], *others: Any) -> list[tuple[Any, ...]]:
        if not ids:
            return []
        # One array parameter for any number of ids, so that the statement stays the same one.
        return self._fetch(sql, (*others, json.dumps(ids) if self._is_sqlite else ids))

    def _fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        # A plan prepared while a table was small reads all of it for ever, so these are not.
        options = {} if self._is_sqlite else {"prepare": False}
        with driver_cursor(self._db) as cursor:
            cursor.execute(sql, parameters, **options)
            return list(cursor.fetchall())


_ENTRIES = "SELECT generation_id, sequence FROM usage_ledger"
_LIMITS = (
    "SELECT id, monthly_limit_pusd, on_limit FROM client_organizations"
    " WHERE monthly_limit_pusd IS NOT NULL"
)
_USERS_LIMITS = (
    "SELECT organization_id, user_id, monthly_limit_pusd FROM user_client_mappings"
    " WHERE monthly_limit_pusd IS NOT NULL"
    " AND valid_from_ms <= ? AND (valid_to_ms IS NULL OR valid_to_ms > ?)"
)
_USER_SPENT = (
    "SELECT COALESCE(SUM(billed_pusd), 0) FROM usage_ledger"
    " WHERE organization_id = ? AND user_id = ? AND day BETWEEN ? AND ?"
)
_USER_HELD = (
    "SELECT COALESCE(SUM(estimate_pusd), 0) FROM usage_holds"
    " WHERE organization_id = ? AND user_id = ? AND month = ? AND closed_at_ms IS NULL"
)


def _spent(sealed: str, user: str) -> str:
    live, days = "client_live_counters", f"organization_id = ? AND day BETWEEN ? AND ?{user}"
    sums = (
        f"SELECT COALESCE(SUM(billed_pusd), 0) FROM {table} WHERE {days}"  # noqa: S608 - our names
        for table in (live, sealed)
    )
    return f"SELECT {' + '.join(f'({one})' for one in sums)}"


_MONTH = "organization_id, month, user_id, spent_pusd, held_pusd, sealed_through, dropped_through"
_MONTHS = (
    f"SELECT {_MONTH} FROM json_each(?) AS wanted CROSS JOIN client_month_totals"  # noqa: S608
    " WHERE organization_id = json_extract(wanted.value, '$[0]')"
    " AND month = json_extract(wanted.value, '$[1]')"
    " AND user_id = json_extract(wanted.value, '$[2]')"
)
_LOCK_MONTHS = (
    f"SELECT {_MONTH} FROM client_month_totals"  # noqa: S608 - names of our own columns
    " WHERE (organization_id, month, user_id) IN"
    " (SELECT o, m, u FROM unnest(%s::text[], %s::text[], %s::text[]) AS wanted(o, m, u))"
    " ORDER BY organization_id, month, user_id FOR UPDATE"
)
_USERS_MONTHS = (
    f"SELECT {_MONTH} FROM client_month_totals"  # noqa: S608 - names of our own columns
    " WHERE (organization_id, month, user_id) IN"
    " (SELECT o, m, u FROM unnest(%s::text[], %s::text[], %s::text[]) AS wanted(o, m, u))"
)
_MAKE_MONTHS = (
    "INSERT INTO client_month_totals (organization_id, month, user_id, spent_pusd, held_pusd)"
    " SELECT o, m, u, 0, 0 FROM unnest(%s::text[], %s::text[], %s::text[]) AS wanted(o, m, u)"
    " ON CONFLICT DO NOTHING"
)


def _arrays(keys: set[MonthKey]) -> tuple[list[str], list[str], list[str]]:
    ordered = sorted(keys)
    return [key[0] for key in ordered], [key[1] for key in ordered], [key[2] for key in ordered]


def columns_of(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.name for field in model._meta.sorted_fields)


def _field(model: type[Model], name: str) -> Any:
    return model._meta.fields[name]


def _named(name: str) -> Value:
    return Value(name, converter=False)


def insert_of(model: type[Model], columns: Sequence[str]) -> Any:
    return model.insert({_field(model, name): _named(name) for name in columns})


def update_of(model: type[Model], columns: Sequence[str], *, key: str) -> Any:
    changes = {_field(model, name): _named(name) for name in columns}
    return model.update(changes).where(_field(model, key) == _named(key))


def adding(
    model: type[Model], key: Sequence[str], sums: Sequence[str], *, others: Sequence[str] = ()
) -> Any:
    """An upsert that adds ``sums`` to the row of that key; ``others`` are set on a new row only."""
    fields = [_field(model, name) for name in sums]
    return insert_of(model, (*key, *sums, *others)).on_conflict(
        conflict_target=[_field(model, name) for name in key],
        update={field: field + getattr(EXCLUDED, field.column_name) for field in fields},
    )


def _beat() -> Any:
    return insert_of(UsageProcess, columns_of(UsageProcess)).on_conflict(
        conflict_target=[UsageProcess.id], preserve=[UsageProcess.lease_until_ms]
    )


def _from_json(sql: str, names: Sequence[str]) -> str:
    """The same statement with its rows from one JSON array, typed by the table itself."""
    table = sql.split('"')[1]
    rows = f'json_populate_recordset(NULL::"{table}", %s::json)'
    if sql.startswith("INSERT"):
        chosen = ", ".join(f'"{name}"' for name in names)
        values = f"SELECT {chosen} FROM {rows}"  # noqa: S608 - names of our own models
        return re.sub(r"VALUES \(%s(?:, %s)*\)", values, sql, count=1)
    *changed, key = names
    changes = ", ".join(f'"{name}" = given."{name}"' for name in changed)
    where = f'"{table}"."{key}" = given."{key}"'
    return f'UPDATE "{table}" SET {changes} FROM {rows} AS given WHERE {where}'  # noqa: S608 - same


def _may_prepare(sql: str) -> bool | None:
    # An update looks rows up, so it needs a plan for the table as it is now.
    return False if sql.startswith("UPDATE") else None

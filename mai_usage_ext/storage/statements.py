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
from operator import itemgetter
from typing import Any

from peewee import EXCLUDED, Database, Model, Value

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

__all__ = ["HOLD_ROW", "Reads", "Write", "Writes"]

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
HOLD_ROW = ("id", "organization_id", "month", "estimate_pusd", *_HOLD_STATE)
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

    def run(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        with driver_cursor(self._db) as cursor:
            if self._is_sqlite:
                cursor.executemany(self.sql, [self._values(row) for row in rows])
            else:
                cursor.execute(self.sql, (json.dumps(rows),), prepare=_may_prepare(self.sql))


class Writes:
    """Everything the writer writes, in one database's dialect."""

    def __init__(self, db: Database) -> None:
        self.insert_hold = Write(db, _insert(UsageHold, _columns(UsageHold)))
        self.update_hold = Write(db, _update(UsageHold, _HOLD_STATE, key="id"))
        self.insert_entry = Write(db, _insert(UsageLedger, _columns(UsageLedger)))
        self.add_to_cell = Write(db, _adding(ClientLiveCounter, CELL_KEY, CELL_SUMS))
        self.add_to_month = Write(db, _adding(ClientMonthTotal, _MONTH_KEY, _MONTH_SUMS))
        self.beat = Write(db, _beat())


class Reads:
    """What the writer looks up before it writes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._is_sqlite = is_sqlite(db)
        among = "IN (SELECT value FROM json_each(?))" if self._is_sqlite else "= ANY(%s)"
        columns = ", ".join(HOLD_ROW)
        self._holds = f"SELECT {columns} FROM usage_holds WHERE id {among}"  # noqa: S608 - constants
        self._entries = f"{_ENTRIES} WHERE generation_id {among}"

    def holds(self, ids: list[str]) -> list[tuple[Any, ...]]:
        """Rows of ``HOLD_ROW``."""
        return self._among(self._holds, ids)

    def entries(self, generation_ids: list[str]) -> list[tuple[Any, ...]]:
        """Generation id and sequence of those that are in the ledger."""
        return self._among(self._entries, generation_ids)

    def lock_months(self, keys: set[tuple[str, str]]) -> None:
        """Lock the rows of these organizations and months, always in the same order.

        A row that is not there yet is made. SQLite's transaction has locked everything already.
        """
        if self._is_sqlite:
            return
        wanted = _arrays(keys)
        missing = keys - set(self._fetch(_LOCK_MONTHS, wanted))
        if missing:
            execute(self._db, _MAKE_MONTHS, _arrays(missing)).close()
            self._fetch(_LOCK_MONTHS, wanted)

    def _among(self, sql: str, ids: list[str]) -> list[tuple[Any, ...]]:
        if not ids:
            return []
        # One array parameter for any number of ids, so that the statement stays the same one.
        return self._fetch(sql, (json.dumps(ids) if self._is_sqlite else ids,))

    def _fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        # A plan prepared while a table was small reads all of it for ever, so these are not.
        options = {} if self._is_sqlite else {"prepare": False}
        with driver_cursor(self._db) as cursor:
            cursor.execute(sql, parameters, **options)
            return list(cursor.fetchall())


_ENTRIES = "SELECT generation_id, sequence FROM usage_ledger"
_LOCK_MONTHS = (
    "SELECT organization_id, month FROM client_month_totals"
    " WHERE (organization_id, month, user_id) IN"
    " (SELECT o, m, '' FROM unnest(%s::text[], %s::text[]) AS wanted(o, m))"
    " ORDER BY organization_id, month FOR UPDATE"
)
_MAKE_MONTHS = (
    "INSERT INTO client_month_totals (organization_id, month, user_id, spent_pusd, held_pusd)"
    " SELECT o, m, '', 0, 0 FROM unnest(%s::text[], %s::text[]) AS wanted(o, m)"
    " ON CONFLICT DO NOTHING"
)


def _arrays(keys: set[tuple[str, str]]) -> tuple[list[str], list[str]]:
    ordered = sorted(keys)
    return [organization for organization, _ in ordered], [month for _, month in ordered]


def _columns(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.name for field in model._meta.sorted_fields)


def _field(model: type[Model], name: str) -> Any:
    return model._meta.fields[name]


def _named(name: str) -> Value:
    return Value(name, converter=False)


def _insert(model: type[Model], columns: Sequence[str]) -> Any:
    return model.insert({_field(model, name): _named(name) for name in columns})


def _update(model: type[Model], columns: Sequence[str], *, key: str) -> Any:
    changes = {_field(model, name): _named(name) for name in columns}
    return model.update(changes).where(_field(model, key) == _named(key))


def _adding(model: type[Model], key: Sequence[str], sums: Sequence[str]) -> Any:
    fields = [_field(model, name) for name in sums]
    return _insert(model, (*key, *sums)).on_conflict(
        conflict_target=[_field(model, name) for name in key],
        update={field: field + getattr(EXCLUDED, field.column_name) for field in fields},
    )


def _beat() -> Any:
    return _insert(UsageProcess, _columns(UsageProcess)).on_conflict(
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

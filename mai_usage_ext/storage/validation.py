"""Adding up anew what live counters and sealed days say, from the ledger. Nothing is changed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from peewee import Database

from mai_usage_ext.metering.daily import SUMS
from mai_usage_ext.ports.validation import DayDifference, DaysChecked
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.sessions import execute, session, transaction

__all__ = ["DayRows"]

_LONGEST_READING_MS = 600_000
# The first is what the others are compared with.
_LEDGER, _LIVE, _SEALED, _USERS, _MODELS = range(5)
_NAMES = {_SEALED: "sealed day", _USERS: "sealed users", _MODELS: "sealed models"}
_CELL = ("day", "user_id", "model", "provider", "purpose")

_Row = tuple[Any, ...]


class DayRows:
    """Implements ``ports.validation.DayStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._is_sqlite = is_sqlite(db)

    def check(self, organization_id: str) -> DaysChecked:
        live = self._fetch(_LIVE_SQL, organization_id)
        sealed = self._fetch(_SEALED_SQL, organization_id)
        days = {row[1] for row in (*live, *sealed)}
        found = [*_of_cells(organization_id, live), *_of_days(organization_id, sealed)]
        return DaysChecked(days=len(days), differences=found)

    def _fetch(self, sql: str, organization_id: str) -> list[_Row]:
        parameters = [organization_id] * sql.count("?")
        if self._is_sqlite:
            with session(self._db):
                return list(execute(self._db, sql, parameters).fetchall())
        with transaction(self._db):
            # A long reading that nobody waits for.
            execute(self._db, f"SET LOCAL statement_timeout = {_LONGEST_READING_MS}").close()
            return list(execute(self._db, sql.replace("?", "%s"), parameters).fetchall())


def _of_cells(organization_id: str, rows: Iterable[_Row]) -> Iterator[DayDifference]:
    """Cells and ledger rows of days that are not sealed, by their whole key."""
    by_key: dict[_Row, dict[int, _Row]] = {}
    for kind, *rest in rows:
        by_key.setdefault(tuple(rest[: len(_CELL)]), {})[int(kind)] = tuple(rest[len(_CELL) :])
    for (day, *place), sums in sorted(by_key.items(), key=lambda one: tuple(map(str, one[0]))):
        yield from _difference(
            organization_id, day, "live counters", sums.get(_LIVE), sums.get(_LEDGER), place
        )


def _of_days(organization_id: str, rows: Iterable[_Row]) -> Iterator[DayDifference]:
    """Sealed days; what a process of an older version added to their cells counts with them."""
    by_day: dict[Any, dict[int, _Row]] = {}
    for kind, day, *sums in rows:
        by_day.setdefault(day, {})[int(kind)] = tuple(sums)
    for day, parts in sorted(by_day.items(), key=lambda one: str(one[0])):
        late = parts.get(_LIVE)
        for kind, name in _NAMES.items():
            stored = _plus(parts.get(kind), late)
            yield from _difference(organization_id, day, name, stored, parts.get(_LEDGER), ())


def _difference(
    organization_id: str,
    day: Any,
    where: str,
    stored: _Row | None,
    recomputed: _Row | None,
    place: Sequence[str],
) -> Iterator[DayDifference]:
    nothing = (0,) * len(SUMS)
    pairs = list(zip(SUMS, stored or nothing, recomputed or nothing, strict=True))
    differ = [(name, int(had), int(has)) for name, had, has in pairs if int(had) != int(has)]
    if differ:
        yield DayDifference(
            organization_id=organization_id,
            day=day if isinstance(day, date) else date.fromisoformat(day),
            where=where,
            stored={name: had for name, had, _ in differ},
            recomputed={name: has for name, _, has in differ},
            place=tuple(place),
        )


def _plus(some: _Row | None, more: _Row | None) -> _Row | None:
    if some is None or more is None:
        return some or more
    return tuple(int(one) + int(other) for one, other in zip(some, more, strict=True))


# As sealing adds the ledger up.
_OF_ENTRIES = (
    "COUNT(*), SUM(CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END),"
    " SUM(CASE WHEN outcome = 'cancelled' THEN 1 ELSE 0 END), SUM(prompt_tokens),"
    " SUM(completion_tokens), SUM(cached_tokens), SUM(reasoning_tokens), SUM(raw_pusd),"
    " SUM(billed_pusd), COALESCE(SUM(first_byte_ms), 0), COUNT(first_byte_ms),"
    " COALESCE(SUM(duration_ms), 0)"
)
_SUMS = ", ".join(f"SUM({name})" for name in SUMS)
_PLAIN = ", ".join(SUMS)
_KEY = ", ".join(_CELL)
_SEALED_DAYS = (
    "SELECT day FROM client_daily_usage WHERE organization_id = ? AND source = 'ledger'"
    " AND day > COALESCE((SELECT MAX(dropped_through) FROM client_month_totals"
    " WHERE organization_id = ?), '0001-01-01')"
)
_ANY_SEALED = "SELECT day FROM client_daily_usage WHERE organization_id = ?"
# One statement sees one instant, whatever is booked and sealed meanwhile. A day is live while it
# has no row, so a ledger without any cells is what the cells have lost.
_LIVE_SQL = (
    f"SELECT {_LEDGER}, {_KEY}, {_OF_ENTRIES} FROM usage_ledger WHERE organization_id = ?"  # noqa: S608
    f" AND day NOT IN ({_ANY_SEALED}) AND day > COALESCE((SELECT MAX(dropped_through)"
    f" FROM client_month_totals WHERE organization_id = ?), '0001-01-01') GROUP BY {_KEY}"
    f" UNION ALL SELECT {_LIVE}, {_KEY}, {_PLAIN} FROM client_live_counters"
    f" WHERE organization_id = ? AND day NOT IN ({_ANY_SEALED})"
)
_SEALED_SQL = (
    f"SELECT {_LEDGER}, day, {_OF_ENTRIES} FROM usage_ledger WHERE organization_id = ?"  # noqa: S608
    f" AND day IN ({_SEALED_DAYS}) GROUP BY day"
    f" UNION ALL SELECT {_LIVE}, day, {_SUMS} FROM client_live_counters"
    f" WHERE organization_id = ? AND day IN ({_SEALED_DAYS}) GROUP BY day"
    f" UNION ALL SELECT {_SEALED}, day, {_PLAIN} FROM client_daily_usage"
    f" WHERE organization_id = ? AND day IN ({_SEALED_DAYS})"
    f" UNION ALL SELECT {_USERS}, day, {_SUMS} FROM client_user_daily_usage"
    f" WHERE organization_id = ? AND day IN ({_SEALED_DAYS}) GROUP BY day"
    f" UNION ALL SELECT {_MODELS}, day, {_SUMS} FROM client_model_daily_usage"
    f" WHERE organization_id = ? AND day IN ({_SEALED_DAYS}) GROUP BY day"
)

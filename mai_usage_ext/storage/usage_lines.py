"""Usage by any grouping: sealed days and live cells, or the ledger where no table can say it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from peewee import SQL, Case, Database, Value, fn

from mai_usage_ext.metering.daily import SUMS
from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.metering.purposes import TASKS
from mai_usage_ext.ports.usage import Dimension, SealedState, UsageLine, UsagePlace, UsageQuery
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.ledger_reach import check_reach
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientLiveCounter,
    ClientModelDailyUsage,
    ClientOrganization,
    ClientUserDailyUsage,
    UsageLedger,
)
from mai_usage_ext.storage.sealing import LEDGER_SUMS
from mai_usage_ext.storage.sessions import session
from mai_usage_ext.storage.usage_pieces import Piece, among, pieces

__all__ = ["UsageLineRows"]

_TIMES = {Dimension.DAY, Dimension.WEEK, Dimension.MONTH}
_USER = {Dimension.USER}
_MODEL = {Dimension.MODEL, Dimension.PROVIDER}
_COLUMNS = {
    Dimension.ORGANIZATION: "organization_id",
    Dimension.USER: "user_id",
    Dimension.MODEL: "model",
    Dimension.PROVIDER: "provider",
    Dimension.PURPOSE: "purpose",
}


class UsageLineRows:
    """Implements ``ports.usage.UsageSource``.

    Each piece of a long answer is one statement in a connection of its own, so that nothing is held
    while a slow reader takes the lines; a day of an organization is in one piece only.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._is_sqlite = is_sqlite(db)

    def lines(self, query: UsageQuery) -> Iterator[UsageLine]:
        for piece in pieces(query, self._organizations(query)):
            yield from self._read(piece)

    def sealed(self, query: UsageQuery) -> SealedState:
        ids = self._organizations(query)
        table: Any = ClientDailyUsage
        # Whatever is added to a sealed day later is at least one request.
        parts = (fn.COUNT(table.day), fn.MAX(table.sealed_at_ms), fn.SUM(table.requests))
        version = table.select(*parts).where(self._is_in(table, Piece(query, ids)))
        with session(self._db):
            if _table_of(query) is UsageLedger:
                check_reach(self._db, query, self._among(ClientOrganization.id, ids))
            live_from = self._live_from(ids)
            row = version.tuples().bind(self._db).get()
        return SealedState(live_from=live_from, version="/".join(str(part or 0) for part in row))

    def places(self, *, at_ms: int, only: Collection[str] | None = None) -> dict[str, UsagePlace]:
        row = ClientOrganization
        columns = (row.id, row.name, row.status, row.timezone, row.next_timezone)
        query: Any = row.select(*columns, row.next_timezone_from_ms)
        if only is not None:
            query = query.where(self._among(row.id, sorted(only)))
        with session(self._db):
            rows = list(query.tuples().bind(self._db))
        return {
            organization_id: UsagePlace(
                id=organization_id,
                name=name,
                is_active=status == "active",
                time_zone=following if following and from_ms <= at_ms else zone,
            )
            for organization_id, name, status, zone, following, from_ms in rows
        }

    def _organizations(self, query: UsageQuery) -> Sequence[str]:
        if query.organization_id is not None:
            return (query.organization_id,)
        rows: Any = ClientOrganization.select(ClientOrganization.id)
        with session(self._db):
            return sorted(row[0] for row in rows.tuples().bind(self._db))

    def _live_from(self, ids: Sequence[str]) -> date | None:
        """The oldest day with live cells: one look into an index for each organization."""
        organization, cell = ClientOrganization, ClientLiveCounter.alias()
        oldest = cell.select(fn.MIN(cell.day)).where(cell.organization_id == organization.id)
        query: Any = organization.select(oldest).where(self._among(organization.id, ids))
        days = [_date(row[0]) for row in query.tuples().bind(self._db) if row[0] is not None]
        return min(days, default=None)

    def _read(self, piece: Piece) -> Iterator[UsageLine]:
        query, table = piece.query, _table_of(piece.query)
        if table is UsageLedger:
            rows = self._from_ledger(piece)
        else:
            # One statement, so that a day being sealed meanwhile is seen on one side or the other.
            union = self._sealed(table, piece) + self._live(piece)
            with session(self._db):
                rows = list(union.bind(self._db).tuples())
        return _lines(rows, query.group_by)

    def _from_ledger(self, piece: Piece) -> list[Any]:
        query = piece.query
        select = self._branch(UsageLedger, piece, LEDGER_SUMS, _tasks(UsageLedger), None)
        wanted = self._among(ClientOrganization.id, piece.organization_ids)
        with session(self._db):
            check_reach(self._db, query, wanted)
            rows = list(select.bind(self._db).tuples())
            # It may have been dropped under our eyes.
            check_reach(self._db, query, wanted)
        return rows

    def _sealed(self, table: Any, piece: Piece) -> Any:
        tasks: Sequence[Any] = (Value(None), Value(None))
        days = None
        if table is ClientDailyUsage:
            is_imported = fn.MAX(Case(None, [(table.source == "imported", 1)], 0))
            tasks = tuple(
                Case(None, [(is_imported == 0, fn.SUM(column))], None)
                for column in (table.task_requests, table.task_billed_pusd)
            )
        if table is not ClientModelDailyUsage:
            # A row is a day.
            days = fn.COUNT(table.day)
        return self._branch(table, piece, _sums(table), tasks, days)

    def _live(self, piece: Piece) -> Any:
        cell: Any = ClientLiveCounter
        day: Any = ClientDailyUsage.alias()
        sealed = day.select(Value(1)).where(
            (day.organization_id == cell.organization_id) & (day.day == cell.day)
        )
        select = self._branch(cell, piece, _sums(cell), _tasks(cell), None)
        return select.where(~fn.EXISTS(sealed))

    def _branch(
        self, table: Any, piece: Piece, sums: Iterable[Any], tasks: Iterable[Any], days: Any
    ) -> Any:
        query = piece.query
        keys = [self._key(table, one) for one in query.group_by]
        days = _distinct_days(table, query) if days is None else days
        condition = self._is_in(table, piece)
        for dimension, value in _filters(query).items():
            condition &= getattr(table, _COLUMNS[dimension]) == value
        select = table.select(*keys, *sums, *tasks, days).where(condition)
        # By their places, because a repeated expression would be another one to PostgreSQL.
        return select.group_by(*(SQL(str(place + 1)) for place in range(len(keys))))

    def _key(self, table: Any, dimension: Dimension) -> Any:
        if dimension is Dimension.DAY:
            return table.day
        if dimension is Dimension.WEEK:
            if self._is_sqlite:
                return fn.date(table.day, "-6 days", "weekday 1")
            return fn.date_trunc("week", table.day).cast("date")
        if dimension is Dimension.MONTH:
            return (
                fn.substr(table.day, 1, 7) if self._is_sqlite else fn.to_char(table.day, "YYYY-MM")
            )
        return getattr(table, _COLUMNS[dimension])

    def _is_in(self, table: Any, piece: Piece) -> Any:
        query = piece.query
        condition = self._among(table.organization_id, piece.organization_ids)
        return condition & table.day.between(query.first, query.last)

    def _among(self, column: Any, ids: Sequence[str]) -> Any:
        return among(column, ids, is_sqlite=self._is_sqlite)


def _table_of(query: UsageQuery) -> Any:
    """The smallest table that tells apart what the query does."""
    told_apart = set(query.group_by) - _TIMES - {Dimension.ORGANIZATION}
    wanted = told_apart | set(_filters(query))
    if not wanted:
        return ClientDailyUsage
    if wanted == _USER:
        return ClientUserDailyUsage
    return ClientModelDailyUsage if wanted <= _MODEL else UsageLedger


def _filters(query: UsageQuery) -> dict[Dimension, str]:
    """What the lines are narrowed to, beside organizations and days."""
    given = {
        Dimension.USER: query.user_id,
        Dimension.MODEL: query.model,
        Dimension.PROVIDER: query.provider,
    }
    return {dimension: value for dimension, value in given.items() if value is not None}


def _sums(table: Any) -> list[Any]:
    return [fn.SUM(getattr(table, name)) for name in SUMS]


def _tasks(table: Any) -> tuple[Any, Any]:
    """Requests and billed money of the background tasks among single purposes."""
    is_task = table.purpose.in_(sorted(TASKS))
    counted = 1 if table is UsageLedger else table.requests
    return (
        fn.SUM(Case(None, [(is_task, counted)], 0)),
        fn.SUM(Case(None, [(is_task, table.billed_pusd)], 0)),
    )


def _distinct_days(table: Any, query: UsageQuery) -> Any:
    is_one = query.organization_id is not None or Dimension.ORGANIZATION in query.group_by
    if is_one:
        return fn.COUNT(table.day.distinct())
    return fn.COUNT((table.organization_id.concat(" ").concat(table.day.cast("text"))).distinct())


def _lines(rows: Iterable[Any], group_by: Sequence[Dimension]) -> Iterator[UsageLine]:
    """In order of their keys; what a sealed and a live row say of one key is added up."""
    found: dict[tuple[str, ...], UsageLine] = {}
    width = len(group_by)
    for row in rows:
        *sums, task_requests, task_billed, days = row[width:]
        if sums[0] is None:
            # Without a grouping there is a row even of nothing.
            continue
        key = tuple(_text(value, one) for value, one in zip(row[:width], group_by, strict=True))
        tally = UsageTally.of(
            tuple(map(int, sums)),
            task_requests=None if task_requests is None else int(task_requests),
            task_billed_pusd=None if task_billed is None else int(task_billed),
        )
        line = UsageLine(key=key, sums=tally, days=int(days))
        found[key] = found[key] + line if key in found else line
    return (found[key] for key in sorted(found))


def _text(value: Any, dimension: Dimension) -> str:
    if dimension is Dimension.DAY:
        return _date(value).isoformat()
    if dimension is Dimension.WEEK:
        year, week, _ = _date(value).isocalendar()
        return f"{year:04d}-W{week:02d}"
    return str(value)


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)

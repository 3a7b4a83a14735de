"""Closed statements and their lines, and what came to a month after it was stated."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from peewee import SQL, Case, Database, IntegrityError, fn

from mai_usage_ext.errors import Conflict
from mai_usage_ext.ports import Source
from mai_usage_ext.ports.rates import FxRate, RateKind
from mai_usage_ext.ports.statements import (
    Amounts,
    Booking,
    Buyer,
    ClosedMark,
    LineKind,
    Seller,
    StatementFilter,
)
from mai_usage_ext.ports.statements import Statement as Closed
from mai_usage_ext.ports.statements import StatementLine as Line
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import AuditLog, ClientLiveCounter, UsageLedger
from mai_usage_ext.storage.sessions import execute, session, transaction, write
from mai_usage_ext.storage.statement_models import Statement, StatementLine, StatementNumber

__all__ = ["StatementRows"]

# A repeated expression would be another one to PostgreSQL.
_PLACES = (SQL("1"), SQL("2"), SQL("3"))
_AMOUNTS = ("requests", "prompt_tokens", "completion_tokens", "billed_pusd")


class StatementRows:
    """Implements ``ports.statements.StatementStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def mark(self, organization_id: str) -> ClosedMark | None:
        row = Statement
        query: Any = row.select(
            fn.MIN(row.month), fn.MAX(row.month), fn.COUNT(row.id), fn.MAX(row.closed_at_ms)
        ).where(row.organization_id == organization_id)
        with session(self._db):
            first, last, count, at_ms = query.tuples().bind(self._db).get()
        if not count:
            return None
        return ClosedMark(first_month=first, last_month=last, count=int(count), at_ms=int(at_ms))

    def stated(self, organization_id: str) -> Mapping[tuple[str, str], Amounts]:
        line, row = StatementLine, Statement
        theirs = row.select(row.id).where(row.organization_id == organization_id)
        sums = [fn.SUM(getattr(line, name)) for name in _AMOUNTS]
        query: Any = line.select(line.month, line.model, *sums).where(line.statement_id.in_(theirs))
        with session(self._db):
            rows = list(query.group_by(line.month, line.model).tuples().bind(self._db))
        return {(month, model): _amounts(sums) for month, model, *sums in rows}

    def next_number(self, year: int) -> int:
        number = StatementNumber
        if not is_sqlite(self._db):
            # SQLite's transaction holds its one write lock already.
            execute(self._db, "LOCK TABLE statement_numbers IN SHARE ROW EXCLUSIVE MODE")
        write(self._db, number.insert(year=year, last=0).on_conflict(action="IGNORE"))
        write(self._db, number.update(last=number.last + 1).where(number.year == year))
        query: Any = number.select(number.last).where(number.year == year)
        return int(query.tuples().bind(self._db).get()[0])

    def add(self, statement: Closed, *, year: int, serial: int) -> None:
        try:
            with transaction(self._db):
                for position, line in enumerate(statement.lines):
                    write(self._db, _line_insert(statement.id, position, line))
                write(self._db, _insert(statement, year, serial))
        except IntegrityError:
            raise Conflict(
                f"{statement.month} of this organization has its statement already", field="month"
            ) from None

    def get(self, statement_id: str) -> Closed | None:
        query = Statement.select().where(Statement.id == statement_id)
        with session(self._db):
            return next(iter(self._read(query.bind(self._db))), None)

    def page(
        self, wanted: StatementFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[Closed], int]:
        query = Statement.select()
        if wanted.organization_id is not None:
            query = query.where(Statement.organization_id == wanted.organization_id)
        if wanted.month is not None:
            query = query.where(Statement.month == wanted.month)
        page = query.order_by(
            Statement.month.desc(), Statement.year.desc(), Statement.serial.desc()
        )
        with session(self._db):
            total = int(query.bind(self._db).count())
            return self._read(page.offset(offset).limit(limit).bind(self._db)), total

    def live_days(self, organization_id: str, *, first: date, last: date) -> int:
        cell = ClientLiveCounter
        query: Any = cell.select(fn.COUNT(cell.day.distinct())).where(
            (cell.organization_id == organization_id) & cell.day.between(first, last)
        )
        with session(self._db):
            return int(query.tuples().bind(self._db).get()[0])

    def bookings(
        self, organization_id: str, *, first: date, last: date, since_ms: int
    ) -> Sequence[Booking]:
        entry = UsageLedger
        is_adjustment = Case(None, [(entry.source == Source.ADJUSTMENT.value, 1)], 0)
        key: Any = (entry.model, entry.day, is_adjustment)
        query: Any = entry.select(*key, fn.COUNT(entry.generation_id)).where(
            (entry.organization_id == organization_id)
            & entry.day.between(first, last)
            & (entry.booked_at_ms > since_ms)
        )
        with session(self._db):
            rows = list(query.group_by(*_PLACES).order_by(*_PLACES).tuples().bind(self._db))
        return [
            Booking(model=model, day=_date(day), is_adjustment=bool(adjusted), entries=int(entries))
            for model, day, adjusted, entries in rows
        ]

    def reopenings(self, organization_id: str, *, since_ms: int) -> Sequence[date]:
        record = AuditLog
        query: Any = record.select(record.after).where(
            (record.target_kind == "organization")
            & (record.target_id == organization_id)
            & (record.action == "day.reopened")
            & (record.at_ms > since_ms)
        )
        with session(self._db):
            rows = list(query.tuples().bind(self._db))
        return sorted({date.fromisoformat(json.loads(after)["day"]) for (after,) in rows if after})

    def _read(self, rows: Iterable[Any]) -> list[Closed]:
        found = list(rows)
        lines: defaultdict[str, list[Line]] = defaultdict(list)
        query = StatementLine.select().where(
            StatementLine.statement_id.in_([row.id for row in found])
        )
        if found:
            in_order = query.order_by(StatementLine.statement_id, StatementLine.position)
            for row in in_order.bind(self._db):
                lines[row.statement_id].append(_line(row))
        return [_statement(row, lines[row.id]) for row in found]


def _insert(one: Closed, year: int, serial: int) -> Any:
    rate = one.rate
    document = {
        "seller": _seller_json(one.seller),
        "buyer": {
            "name": one.buyer.name,
            "email": one.buyer.email,
            "contacts": [dict(contact) for contact in one.buyer.contacts],
        },
        "notes": list(one.notes),
    }
    return Statement.insert(
        id=one.id,
        number=one.number,
        year=year,
        serial=serial,
        organization_id=one.organization_id,
        month=one.month,
        time_zone=one.time_zone,
        issued_on=one.issued_on,
        closed_at_ms=one.at_ms,
        closed_by=one.closed_by,
        currency=one.currency,
        net_pusd=one.net_pusd,
        total=format(one.total, "f"),
        rate="1" if rate is None else format(rate.rate, "f"),
        rate_source="" if rate is None else rate.source.value,
        rate_day=None if rate is None else rate.day,
        rate_note="" if rate is None else rate.note,
        forced_reason=one.forced_reason,
        document=json.dumps(document, ensure_ascii=False, sort_keys=True),
    )


def _line_insert(statement_id: str, position: int, line: Line) -> Any:
    return StatementLine.insert(
        statement_id=statement_id,
        position=position,
        kind=line.kind.value,
        month=line.month,
        model=line.model,
        reason=line.reason,
        **{name: getattr(line.amounts, name) for name in _AMOUNTS},
    )


def _statement(row: Any, lines: Sequence[Line]) -> Closed:
    said = json.loads(row.document)
    return Closed(
        id=row.id,
        number=row.number,
        organization_id=row.organization_id,
        month=row.month,
        time_zone=row.time_zone,
        issued_on=row.issued_on,
        at_ms=row.closed_at_ms,
        closed_by=row.closed_by,
        currency=row.currency,
        seller=Seller(**said["seller"]),
        buyer=Buyer(**{**said["buyer"], "contacts": tuple(said["buyer"]["contacts"])}),
        lines=tuple(lines),
        net_pusd=row.net_pusd,
        total=Decimal(row.total),
        rate=_rate(row),
        forced_reason=row.forced_reason,
        notes=tuple(said["notes"]),
    )


def _rate(row: Any) -> FxRate | None:
    if row.rate_day is None:
        return None
    return FxRate(
        currency=row.currency,
        day=row.rate_day,
        source=RateKind(row.rate_source),
        rate=Decimal(row.rate),
        note=row.rate_note,
        fetched_at_ms=row.closed_at_ms,
    )


def _line(row: Any) -> Line:
    return Line(
        kind=LineKind(row.kind),
        month=row.month,
        model=row.model,
        amounts=Amounts(**{name: getattr(row, name) for name in _AMOUNTS}),
        reason=row.reason,
    )


def _seller_json(seller: Seller) -> dict[str, str]:
    return {name: getattr(seller, name) for name in ("name", "address", "tax_id", "email", "note")}


def _amounts(sums: Sequence[Any]) -> Amounts:
    return Amounts(**dict(zip(_AMOUNTS, map(int, sums), strict=True)))


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)

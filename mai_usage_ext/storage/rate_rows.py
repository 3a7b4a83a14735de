"""Rates of currencies, one row for each currency, day and source."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from peewee import Case, Database

from mai_usage_ext.metering.currencies import USD
from mai_usage_ext.ports.rates import FxRate as Rate
from mai_usage_ext.ports.rates import RateKind
from mai_usage_ext.storage.models import ClientOrganization
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.statement_models import FxRate

__all__ = ["RateRows"]

_KEY = (FxRate.currency, FxRate.day, FxRate.source)


class RateRows:
    """Implements ``ports.rates.RateStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, rates: Sequence[Rate]) -> None:
        with transaction(self._db):
            for rate in rates:
                said = {
                    "rate": format(rate.rate, "f"),
                    "note": rate.note,
                    "fetched_at_ms": rate.fetched_at_ms,
                    "entered_by": rate.entered_by,
                }
                query = FxRate.insert(
                    currency=rate.currency, day=rate.day, source=rate.source.value, **said
                )
                write(self._db, query.on_conflict(conflict_target=_KEY, update=said))

    def get(self, currency: str, day: date, source: RateKind) -> Rate | None:
        query = FxRate.select().where(_is(currency, day, source))
        with session(self._db):
            row = query.bind(self._db).first()
        return None if row is None else _rate(row)

    def remove(self, currency: str, day: date, source: RateKind) -> bool:
        with transaction(self._db):
            return write(self._db, FxRate.delete().where(_is(currency, day, source))) == 1

    def latest(self, currency: str, *, through: date, sources: Sequence[RateKind]) -> Rate | None:
        is_published = Case(None, [(FxRate.source == RateKind.MANUAL.value, 0)], 1)
        query = FxRate.select().where(
            (FxRate.currency == currency)
            & (FxRate.day <= through)
            & FxRate.source.in_([source.value for source in sources])
        )
        with session(self._db):
            row = query.order_by(FxRate.day.desc(), is_published).limit(1).bind(self._db).first()
        return None if row is None else _rate(row)

    def page(
        self, *, currency: str | None, source: RateKind | None, offset: int, limit: int
    ) -> tuple[Sequence[Rate], int]:
        query = FxRate.select()
        if currency is not None:
            query = query.where(FxRate.currency == currency)
        if source is not None:
            query = query.where(FxRate.source == source.value)
        page = query.order_by(FxRate.day.desc(), FxRate.currency, FxRate.source)
        with session(self._db):
            total = int(query.bind(self._db).count())
            return [_rate(row) for row in page.offset(offset).limit(limit).bind(self._db)], total

    def currencies(self) -> Sequence[str]:
        column = ClientOrganization.billing_currency
        query: Any = ClientOrganization.select(column).where(column != USD).distinct()
        with session(self._db):
            return [row[0] for row in query.order_by(column).tuples().bind(self._db)]


def _is(currency: str, day: date, source: RateKind) -> Any:
    return (FxRate.currency == currency) & (FxRate.day == day) & (FxRate.source == source.value)


def _rate(row: Any) -> Rate:
    return Rate(
        currency=row.currency,
        day=row.day,
        source=RateKind(row.source),
        rate=Decimal(row.rate),
        note=row.note,
        fetched_at_ms=row.fetched_at_ms,
        entered_by=row.entered_by,
    )

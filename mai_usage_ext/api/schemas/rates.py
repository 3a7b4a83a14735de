"""Rates of currencies, on the wire."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import Amount, Answer, Fields, Instant, Money, instant
from mai_usage_ext.ports.rates import FxRate

__all__ = ["RateAnswer", "RateIn", "RateOut", "RatesOut"]


class RateIn(Fields):
    """``rate`` is units of the currency for one USD, exact to twelve decimals."""

    currency: str = Field(max_length=3)
    date: str = Field(max_length=10, description="The day the rate is of")
    rate: Money
    note: str = Field(default="", max_length=200, description="Printed on statements")


class RateOut(BaseModel):
    """``rate`` is units of the currency for one USD; ``date`` the day it was published for;
    ``entered_by`` is empty for what a source published."""

    currency: str
    date: str
    source: str
    rate: Amount
    note: str
    fetched_at: Instant
    entered_by: str

    @classmethod
    def of(cls, rate: FxRate) -> "RateOut":
        return cls(
            currency=rate.currency,
            date=rate.day.isoformat(),
            source=rate.source.value,
            rate=format(rate.rate, "f"),
            note=rate.note,
            fetched_at=instant(rate.fetched_at_ms),
            entered_by=rate.entered_by,
        )


class RateAnswer(Answer):
    rate: RateOut


class RatesOut(Answer):
    """One page, newest day first."""

    rates: list[RateOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(cls, rates: Sequence[FxRate], total: int, *, offset: int, limit: int) -> "RatesOut":
        shown = [RateOut.of(rate) for rate in rates]
        return cls(rates=shown, total=total, offset=offset, limit=limit)

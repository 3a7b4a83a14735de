"""Measures on the wire: all of them for the reseller, without what they earn for everybody else.

What each number means stands in ``metering.measures``. Shares are percent, as decimal strings.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import Amount
from mai_usage_ext.metering.measures import UsageTally, percent
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.usage import UsageQuery

__all__ = [
    "MeasuresOut",
    "OwnMeasuresOut",
    "PeriodOut",
    "change_percent",
    "decimal_or_none",
    "money_or_none",
]


class PeriodOut(BaseModel):
    """The days that are answered for, both included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    days: int

    @classmethod
    def of(cls, query: UsageQuery) -> "PeriodOut":
        return cls.between(query.first, query.last)

    @classmethod
    def between(cls, first: date, last: date) -> "PeriodOut":
        return cls(**{"from": first, "to": last}, days=(last - first).days + 1)


class OwnMeasuresOut(BaseModel):
    """``cost`` is what is to be paid. ``task_requests`` are titles, tags and the like, ``null``
    where it was not kept what calls were for."""

    tokens: int
    cost: Amount
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    failures: int
    cancelled: int
    task_requests: int | None
    first_byte_ms: int | None
    tokens_per_second: Amount | None

    @classmethod
    def fields_of(cls, sums: UsageTally) -> dict[str, Any]:
        return {
            "tokens": sums.tokens,
            "cost": usd_from_pusd(sums.billed_pusd),
            "requests": sums.requests,
            "prompt_tokens": sums.prompt_tokens,
            "completion_tokens": sums.completion_tokens,
            "cached_tokens": sums.cached_tokens,
            "reasoning_tokens": sums.reasoning_tokens,
            "failures": sums.failures,
            "cancelled": sums.cancelled,
            "task_requests": sums.task_requests,
            "first_byte_ms": sums.mean_first_byte_ms,
            "tokens_per_second": decimal_or_none(sums.tokens_per_second),
        }


class MeasuresOut(BaseModel):
    """Names that mAI's clients know, and more. Money is USD."""

    total_tokens: int
    total_requests: int
    raw_cost: Amount
    markup_cost: Amount
    profit: Amount
    profit_margin_percent: Amount | None
    markup_rate: Amount | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cached_percent: Amount | None
    reasoning_tokens: int
    failures: int
    failure_percent: Amount | None
    cancelled: int
    cancelled_percent: Amount | None
    task_requests: int | None
    task_cost: Amount | None
    task_percent: Amount | None
    first_byte_ms: int | None
    tokens_per_second: Amount | None
    average_tokens: int
    average_cost: Amount

    @classmethod
    def fields_of(cls, sums: UsageTally) -> dict[str, Any]:
        return {
            "total_tokens": sums.tokens,
            "total_requests": sums.requests,
            "raw_cost": usd_from_pusd(sums.raw_pusd),
            "markup_cost": usd_from_pusd(sums.billed_pusd),
            "profit": usd_from_pusd(sums.profit_pusd),
            "profit_margin_percent": decimal_or_none(sums.margin_percent),
            "markup_rate": decimal_or_none(sums.markup),
            "prompt_tokens": sums.prompt_tokens,
            "completion_tokens": sums.completion_tokens,
            "cached_tokens": sums.cached_tokens,
            "cached_percent": decimal_or_none(sums.cached_percent),
            "reasoning_tokens": sums.reasoning_tokens,
            "failures": sums.failures,
            "failure_percent": decimal_or_none(sums.failure_percent),
            "cancelled": sums.cancelled,
            "cancelled_percent": decimal_or_none(sums.cancelled_percent),
            "task_requests": sums.task_requests,
            "task_cost": money_or_none(sums.task_billed_pusd),
            "task_percent": decimal_or_none(sums.task_percent),
            "first_byte_ms": sums.mean_first_byte_ms,
            "tokens_per_second": decimal_or_none(sums.tokens_per_second),
            "average_tokens": sums.average_tokens,
            "average_cost": usd_from_pusd(sums.average_billed_pusd),
        }


def decimal_or_none(value: Decimal | None) -> str | None:
    """A plain decimal string, never an exponent."""
    return None if value is None else f"{value:f}"


def change_percent(now: int, before: int) -> str | None:
    """By how many percent there is more now; ``None`` of nothing."""
    return decimal_or_none(percent(now - before, before))


def money_or_none(pusd: int | None) -> str | None:
    return None if pusd is None else usd_from_pusd(pusd)

"""What the reseller earns, what to expect, and who is busy, on the wire."""

from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel

from mai_usage_ext.api.schemas.usage_measures import PeriodOut, decimal_or_none, money_or_none
from mai_usage_ext.api.schemas.usage_reports import ComparisonOut
from mai_usage_ext.api.schemas.values import Amount, Answer
from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.services.activity import ActivityReport, OrganizationActivity
from mai_usage_ext.services.forecast import Forecast
from mai_usage_ext.services.usage_reports import UsageReport

__all__ = ["ActivityOut", "ForecastOut", "RevenueOut"]


class RevenueLineOut(BaseModel):
    """``revenue`` is what clients pay, ``raw_cost`` what OpenRouter charges."""

    period: str
    revenue: Amount
    raw_cost: Amount
    profit: Amount
    profit_margin_percent: Amount | None
    requests: int


class RevenueOut(Answer):
    """Day by day, week by week (from Monday, such as ``2026-W48``) or month by month."""

    client_id: str | None
    period: PeriodOut
    group_by: str
    lines: list[RevenueLineOut]
    totals: RevenueLineOut
    comparison: ComparisonOut | None

    @classmethod
    def of(cls, report: UsageReport) -> "RevenueOut":
        return cls(
            client_id=report.query.organization_id,
            period=PeriodOut.of(report.query),
            group_by=report.query.group_by[0].value,
            lines=[_revenue(line.key[0], line.sums) for line in report.lines],
            totals=_revenue("total", report.total),
            comparison=ComparisonOut.of(report),
        )


class ForecastDayOut(BaseModel):
    date: date
    expected: Amount


class ForecastOut(Answer):
    """Billed USD of this month: so far, and at its end, where ``low`` and ``high`` are what four of
    five months should stay between. ``limit_reached_on`` is when it is expected to be used up."""

    client_id: str | None
    month: str
    as_of: date
    so_far: Amount
    low: Amount
    expected: Amount
    high: Amount
    has_weekday_pattern: bool
    monthly_limit: Amount | None
    limit_reached_on: date | None
    days: list[ForecastDayOut]

    @classmethod
    def of(
        cls, forecast: Forecast, *, client_id: str | None, monthly_limit_pusd: int | None
    ) -> "ForecastOut":
        limit = monthly_limit_pusd
        return cls(
            client_id=client_id,
            month=forecast.month,
            as_of=forecast.as_of,
            so_far=usd_from_pusd(forecast.so_far),
            low=usd_from_pusd(forecast.low),
            expected=usd_from_pusd(forecast.expected),
            high=usd_from_pusd(forecast.high),
            has_weekday_pattern=forecast.has_pattern,
            monthly_limit=money_or_none(limit),
            limit_reached_on=None if limit is None else forecast.reaches(limit),
            days=[
                ForecastDayOut(date=day, expected=usd_from_pusd(value))
                for day, value in forecast.days
            ],
        )


class ActivityLineOut(BaseModel):
    """Requests, tokens and billed USD of the last seven whole days and of the 28 before."""

    client_id: str
    client_name: str
    is_active: bool
    trend: str
    change_percent: Amount | None
    recent_requests: int
    recent_tokens: int
    recent_cost: Amount
    before_requests: int
    before_tokens: int
    before_cost: Amount

    @classmethod
    def of(cls, one: OrganizationActivity) -> "ActivityLineOut":
        return cls(
            client_id=one.place.id,
            client_name=one.place.name,
            is_active=one.place.is_active,
            trend=one.trend.value,
            change_percent=decimal_or_none(one.change_percent),
            recent_requests=one.recent.requests,
            recent_tokens=one.recent.tokens,
            recent_cost=usd_from_pusd(one.recent.billed_pusd),
            before_requests=one.before.requests,
            before_tokens=one.before.tokens,
            before_cost=usd_from_pusd(one.before.billed_pusd),
        )


class ActivityOut(Answer):
    """One page, busiest first; ``until`` is the last day that is over in every zone."""

    until: date
    clients: list[ActivityLineOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls,
        report: ActivityReport,
        found: Sequence[OrganizationActivity],
        *,
        offset: int,
        limit: int,
    ) -> "ActivityOut":
        shown = found[offset : offset + limit]
        return cls(
            until=report.last,
            clients=[ActivityLineOut.of(one) for one in shown],
            total=len(found),
            offset=offset,
            limit=limit,
        )


def _revenue(period: str, sums: UsageTally) -> RevenueLineOut:
    return RevenueLineOut(
        period=period,
        revenue=usd_from_pusd(sums.billed_pusd),
        raw_cost=usd_from_pusd(sums.raw_pusd),
        profit=usd_from_pusd(sums.profit_pusd),
        profit_margin_percent=decimal_or_none(sums.margin_percent),
        requests=sums.requests,
    )

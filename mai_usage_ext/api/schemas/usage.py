"""Usage of one's own organization, and the meter's health.

``cost`` is always what the client pays, never what OpenRouter charged.
"""

from datetime import date, timedelta

from pydantic import BaseModel

from mai_usage_ext.api.schemas.usage_measures import decimal_or_none, money_or_none
from mai_usage_ext.api.schemas.values import Amount, Instant, instant
from mai_usage_ext.metering.days import month_of
from mai_usage_ext.metering.measures import percent
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import Role
from mai_usage_ext.services.directory import Placement
from mai_usage_ext.services.forecast import Forecast
from mai_usage_ext.services.reports import DayUsage, MonthUsage, OrganizationReport
from mai_usage_ext.services.standings import Standing

__all__ = ["MyOrganizationOut", "TodayUsageOut"]


class DayOut(BaseModel):
    """One billing day of the organization; ``is_imported`` if another system counted it."""

    date: date
    tokens: int
    cost: str
    requests: int
    is_imported: bool

    @classmethod
    def of(cls, usage: DayUsage) -> "DayOut":
        totals = usage.totals
        return cls(
            date=usage.day,
            tokens=totals.tokens,
            cost=usd_from_pusd(totals.billed_pusd),
            requests=totals.requests,
            is_imported=totals.is_imported,
        )


class TodayOut(DayOut):
    """Today so far; ``pending_requests`` are calls whose final cost is not known yet."""

    prompt_tokens: int
    completion_tokens: int
    pending_requests: int
    last_updated: str

    @classmethod
    def at(cls, usage: DayUsage, as_of_ms: int) -> "TodayOut":
        return cls(
            **DayOut.of(usage).model_dump(),
            prompt_tokens=usage.totals.prompt_tokens,
            completion_tokens=usage.totals.completion_tokens,
            pending_requests=usage.unsettled,
            last_updated=instant(as_of_ms),
        )


class MonthBeforeOut(BaseModel):
    """The month before: all of it, and its days up to the number of today."""

    month: str
    tokens: int
    cost: str
    requests: int
    tokens_to_date: int
    cost_to_date: str
    requests_to_date: int

    @classmethod
    def of(cls, usage: MonthUsage) -> "MonthBeforeOut":
        whole, part = usage.last_month, usage.last_month_to_date
        return cls(
            month=month_of(usage.forecast.as_of.replace(day=1) - timedelta(days=1)),
            tokens=whole.tokens,
            cost=usd_from_pusd(whole.billed_pusd),
            requests=whole.requests,
            tokens_to_date=part.tokens,
            cost_to_date=usd_from_pusd(part.billed_pusd),
            requests_to_date=part.requests,
        )


class MonthForecastOut(BaseModel):
    """What the month will have cost; four of five should stay between ``low`` and ``high``."""

    low: str
    expected: str
    high: str

    @classmethod
    def of(cls, forecast: Forecast) -> "MonthForecastOut":
        return cls(
            low=usd_from_pusd(forecast.low),
            expected=usd_from_pusd(forecast.expected),
            high=usd_from_pusd(forecast.high),
        )


class MonthOut(BaseModel):
    """The month so far. Averages are over the days on which anything was used.

    ``monthly_limit`` is the organization's, ``limit_percent`` how much of it is used, and
    ``limit_reached_on`` when it is expected to be used up; ``null`` where there is no limit, and
    the last one also where it will do.
    """

    month: str
    tokens: int
    cost: str
    requests: int
    days_active: int
    days_elapsed: int
    average_daily_cost: str
    average_daily_tokens: int
    monthly_limit: str | None
    limit_percent: str | None
    limit_reached_on: date | None
    forecast: MonthForecastOut
    last_month: MonthBeforeOut

    @classmethod
    def of(cls, usage: MonthUsage, limit_pusd: int | None) -> "MonthOut":
        spent = usage.totals.billed_pusd
        return cls(
            month=usage.month,
            tokens=usage.totals.tokens,
            cost=usd_from_pusd(usage.totals.billed_pusd),
            requests=usage.totals.requests,
            days_active=usage.days_active,
            days_elapsed=usage.days_elapsed,
            average_daily_cost=usd_from_pusd(usage.average_pusd),
            average_daily_tokens=usage.average_tokens,
            monthly_limit=money_or_none(limit_pusd),
            limit_percent=None
            if limit_pusd is None
            else decimal_or_none(percent(spent, limit_pusd)),
            limit_reached_on=None if limit_pusd is None else usage.forecast.reaches(limit_pusd),
            forecast=MonthForecastOut.of(usage.forecast),
            last_month=MonthBeforeOut.of(usage),
        )


class StatsOut(BaseModel):
    client_org_name: str
    currency: str
    time_zone: str
    today: TodayOut
    this_month: MonthOut
    daily_history: list[DayOut]


class LimitOut(BaseModel):
    """Billed USD of the month beside its limit. Without one ``monthly_limit``, ``remaining`` and
    ``used_percent`` are ``null``. ``resets_at`` is where the organization's next month begins."""

    monthly_limit: Amount | None
    spent: Amount
    held: Amount
    remaining: Amount | None
    used_percent: Amount | None
    resets_at: Instant
    on_limit: str

    @classmethod
    def of(cls, standing: Standing) -> "LimitOut":
        return cls(
            monthly_limit=money_or_none(standing.limit_pusd),
            spent=usd_from_pusd(standing.money.spent_pusd),
            held=usd_from_pusd(standing.money.held_pusd),
            remaining=money_or_none(standing.remaining_pusd),
            used_percent=decimal_or_none(standing.used_percent),
            resets_at=instant(standing.resets_at_ms),
            on_limit=standing.on_limit,
        )


class MyOrganizationOut(BaseModel):
    """``GET usage/my-organization``; ``hint`` says why there may be nothing where there is.

    ``is_active`` is false where the organization was deactivated and its calls are refused.
    ``limit`` is the organization's, ``own_limit`` the reader's own, ``null`` where they have none.
    ``server_time`` is the instant of this answer, for clients whose clock is wrong.
    """

    success: bool
    client_id: str
    user_id: str
    role: Role
    is_active: bool
    server_time: Instant
    limit: LimitOut
    own_limit: LimitOut | None
    stats: StatsOut
    hint: str | None

    @classmethod
    def of(
        cls,
        report: OrganizationReport,
        place: Placement,
        standings: tuple[Standing, Standing | None],
        *,
        hint: str | None = None,
    ) -> "MyOrganizationOut":
        whole, own = standings
        return cls(
            success=True,
            client_id=report.organization.id,
            user_id=place.user_id or "",
            role=place.role,
            is_active=place.organization.is_active,
            server_time=instant(report.as_of_ms),
            limit=LimitOut.of(whole),
            own_limit=None if own is None else LimitOut.of(own),
            hint=hint,
            stats=StatsOut(
                client_org_name=report.organization.name,
                currency="USD",
                time_zone=report.organization.time_zone,
                today=TodayOut.at(report.today, report.as_of_ms),
                this_month=MonthOut.of(report.month, report.organization.monthly_limit_pusd),
                daily_history=[DayOut.of(day) for day in report.history],
            ),
        )


class TodayUsageOut(BaseModel):
    """``GET usage/my-organization/today``."""

    success: bool
    client_id: str
    today: TodayOut
    last_updated: str

    @classmethod
    def at(cls, client_id: str, usage: DayUsage, as_of_ms: int) -> "TodayUsageOut":
        return cls(
            success=True,
            client_id=client_id,
            today=TodayOut.at(usage, as_of_ms),
            last_updated=instant(as_of_ms),
        )

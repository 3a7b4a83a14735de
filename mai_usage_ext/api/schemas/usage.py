"""Usage of one's own organization, and the meter's health.

``cost`` is always what the client pays, never what OpenRouter charged.
"""

from datetime import date

from pydantic import BaseModel

from mai_usage_ext.api.schemas.values import instant, instant_or_none
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.services.health import Health
from mai_usage_ext.services.job_reports import JobReport
from mai_usage_ext.services.reports import DayUsage, MonthUsage, OrganizationReport

__all__ = ["HealthOut", "MyOrganizationOut", "TodayUsageOut"]


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


class MonthOut(BaseModel):
    """The month so far. Averages are over the days on which anything was used."""

    month: str
    tokens: int
    cost: str
    requests: int
    days_active: int
    days_elapsed: int
    average_daily_cost: str
    average_daily_tokens: int

    @classmethod
    def of(cls, usage: MonthUsage) -> "MonthOut":
        return cls(
            month=usage.month,
            tokens=usage.totals.tokens,
            cost=usd_from_pusd(usage.totals.billed_pusd),
            requests=usage.totals.requests,
            days_active=usage.days_active,
            days_elapsed=usage.days_elapsed,
            average_daily_cost=usd_from_pusd(usage.average_pusd),
            average_daily_tokens=usage.average_tokens,
        )


class StatsOut(BaseModel):
    client_org_name: str
    currency: str
    time_zone: str
    today: TodayOut
    this_month: MonthOut
    daily_history: list[DayOut]


class MyOrganizationOut(BaseModel):
    """``GET usage/my-organization``."""

    success: bool
    client_id: str
    stats: StatsOut

    @classmethod
    def of(cls, report: OrganizationReport) -> "MyOrganizationOut":
        return cls(
            success=True,
            client_id=report.organization.id,
            stats=StatsOut(
                client_org_name=report.organization.name,
                currency="USD",
                time_zone=report.organization.time_zone,
                today=TodayOut.at(report.today, report.as_of_ms),
                this_month=MonthOut.of(report.month),
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


class JobOut(BaseModel):
    """One job: ``shared`` says that one process runs it for all, ``process`` which one last did.

    ``last_error`` is why the last run failed, ``null`` when it did not.
    """

    name: str
    every_seconds: int
    shared: bool
    process: str | None
    last_run: str | None
    last_success: str | None
    last_error: str | None
    is_overdue: bool

    @classmethod
    def of(cls, report: JobReport) -> "JobOut":
        record = report.record
        return cls(
            name=record.name,
            every_seconds=report.every_s,
            shared=report.is_shared,
            process=record.owner,
            last_run=instant_or_none(record.begun_ms),
            last_success=instant_or_none(record.succeeded_ms),
            last_error=record.problem,
            is_overdue=report.is_overdue,
        )


class HealthOut(BaseModel):
    """``GET health``: what an operator looks at first."""

    status: str
    version: str
    reasons: list[str]
    queue_depth: int
    unsettled: dict[str, int]
    counts: dict[str, int]
    jobs: list[JobOut]
    redis: str

    @classmethod
    def of(cls, health: Health) -> "HealthOut":
        return cls(
            status="ok" if health.is_well else "degraded",
            version=health.version,
            reasons=list(health.reasons),
            queue_depth=health.queue_depth,
            unsettled={str(state): count for state, count in health.unsettled.items()},
            counts=health.counts,
            jobs=[JobOut.of(job) for job in health.jobs],
            redis=health.redis,
        )

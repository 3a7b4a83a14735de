"""One's own organization by day, user and model: what is to be paid, and nothing of what it cost.

Names are those of ``usage/my-organization``.
"""

from datetime import date, timedelta
from typing import Any

from mai_usage_ext.api.schemas.usage_measures import OwnMeasuresOut, PeriodOut
from mai_usage_ext.api.schemas.values import Amount, Answer, Instant, instant
from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.services.usage_reports import UsageReport

__all__ = ["MyDaysOut", "MyModelsOut", "MyUsersOut"]

_DAY = timedelta(days=1)


class MyTotalOut(OwnMeasuresOut):
    """The whole period; averages are over all of its days."""

    average_daily_cost: Amount
    average_daily_tokens: int

    @classmethod
    def of(cls, report: UsageReport) -> "MyTotalOut":
        days = (report.query.last - report.query.first).days + 1
        return cls(
            average_daily_cost=usd_from_pusd(report.total.billed_pusd_per_day(days)),
            average_daily_tokens=report.total.tokens_per_day(days),
            **cls.fields_of(report.total),
        )


class MyUsageOut(Answer):
    """What all of these answers begin with."""

    client_id: str
    client_org_name: str
    period: PeriodOut
    total: MyTotalOut
    last_updated: Instant


class MyDayOut(OwnMeasuresOut):
    date: date


class MyDaysOut(MyUsageOut):
    """Every day of the period, oldest first, also those on which nothing was used."""

    daily: list[MyDayOut]

    @classmethod
    def of(cls, report: UsageReport, name: str) -> "MyDaysOut":
        used = {line.key[0]: line.sums for line in report.lines}
        query = report.query
        days = [query.first + _DAY * n for n in range((query.last - query.first).days + 1)]
        return cls(
            **_beginning(report, name),
            daily=[
                MyDayOut(date=day, **MyDayOut.fields_of(used.get(day.isoformat(), UsageTally())))
                for day in days
            ],
        )


class MyUserOut(OwnMeasuresOut):
    """One user; without an id, calls of nobody that is known."""

    user_id: str
    user_name: str
    user_email: str
    days_active: int


class MyUsersOut(MyUsageOut):
    """Dearest first. ``is_complete`` says that it is everybody: a member sees the own line only."""

    is_complete: bool
    user_usage: list[MyUserOut]

    @classmethod
    def of(cls, report: UsageReport, name: str, *, is_complete: bool) -> "MyUsersOut":
        return cls(
            **_beginning(report, name),
            is_complete=is_complete,
            user_usage=[
                MyUserOut(
                    user_id=line.key[0],
                    user_name="" if line.person is None else line.person.name,
                    user_email="" if line.person is None else line.person.email,
                    days_active=line.days,
                    **MyUserOut.fields_of(line.sums),
                )
                for line in report.lines
            ],
        )


class MyModelOut(OwnMeasuresOut):
    model_name: str
    provider: str
    days_used: int


class MyModelsOut(MyUsageOut):
    """Models and their providers, dearest first."""

    model_usage: list[MyModelOut]

    @classmethod
    def of(cls, report: UsageReport, name: str) -> "MyModelsOut":
        return cls(
            **_beginning(report, name),
            model_usage=[
                MyModelOut(
                    model_name=line.key[0],
                    provider=line.key[1],
                    days_used=line.days,
                    **MyModelOut.fields_of(line.sums),
                )
                for line in report.lines
            ],
        )


def _beginning(report: UsageReport, name: str) -> dict[str, Any]:
    return {
        "client_id": report.query.organization_id or "",
        "client_org_name": name,
        "period": PeriodOut.of(report.query),
        "total": MyTotalOut.of(report),
        "last_updated": instant(report.as_of_ms),
    }

"""What an organization used: the numbers behind the tab."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from mai_usage_ext.metering.days import billing_day, month_days, month_of, previous_days
from mai_usage_ext.metering.measures import mean
from mai_usage_ext.ports import Clock, HoldStore, Organization, UsageStore, UsageTotals
from mai_usage_ext.services.forecast import Forecast, forecast_of

__all__ = ["DayUsage", "MonthUsage", "OrganizationReport", "Reports"]

HISTORY_DAYS = 30
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUsage:
    """One billing day. ``unsettled`` counts calls whose final cost is not known yet."""

    day: date
    totals: UsageTotals
    unsettled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthUsage:
    """The month so far. Averages are per day on which anything was used.

    ``last_month`` is the whole month before, ``last_month_to_date`` its days up to today's number.
    """

    month: str
    totals: UsageTotals
    days_active: int
    days_elapsed: int
    last_month: UsageTotals
    last_month_to_date: UsageTotals
    forecast: Forecast

    @property
    def average_tokens(self) -> int:
        return mean(self.totals.tokens, self.days_active)

    @property
    def average_pusd(self) -> int:
        return mean(self.totals.billed_pusd, self.days_active)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationReport:
    """Billed money only; ``history`` has every day of the last thirty, oldest first."""

    organization: Organization
    today: DayUsage
    month: MonthUsage
    history: Sequence[DayUsage]
    as_of_ms: int


class Reports:
    def __init__(self, usage: UsageStore, holds: HoldStore, *, clock: Clock) -> None:
        self._usage = usage
        self._holds = holds
        self._clock = clock

    def organization(self, organization: Organization) -> OrganizationReport:
        """Today, this month and the last thirty days, in the organization's zone."""
        now_ms = self._clock.now_ms()
        today = billing_day(now_ms, organization.time_zone)
        days = previous_days(today, HISTORY_DAYS)
        # The month before is at least as long as what a forecast looks back to.
        first, _ = month_days(month_days(today)[0] - _DAY)
        used = self._usage.by_day(organization.id, first=min(first, days[0]), last=today)
        return OrganizationReport(
            organization=organization,
            today=DayUsage(
                day=today,
                totals=used.get(today, UsageTotals()),
                unsettled=self._holds.unsettled_on(organization.id, today),
            ),
            month=_month(used, today),
            history=[DayUsage(day=day, totals=used.get(day, UsageTotals())) for day in days],
            as_of_ms=now_ms,
        )

    def today(self, organization: Organization) -> tuple[DayUsage, int]:
        """Today alone, and the instant it was read."""
        now_ms = self._clock.now_ms()
        today = billing_day(now_ms, organization.time_zone)
        used = self._usage.by_day(organization.id, first=today, last=today)
        unsettled = self._holds.unsettled_on(organization.id, today)
        usage = DayUsage(day=today, totals=used.get(today, UsageTotals()), unsettled=unsettled)
        return usage, now_ms


def _month(used: Mapping[date, UsageTotals], today: date) -> MonthUsage:
    first_of_month, _ = month_days(today)
    month = [totals for day, totals in used.items() if day >= first_of_month]
    before = {
        day: totals
        for day, totals in used.items()
        if month_of(day) == month_of(first_of_month - _DAY)
    }
    billed = {day: totals.billed_pusd for day, totals in used.items()}
    return MonthUsage(
        month=month_of(today),
        totals=_sum(month),
        days_active=sum(totals.requests > 0 for totals in month),
        days_elapsed=today.day,
        last_month=_sum(list(before.values())),
        last_month_to_date=_sum([part for day, part in before.items() if day.day <= today.day]),
        forecast=forecast_of(billed, today=today),
    )


def _sum(parts: Sequence[UsageTotals]) -> UsageTotals:
    return UsageTotals(
        requests=sum(part.requests for part in parts),
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        completion_tokens=sum(part.completion_tokens for part in parts),
        raw_pusd=sum(part.raw_pusd for part in parts),
        billed_pusd=sum(part.billed_pusd for part in parts),
    )

"""What an organization used: the numbers behind the tab."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mai_usage_ext.metering.days import billing_day, month_days, month_of, previous_days
from mai_usage_ext.ports import Clock, HoldStore, Organization, UsageStore, UsageTotals

__all__ = ["DayUsage", "MonthUsage", "OrganizationReport", "Reports"]

HISTORY_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUsage:
    """One billing day. ``unsettled`` counts calls whose final cost is not known yet."""

    day: date
    totals: UsageTotals
    unsettled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthUsage:
    """The month so far. Averages are per day on which anything was used."""

    month: str
    totals: UsageTotals
    days_active: int
    days_elapsed: int

    @property
    def average_tokens(self) -> int:
        return _per(self.totals.tokens, self.days_active)

    @property
    def average_pusd(self) -> int:
        return _per(self.totals.billed_pusd, self.days_active)


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
        first_of_month, _ = month_days(today)
        days = previous_days(today, HISTORY_DAYS)
        used = self._usage.by_day(organization.id, first=min(first_of_month, days[0]), last=today)
        month = [totals for day, totals in used.items() if day >= first_of_month]
        return OrganizationReport(
            organization=organization,
            today=DayUsage(
                day=today,
                totals=used.get(today, UsageTotals()),
                unsettled=self._holds.unsettled_on(organization.id, today),
            ),
            month=MonthUsage(
                month=month_of(today),
                totals=_sum(month),
                days_active=sum(totals.requests > 0 for totals in month),
                days_elapsed=today.day,
            ),
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


def _sum(parts: Sequence[UsageTotals]) -> UsageTotals:
    return UsageTotals(
        requests=sum(part.requests for part in parts),
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        completion_tokens=sum(part.completion_tokens for part in parts),
        raw_pusd=sum(part.raw_pusd for part in parts),
        billed_pusd=sum(part.billed_pusd for part in parts),
    )


def _per(total: int, days: int) -> int:
    """Half-even mean of whole numbers; zero over no days."""
    if days == 0:
        return 0
    quotient, rest = divmod(total, days)
    if 2 * rest > days or (2 * rest == days and quotient % 2):
        quotient += 1
    return quotient

"""Whether the sums that are shown and billed are what the single calls add up to.

Everything is added up anew and compared; nothing is changed, here or anywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import Clock
from mai_usage_ext.ports.months import MonthDifference, MonthTotalStore
from mai_usage_ext.ports.validation import DayDifference, DayStore
from mai_usage_ext.services.month_check import month_before

__all__ = ["Validation", "ValidationReport"]

_MOST_DIFFERENCES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """``is_cut`` says that there are more differences than are listed."""

    organizations: int
    days: int
    day_differences: Sequence[DayDifference]
    month_differences: Sequence[MonthDifference]
    is_cut: bool = False

    @property
    def is_well(self) -> bool:
        return not self.day_differences and not self.month_differences


class Validation:
    def __init__(self, days: DayStore, months: MonthTotalStore, *, clock: Clock) -> None:
        self._days = days
        self._months = months
        self._clock = clock

    def run(self, *, progress: Callable[[int, int], None] | None = None) -> ValidationReport:
        """Look at every organization, one after another; ``progress`` is told how many of how many
        are done. Raises ``StorageUnavailable``."""
        since = month_before(billing_day(self._clock.now_ms(), "UTC"))
        organizations = self._months.organizations()
        of_days: list[DayDifference] = []
        of_months: list[MonthDifference] = []
        days = 0
        for number, organization_id in enumerate(organizations, 1):
            checked = self._days.check(organization_id)
            days += checked.days
            of_days += checked.differences
            of_months += self._months.differences(organization_id, users_since=since)
            if progress is not None:
                progress(number, len(organizations))
        return ValidationReport(
            organizations=len(organizations),
            days=days,
            day_differences=of_days[:_MOST_DIFFERENCES],
            month_differences=of_months[:_MOST_DIFFERENCES],
            is_cut=max(len(of_days), len(of_months)) > _MOST_DIFFERENCES,
        )

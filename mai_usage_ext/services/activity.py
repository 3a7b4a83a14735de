"""Which organizations grew and which went quiet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from mai_usage_ext.metering.measures import UsageTally, percent
from mai_usage_ext.ports import UNASSIGNED, Clock
from mai_usage_ext.ports.usage import Dimension, UsagePlace, UsageQuery, UsageSource
from mai_usage_ext.services.report_cache import ReportCache

__all__ = ["Activity", "ActivityReport", "OrganizationActivity", "Trend"]

RECENT_DAYS, BEFORE_DAYS = 7, 28
# By so many percent a day has to differ to be told.
_NOTABLE = 25
_DAY = timedelta(days=1)


class Trend(StrEnum):
    """Of seven days against the twenty-eight before, in requests a day.

    ``NEW`` nothing before · ``GREW`` a quarter more or above · ``STEADY`` in between · ``FELL`` a
    quarter less or below · ``QUIET`` nothing any more · ``IDLE`` nothing in either.
    """

    NEW = "new"
    GREW = "grew"
    STEADY = "steady"
    FELL = "fell"
    QUIET = "quiet"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationActivity:
    """``change_percent`` is of requests a day; ``None`` where there was nothing before."""

    place: UsagePlace
    trend: Trend
    recent: UsageTally
    before: UsageTally
    change_percent: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityReport:
    """Whole days up to ``last``, which has ended in every zone; busiest first."""

    last: date
    organizations: Sequence[OrganizationActivity]


class Activity:
    def __init__(self, source: UsageSource, cache: ReportCache, *, clock: Clock) -> None:
        self._source = source
        self._cache = cache
        self._clock = clock

    def look(self) -> ActivityReport:
        """Every organization, those without any usage included.

        Whoever is unassigned counts as one where they used anything.
        """
        now_ms = self._clock.now_ms()
        last = _ended_everywhere(now_ms)
        middle = last - _DAY * RECENT_DAYS
        recent = self._sums(middle + _DAY, last)
        before = self._sums(middle - _DAY * (BEFORE_DAYS - 1), middle)
        found = [
            _activity(place, recent.get(place.id), before.get(place.id))
            for place in self._source.places(at_ms=now_ms).values()
            if place.id != UNASSIGNED or place.id in recent or place.id in before
        ]
        found.sort(key=lambda one: (-one.recent.requests, -one.before.requests, one.place.id))
        return ActivityReport(last=last, organizations=found)

    def _sums(self, first: date, last: date) -> dict[str, UsageTally]:
        query = UsageQuery(first=first, last=last, group_by=(Dimension.ORGANIZATION,))
        return {line.key[0]: line.sums for line in self._cache.lines(query)}


def _activity(
    place: UsagePlace, recent: UsageTally | None, before: UsageTally | None
) -> OrganizationActivity:
    now, then = recent or UsageTally(), before or UsageTally()
    # Both over as many days.
    more, less = now.requests * BEFORE_DAYS, then.requests * RECENT_DAYS
    change = percent(more - less, less)
    return OrganizationActivity(
        place=place,
        trend=_trend(now.requests, then.requests, change),
        recent=now,
        before=then,
        change_percent=change,
    )


def _trend(recent: int, before: int, change: Decimal | None) -> Trend:
    if not recent:
        return Trend.QUIET if before else Trend.IDLE
    if change is None:
        return Trend.NEW
    if abs(change) < _NOTABLE:
        return Trend.STEADY
    return Trend.GREW if change > 0 else Trend.FELL


def _ended_everywhere(now_ms: int) -> date:
    """The last day that is over in the zone furthest behind, twelve hours after UTC."""
    day = date(1970, 1, 1) + timedelta(days=(now_ms - 12 * 3_600_000) // 86_400_000)
    return day - _DAY

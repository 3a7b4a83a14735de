"""What a month will have cost at its end.

A day to come is expected to be like the days of this month that are over: their mean, or where the
last four weeks have enough in them, their mean by the weight that its weekday had in these weeks.
Where less than a week of the month is over, it is the mean of its weekday in the four weeks. Today
counts as a whole day, or with what it has already if that is more.

The range is what four of five months should stay in: 1.28 times the spread of single days about
what would have been expected of them, grown with the root of the days to come. It is never less
than what is spent already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isqrt

from mai_usage_ext.metering.days import month_days, month_of, previous_days
from mai_usage_ext.metering.measures import mean

__all__ = ["HISTORY_DAYS", "Forecast", "forecast_of"]

HISTORY_DAYS = 28
# With fewer days than that in four weeks, weekdays say nothing yet.
_ENOUGH_DAYS = 14
_WEEK = 7
_DAY = timedelta(days=1)
# Four of five values of a normal distribution are within so many hundredths of its deviation.
_HUNDREDTHS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Of the month that ``as_of`` is in, in the unit of what was given, such as picodollars.

    ``days`` is what is expected of each day from ``as_of`` to the month's end. ``has_pattern`` says
    that weekdays were told apart.
    """

    month: str
    as_of: date
    so_far: int
    low: int
    expected: int
    high: int
    has_pattern: bool
    days: Sequence[tuple[date, int]]

    def reaches(self, amount: int) -> date | None:
        """The day on which the month is expected to have come to ``amount``, today if it has; none
        if it does not."""
        total = self.so_far
        if total >= amount:
            return self.as_of
        # Today's part of it is in what is expected of today.
        total = self.expected - sum(value for _, value in self.days)
        for day, value in self.days:
            total += value
            if total >= amount:
                return day
        return None


def forecast_of(used: Mapping[date, int], *, today: date) -> Forecast:
    """From what was used by day: of this month, and of the ``HISTORY_DAYS`` before today. A day
    that is missing had nothing."""
    first, last = month_days(today)
    history = previous_days(today - _DAY, HISTORY_DAYS)
    elapsed = [first + _DAY * offset for offset in range((today - first).days)]
    has_pattern = sum(used.get(day, 0) > 0 for day in history) >= _ENOUGH_DAYS
    means = _weekday_means(used, history) if has_pattern else None
    expect = _Expectation(used, elapsed, history, means)
    still = {today: max(used.get(today, 0), expect.of(today))}
    for offset in range(1, (last - today).days + 1):
        day = today + _DAY * offset
        still[day] = expect.of(day)
    over = sum(used.get(day, 0) for day in elapsed)
    so_far = over + used.get(today, 0)
    expected = over + sum(still.values())
    spread = _spread(used, elapsed if means is None else history, expect, len(still))
    return Forecast(
        month=month_of(today),
        as_of=today,
        so_far=so_far,
        low=max(so_far, expected - spread),
        expected=expected,
        high=expected + spread,
        has_pattern=has_pattern,
        days=list(still.items()),
    )


class _Expectation:
    """What a day is expected to have; ``means`` by weekday, none where there is no pattern."""

    def __init__(
        self,
        used: Mapping[date, int],
        elapsed: Sequence[date],
        history: Sequence[date],
        means: Sequence[int] | None,
    ) -> None:
        # A month that has just begun knows less than the weeks before it.
        basis = elapsed if elapsed and (means is None or len(elapsed) >= _WEEK) else history
        self._total = sum(used.get(day, 0) for day in basis)
        self._means = means
        weights = len(basis) if means is None else sum(means[day.weekday()] for day in basis)
        self._weights = weights

    def of(self, day: date) -> int:
        weight = 1 if self._means is None else self._means[day.weekday()]
        return mean(self._total * weight, self._weights)


def _weekday_means(used: Mapping[date, int], history: Sequence[date]) -> list[int]:
    sums = [0] * _WEEK
    for day in history:
        sums[day.weekday()] += used.get(day, 0)
    return [mean(total, HISTORY_DAYS // _WEEK) for total in sums]


def _spread(
    used: Mapping[date, int], basis: Sequence[date], expect: _Expectation, days: int
) -> int:
    """By the days of ``basis``; with a single one or none there is nothing to tell it by."""
    if len(basis) < 2:
        return 0
    squares = sum((used.get(day, 0) - expect.of(day)) ** 2 for day in basis)
    return isqrt(days * squares // (len(basis) - 1)) * _HUNDREDTHS // 100

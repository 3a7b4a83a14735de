"""The limit of an organization's key at OpenRouter, behind the gate that decides.

Our gate counts billed money by the organization's months. OpenRouter counts raw money and starts
anew at midnight UTC on the first of a month. The key's limit is the least amount that never
refuses what the gate admits:

* A month's **allowance** is its limit divided by the lowest markup of that month. Fixed fees are
  billed but not spent at OpenRouter: they use the limit up sooner, so with fees the raw spend ends
  below the allowance and this limit is merely looser than the gate. A markup of 0 leaves fees
  alone, which say nothing of raw money: then there is no limit to compute.
* Where the organization's month and the UTC month are **different** ones, two months of the
  organization draw on one window: ahead of UTC the new month has begun and OpenRouter still counts
  the old one; behind UTC OpenRouter has begun anew and the old month goes on. Then the window has
  room for two allowances.
* Otherwise the window is raised by what **earlier months** really spent in it: in the hours
  between the reset and a midnight west of UTC, and by calls that were under way at midnight.

The rest that a free model or a rounding needs is in the last step: the limit is rounded up to a
millionth of a dollar, and is never 0, which would refuse free calls too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mai_usage_ext.metering.days import billing_day, day_bounds_ms, month_days, month_of
from mai_usage_ext.metering.money import PICO, RATE_ONE
from mai_usage_ext.metering.pricing import PriceRule, lowest_rate

__all__ = ["Window", "backstop_pusd", "instants_ahead", "lowest_rate_over", "window_at"]

_STEP = PICO // 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """OpenRouter's window at an instant, against the organization's month.

    ``newest_month`` is the later of the two months. ``is_ahead`` says that the organization is in
    it already and OpenRouter is not, ``is_behind`` the reverse.
    """

    from_ms: int
    newest_month: str
    is_ahead: bool
    is_behind: bool

    @property
    def holds_two_months(self) -> bool:
        return self.is_ahead or self.is_behind


def window_at(at_ms: int, time_zone: str) -> Window:
    """OpenRouter's window at an instant, for an organization of that IANA zone."""
    theirs, ours = billing_day(at_ms, "UTC"), billing_day(at_ms, time_zone)
    first = month_days(theirs)[0]
    return Window(
        from_ms=day_bounds_ms(first, "UTC")[0],
        newest_month=max(month_of(theirs), month_of(ours)),
        is_ahead=month_of(ours) > month_of(theirs),
        is_behind=month_of(ours) < month_of(theirs),
    )


def backstop_pusd(
    *,
    limit_pusd: int | None,
    on_limit: str,
    rate_micro: int,
    at_ms: int,
    time_zone: str,
    overlap_raw_pusd: int = 0,
) -> int | None:
    """The key's limit in raw picodollars, or ``None`` where it must have none.

    ``rate_micro`` is the lowest markup of the months in the window, see ``lowest_rate_over``.
    ``overlap_raw_pusd`` is what was spent in OpenRouter's window on months before its
    ``newest_month``.
    """
    if limit_pusd is None or on_limit == "alert" or rate_micro <= 0:
        return None
    allowance = -(-limit_pusd * RATE_ONE // rate_micro)
    earlier = max(overlap_raw_pusd, 0)
    if window_at(at_ms, time_zone).holds_two_months:
        earlier = max(earlier, allowance)
    return max(-(-(allowance + earlier) // _STEP), 1) * _STEP


def instants_ahead(at_ms: int, time_zone: str, *, ahead_ms: int) -> tuple[int, ...]:
    """``at_ms`` and every beginning of a month, UTC's or the organization's, in the time ahead.

    A limit that is looked at now and then must already suffice when the month changes in between.
    """
    until_ms = at_ms + ahead_ms
    starts = {
        start
        for name in ("UTC", time_zone)
        for start in _month_starts(at_ms, until_ms, name)
        if at_ms < start <= until_ms
    }
    return (at_ms, *sorted(starts))


def lowest_rate_over(rules: Sequence[PriceRule], *, from_ms: int, until_ms: int) -> int:
    """The lowest markup that any model had or will have in a stretch of time, in millionths."""
    changes = {rule.effective_from_ms for rule in rules}
    instants = {from_ms, *(change for change in changes if from_ms < change <= until_ms)}
    return min(lowest_rate(rules, at_ms=instant) for instant in instants)


def _month_starts(from_ms: int, until_ms: int, time_zone: str) -> list[int]:
    starts = []
    last = billing_day(until_ms, time_zone).replace(day=1)
    first = billing_day(from_ms, time_zone).replace(day=1)
    while first <= last:
        starts.append(day_bounds_ms(first, time_zone)[0])
        first = _next_month(first)
    return starts


def _next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)

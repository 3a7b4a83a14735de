"""Reports of usage: any range, any grouping, one organization or all."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mai_usage_ext.errors import BadInput, NotFound
from mai_usage_ext.metering.days import billing_day, month_days
from mai_usage_ext.metering.measures import UsageTally, total_of
from mai_usage_ext.ports import Clock
from mai_usage_ext.ports.usage import (
    Dimension,
    UsageLine,
    UsagePlace,
    UsageQuery,
    UsageSource,
)
from mai_usage_ext.services.forecast import HISTORY_DAYS, Forecast, forecast_of
from mai_usage_ext.services.people import People, Person
from mai_usage_ext.services.report_cache import ReportCache
from mai_usage_ext.services.report_lines import TIMES, Folding, ReportLine
from mai_usage_ext.services.usage_ranges import check_range, previous_range

__all__ = [
    "SORTS",
    "ReportWish",
    "UsageReport",
    "UsageReports",
    "dimensions_of",
    "without_times",
]

_DAY = timedelta(days=1)
_MOST_BESIDES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """``lines`` is one page of ``line_count``; ``total`` is of all of them. ``previous`` is the
    query of the period before and its total. ``series`` has the whole period of each value that a
    ``top`` has kept, and the rest."""

    query: UsageQuery
    total: UsageTally
    lines: Sequence[ReportLine]
    line_count: int
    as_of_ms: int
    previous: tuple[UsageQuery, UsageTally] | None = None
    series: Sequence[ReportLine] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWish:
    """How the lines of a report are to be shown. ``sort`` is ``"key"`` or one of ``SORTS``; by
    default time goes on and everything else begins with what cost most. ``limit`` is ``None`` for
    all lines. ``top`` keeps so many values, those that cost most in the whole period, and folds all
    others into one line."""

    sort: str | None = None
    is_descending: bool | None = None
    offset: int = 0
    limit: int | None = None
    has_previous: bool = False
    top: int | None = None


SORTS: Mapping[str, Callable[[ReportLine], int | Decimal | None]] = {
    "requests": lambda line: line.sums.requests,
    "tokens": lambda line: line.sums.tokens,
    "raw_cost": lambda line: line.sums.raw_pusd,
    "markup_cost": lambda line: line.sums.billed_pusd,
    "profit": lambda line: line.sums.profit_pusd,
    "margin": lambda line: line.sums.margin_percent,
    "failures": lambda line: line.sums.failures,
    "cancelled": lambda line: line.sums.cancelled,
    "first_byte": lambda line: line.sums.mean_first_byte_ms,
    "speed": lambda line: line.sums.tokens_per_second,
    "days": lambda line: line.days,
}
"""What lines can be sorted by, beside their keys."""


class UsageReports:
    def __init__(
        self, source: UsageSource, cache: ReportCache, *, people: People, clock: Clock
    ) -> None:
        self._source = source
        self._cache = cache
        self._people = people
        self._clock = clock

    def lines(self, query: UsageQuery) -> Iterator[UsageLine]:
        """Lines as they are stored, however many. Raises ``BadInput`` and ``NotFound`` at once."""
        self.check(query)
        return self._source.lines(query)

    def check(self, query: UsageQuery) -> None:
        """Raises ``BadInput`` naming the field, ``NotFound`` for an unknown organization."""
        check_range(query.first, query.last)
        besides = [one for one in query.group_by if one is not Dimension.ORGANIZATION]
        if len(besides) > _MOST_BESIDES or len(set(query.group_by)) < len(query.group_by):
            expected = "at most two different dimensions besides organization"
            raise BadInput("group_by", got=",".join(query.group_by), expected=expected)
        if query.organization_id is not None:
            self.place(query.organization_id)

    def place(self, organization_id: str) -> UsagePlace:
        """Raises ``NotFound``."""
        place = self._places(only=[organization_id]).get(organization_id)
        if place is None:
            raise NotFound(f"there is no organization {organization_id!r}")
        return place

    def today(self, organization_id: str | None) -> date:
        """The organization's day; for all of them, the latest that one of them has. Raises
        ``NotFound``."""
        now_ms = self._clock.now_ms()
        if organization_id is not None:
            return billing_day(now_ms, self.place(organization_id).time_zone)
        zones = {place.time_zone for place in self._places().values()}
        return max(billing_day(now_ms, zone) for zone in zones)

    def report(self, query: UsageQuery, wish: ReportWish = ReportWish()) -> UsageReport:
        """Raises ``BadInput`` and ``NotFound``."""
        self.check(query)
        return self._report(query, self._cache.lines(query), wish)

    def _report(
        self, query: UsageQuery, found: Sequence[UsageLine], wish: ReportWish
    ) -> UsageReport:
        sort = _sort_of(query, wish)
        before, previous = self._before(query) if wish.has_previous else (None, None)
        lines, series = _lines(query, found, before, wish.top)
        shown = sort(lines)[wish.offset :]
        return UsageReport(
            query=query,
            total=total_of(line.sums for line in found),
            lines=self._named(query.group_by, shown if wish.limit is None else shown[: wish.limit]),
            line_count=len(lines),
            as_of_ms=self._clock.now_ms(),
            previous=previous,
            series=None if series is None else self._named(without_times(query.group_by), series),
        )

    def today_of(self, organization_id: str | None, wish: ReportWish) -> UsageReport:
        """Today by organization, each one's own, of one or all. Raises ``NotFound``."""
        now_ms = self._clock.now_ms()
        only = None if organization_id is None else [self.place(organization_id).id]
        places = self._places(only=only).values()
        days = {one.id: billing_day(now_ms, one.time_zone) for one in places}
        query = UsageQuery(
            first=min(days.values()),
            last=max(days.values()),
            organization_id=organization_id,
            group_by=(Dimension.ORGANIZATION, Dimension.DAY),
        )
        found = [
            line
            for line in self._cache.lines(query)
            if line.key[1] == days[line.key[0]].isoformat()
        ]
        return self._report(query, found, wish)

    def forecast(self, organization_id: str | None) -> Forecast:
        """Of billed money in this month. Raises ``NotFound``."""
        today = self.today(organization_id)
        first = min(month_days(today)[0], today - _DAY * HISTORY_DAYS)
        query = UsageQuery(
            first=first, last=today, organization_id=organization_id, group_by=(Dimension.DAY,)
        )
        used = {
            date.fromisoformat(line.key[0]): line.sums.billed_pusd
            for line in self._cache.lines(query)
        }
        return forecast_of(used, today=today)

    def _before(self, query: UsageQuery) -> tuple[list[UsageLine], tuple[UsageQuery, UsageTally]]:
        first, last = previous_range(query.first, query.last)
        earlier = replace(query, first=first, last=last)
        found = self._cache.lines(earlier)
        return found, (earlier, total_of(line.sums for line in found))

    def _named(
        self, group_by: Sequence[Dimension], lines: Sequence[ReportLine]
    ) -> list[ReportLine]:
        places: Mapping[str, UsagePlace] = {}
        people: Mapping[str, Person] = {}
        organization, user = (
            group_by.index(one) if one in group_by else None
            for one in (Dimension.ORGANIZATION, Dimension.USER)
        )
        if organization is not None:
            places = self._places(only={line.key[organization] for line in lines})
        if user is not None:
            people = self._people.of(line.key[user] for line in lines)
        return [
            # What was folded is nobody's alone.
            line
            if line.is_rest
            else replace(
                line,
                place=None if organization is None else places.get(line.key[organization]),
                person=None if user is None else people[line.key[user]],
            )
            for line in lines
        ]

    def _places(self, *, only: Collection[str] | None = None) -> Mapping[str, UsagePlace]:
        return self._source.places(at_ms=self._clock.now_ms(), only=only)


def dimensions_of(text: str) -> tuple[Dimension, ...]:
    """From names with commas between them. Raises ``BadInput``."""
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    known = {one.value: one for one in Dimension}
    for name in names:
        if name not in known:
            raise BadInput("group_by", got=name, expected=f"some of {', '.join(known)}")
    return tuple(known[name] for name in names)


def _lines(
    query: UsageQuery,
    found: Sequence[UsageLine],
    before: Sequence[UsageLine] | None,
    top: int | None,
) -> tuple[list[ReportLine], list[ReportLine] | None]:
    """All lines, and the series where there is a ``top``. Raises ``BadInput``."""
    # A day has no day of its own in the period before.
    earlier = None if TIMES.intersection(query.group_by) else before
    if top is not None:
        folding = Folding.of(query.group_by, found, top)
        return folding.lines(found, earlier), folding.series(found, before)
    then = None if earlier is None else {one.key: one.sums for one in earlier}
    lines = [
        ReportLine(
            key=one.key,
            sums=one.sums,
            days=one.days,
            previous=None if then is None else then.get(one.key, UsageTally()),
        )
        for one in found
    ]
    return lines, None


def without_times(group_by: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """What the series of a report are told apart by."""
    return tuple(one for one in group_by if one not in TIMES)


def _sort_of(query: UsageQuery, wish: ReportWish) -> Callable[[list[ReportLine]], list[ReportLine]]:
    """Raises ``BadInput``. Lines come in order of their keys, which decides between equals; a line
    without the number stands behind all others."""
    is_time = bool(query.group_by) and query.group_by[0] in TIMES
    name = wish.sort or ("key" if is_time else "markup_cost")
    is_descending = wish.is_descending
    if is_descending is None:
        is_descending = name != "key"
    if name == "key":
        return lambda lines: lines[::-1] if is_descending else lines
    value_of = SORTS.get(name)
    if value_of is None:
        raise BadInput("sort", got=name, expected=f"one of {', '.join(('key', *SORTS))}")

    def place_of(line: ReportLine) -> Any:
        value = value_of(line)
        if value is None:
            return 1, 0
        return 0, -value if is_descending else value

    return lambda lines: sorted(lines, key=place_of)

"""Every organization in one table: its month beside the one before, its limit, its last days."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.days import billing_day, month_days, previous_days
from mai_usage_ext.metering.measures import UsageTally, percent, total_of
from mai_usage_ext.ports import (
    Clock,
    OrganizationQuery,
    OrganizationRecord,
    OrganizationStore,
)
from mai_usage_ext.ports.client_facts import ClientFact, ClientFactStore
from mai_usage_ext.ports.usage import Dimension, UsageQuery
from mai_usage_ext.services.report_cache import ReportCache

__all__ = ["CLIENT_SORTS", "ClientMonth", "ClientOverview", "ClientPage", "ClientStanding"]

SPARKLINE_DAYS = 30
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMonth:
    """An organization's month so far on its own day ``today``, and the days up to the same number
    of the month before."""

    fact: ClientFact
    today: date
    now: UsageTally
    before: UsageTally


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStanding:
    """``days`` is what was billed on each of the last thirty, oldest first."""

    month: ClientMonth
    record: OrganizationRecord
    days: Sequence[int]

    @property
    def used_percent(self) -> Decimal | None:
        limit = self.record.monthly_limit_pusd
        return None if limit is None else percent(self.month.now.billed_pusd, limit)

    @property
    def change_percent(self) -> Decimal | None:
        """Of billed money, against the month before."""
        before = self.month.before.billed_pusd
        return percent(self.month.now.billed_pusd - before, before)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPage:
    """One page of ``count`` organizations; the totals are of all of them."""

    clients: Sequence[ClientStanding]
    count: int
    now: UsageTally
    before: UsageTally
    as_of_ms: int


CLIENT_SORTS: Mapping[str, Callable[[ClientMonth], int | Fraction | str | None]] = {
    "name": lambda one: one.fact.name.casefold(),
    "spend": lambda one: one.now.billed_pusd,
    "profit": lambda one: one.now.profit_pusd,
    "requests": lambda one: one.now.requests,
    "limit_used": lambda one: (
        Fraction(one.now.billed_pusd, one.fact.limit_pusd) if one.fact.limit_pusd else None
    ),
    "last_activity": lambda one: (
        None if one.fact.last_day is None else one.fact.last_day.toordinal()
    ),
}
"""What the table can be sorted by."""


class ClientOverview:
    """However many organizations there are, a page takes as many statements."""

    def __init__(
        self,
        facts: ClientFactStore,
        organizations: OrganizationStore,
        cache: ReportCache,
        *,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._organizations = organizations
        self._cache = cache
        self._clock = clock

    def page(self, wanted: OrganizationQuery) -> ClientPage:
        """``wanted.sort`` is one of ``CLIENT_SORTS``; who has no value stands behind all others.
        Raises ``BadInput``."""
        value_of = CLIENT_SORTS.get(wanted.sort)
        if value_of is None:
            expected = f"one of {', '.join(CLIENT_SORTS)}"
            raise BadInput("sort", got=wanted.sort, expected=expected)
        now_ms = self._clock.now_ms()
        found = self._months(self._facts.clients(wanted, at_ms=now_ms), now_ms)
        found.sort(key=lambda one: (one.fact.name.casefold(), one.fact.id))
        with_value = [one for one in found if value_of(one) is not None]
        with_value.sort(key=value_of, reverse=wanted.is_descending)  # type: ignore[arg-type]
        ranked = with_value + [one for one in found if value_of(one) is None]
        return ClientPage(
            clients=self._standings(ranked[wanted.offset :][: wanted.limit], now_ms),
            count=len(found),
            now=total_of(one.now for one in found),
            before=total_of(one.before for one in found),
            as_of_ms=now_ms,
        )

    def _months(self, facts: Sequence[ClientFact], now_ms: int) -> list[ClientMonth]:
        todays = {fact.id: billing_day(now_ms, fact.time_zone) for fact in facts}
        now: dict[date, Mapping[str, UsageTally]] = {}
        before: dict[date, Mapping[str, UsageTally]] = {}
        # There are three dates at once on earth, at most.
        for today in sorted(set(todays.values())):
            first, _ = month_days(today)
            now[today] = self._sums(first, today)
            begin, end = month_days(first - _DAY)
            before[today] = self._sums(begin, min(end, begin + (today - first)))
        return [
            ClientMonth(
                fact=fact,
                today=(today := todays[fact.id]),
                now=now[today].get(fact.id, UsageTally()),
                before=before[today].get(fact.id, UsageTally()),
            )
            for fact in facts
        ]

    def _sums(self, first: date, last: date) -> Mapping[str, UsageTally]:
        query = UsageQuery(first=first, last=last, group_by=(Dimension.ORGANIZATION,))
        return {line.key[0]: line.sums for line in self._cache.lines(query)}

    def _standings(self, shown: Sequence[ClientMonth], now_ms: int) -> list[ClientStanding]:
        if not shown:
            return []
        ids = [one.fact.id for one in shown]
        query = OrganizationQuery(ids=ids, limit=len(ids))
        records, _ = self._organizations.records(query, at_ms=now_ms)
        known = {record.id: record for record in records}
        days = self._facts.billed_by_day(
            ids,
            first=min(one.today for one in shown) - _DAY * (SPARKLINE_DAYS - 1),
            last=max(one.today for one in shown),
        )
        return [
            ClientStanding(
                month=one,
                record=known[one.fact.id],
                days=[
                    days.get(one.fact.id, {}).get(day, 0)
                    for day in previous_days(one.today, SPARKLINE_DAYS)
                ],
            )
            for one in shown
        ]

"""Marks that no writer crossed: of a rule or a limit that came after the spending."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from mai_usage_ext.metering.days import month_of
from mai_usage_ext.metering.limits import LimitEventKind, MarkPeriod, MarkRule, Marks
from mai_usage_ext.ports import LimitEventStore
from mai_usage_ext.ports.alert_facts import AlertFacts, DayFact, WatchedOrganization

__all__ = ["MarkCheck"]

Days = Mapping[date, DayFact]


@dataclass(frozen=True, slots=True)
class _Mark:
    """As unique as the mark that a writer notes."""

    kind: LimitEventKind
    organization_id: str
    month: str
    user_id: str
    percent: int
    limit_pusd: int


class MarkCheck:
    """Notes whatever is passed now; what is noted already stays as it is."""

    def __init__(self, events: LimitEventStore, facts: AlertFacts) -> None:
        self._events = events
        self._facts = facts
        self._seen = frozenset[_Mark]()

    def note_missed(
        self, marks: Marks, organizations: Sequence[WatchedOrganization], *, now_ms: int
    ) -> None:
        passed: dict[_Mark, tuple[int, MarkRule]] = {}
        for mark, spent, rule in self._passed(marks, organizations):
            passed[mark] = spent, rule
        for mark, (spent, rule) in passed.items():
            # What this process has noted needs no statement every minute.
            if mark not in self._seen:
                self._events.add(
                    kind=mark.kind,
                    organization_id=mark.organization_id,
                    user_id=mark.user_id,
                    month=mark.month,
                    percent=mark.percent,
                    limit_pusd=mark.limit_pusd,
                    spent_pusd=spent,
                    at_ms=now_ms,
                    rule=rule,
                )
        self._seen = frozenset(passed)

    def _passed(
        self, marks: Marks, organizations: Sequence[WatchedOrganization]
    ) -> Iterator[tuple[_Mark, int, MarkRule]]:
        for one in organizations:
            yield from _percents(one, marks)
        if not marks.has_amounts or not organizations:
            return
        first = min(one.today for one in organizations)
        last = max(one.today for one in organizations)
        days = self._facts.days(first, last)
        for one in organizations:
            month = month_of(one.today)
            spent = one.spent_by_user.get("", 0)
            yield from _amounts(one, MarkPeriod.MONTH, month, "", spent, marks)
            spent = _sum(days.get(one.id, {}), one.today)
            yield from _amounts(one, MarkPeriod.DAY, one.today.isoformat(), "", spent, marks)
        for user_id in sorted(marks.users):
            by_organization = self._facts.days(first.replace(day=1), last, user_id=user_id)
            for one in organizations:
                yield from _of_user(one, user_id, by_organization.get(one.id, {}), marks)


def _of_user(
    one: WatchedOrganization, user_id: str, days: Days, marks: Marks
) -> Iterator[tuple[_Mark, int, MarkRule]]:
    month = month_of(one.today)
    spent = sum(fact.billed_pusd for day, fact in days.items() if month_of(day) == month)
    yield from _amounts(one, MarkPeriod.MONTH, month, user_id, spent, marks)
    today = _sum(days, one.today)
    yield from _amounts(one, MarkPeriod.DAY, one.today.isoformat(), user_id, today, marks)


def _sum(days: Days, day: date) -> int:
    fact = days.get(day)
    return 0 if fact is None else fact.billed_pusd


def _percents(one: WatchedOrganization, marks: Marks) -> Iterator[tuple[_Mark, int, MarkRule]]:
    for user_id, limit in _limits(one):
        # A limit of nothing is passed by nothing; that it refuses calls is told by the writer.
        spent = one.spent_by_user.get(user_id, 0)
        for percent, rule in marks.percents(one.id, user_id).items():
            if limit and limit * percent <= spent * 100:
                kind, month = LimitEventKind.THRESHOLD, month_of(one.today)
                yield _Mark(kind, one.id, month, user_id, percent, limit), spent, rule


def _limits(one: WatchedOrganization) -> Iterable[tuple[str, int]]:
    if one.limit_pusd is not None:
        yield "", one.limit_pusd
    yield from one.limits_of_users.items()


def _amounts(
    one: WatchedOrganization,
    period: MarkPeriod,
    name: str,
    user_id: str,
    spent: int,
    marks: Marks,
) -> Iterator[tuple[_Mark, int, MarkRule]]:
    for amount, rule in marks.amounts(period, one.id, user_id).items():
        if amount <= spent:
            yield _Mark(LimitEventKind.AMOUNT, one.id, name, user_id, 0, amount), spent, rule

"""Spending of which no row keeps the sum: an organization's day, a user's day or month.

To find out whether a group crosses a mark of such a part would take a query for each group. But a
part cannot grow by more than the whole, the organization's month, whose sum the group holds in its
hands. So a part is added up once, and again only when the whole has grown by as much as the part
lacked to its next mark.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from mai_usage_ext.metering.daily import SUMS
from mai_usage_ext.metering.days import month_days
from mai_usage_ext.metering.limits import MarkPeriod, Marks
from mai_usage_ext.storage.budgets import ORGANIZATION, LimitEvent, MonthKey, amount_events
from mai_usage_ext.storage.folding import Plan
from mai_usage_ext.storage.statements import Reads

__all__ = ["Parts"]

_MOST_KNOWN = 10_000
_MONTH = len("2026-01")
_BILLED = SUMS.index("billed_pusd")
Part = tuple[str, str, str]
"""Organization, ISO day or month, user; the user is ``""`` for the organization's day."""


@dataclass(frozen=True, slots=True)
class _Known:
    part_pusd: int
    whole_pusd: int


class Parts:
    """One thread's. What a transaction that was rolled back has read must be forgotten."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._known: dict[Part, _Known] = {}

    def forget(self) -> None:
        self._known.clear()

    def events(self, plan: Plan, marks: Marks) -> Iterator[LimitEvent]:
        """The marks that the plan has crossed, once it is written."""
        if not marks.has_amounts or not plan.booked:
            return
        for part, added in sorted(_booked(plan, marks).items()):
            yield from self._crossed(part, added, plan, marks)

    def _crossed(self, part: Part, added: int, plan: Plan, marks: Marks) -> Iterator[LimitEvent]:
        organization_id, period, user_id = part
        whole_key = (organization_id, period[:_MONTH], ORGANIZATION)
        whole = plan.budgets.known[whole_key].spent_now
        amounts = marks.amounts(_period_of(period), organization_id, user_id)
        known = self._known.get(part)
        if known is not None:
            at_most = known.part_pusd + whole - known.whole_pusd
            if not any(known.part_pusd < amount <= at_most for amount in amounts):
                return
        spent = self._reads.spent_in(organization_id, *_days(period), user_id)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[part] = _Known(spent, whole)
        key: MonthKey = part
        yield from amount_events(key, amounts, before_pusd=spent - added, after_pusd=spent)


def _booked(plan: Plan, marks: Marks) -> dict[Part, int]:
    """What the plan adds to every part that has a mark."""
    billed: dict[Part, int] = defaultdict(int)
    for (organization_id, day, user_id, *_), sums in plan.cells.items():
        billed[organization_id, day, user_id] += sums[_BILLED]
    added: dict[Part, int] = defaultdict(int)
    for (organization_id, day, user_id), amount in billed.items():
        if marks.amounts(MarkPeriod.DAY, organization_id):
            added[organization_id, day, ORGANIZATION] += amount
        if user_id in marks.users:
            for period, name in ((MarkPeriod.DAY, day), (MarkPeriod.MONTH, day[:_MONTH])):
                if marks.amounts(period, organization_id, user_id):
                    added[organization_id, name, user_id] += amount
    return added


def _period_of(name: str) -> MarkPeriod:
    return MarkPeriod.DAY if len(name) > _MONTH else MarkPeriod.MONTH


def _days(name: str) -> tuple[date, date]:
    if _period_of(name) is MarkPeriod.DAY:
        day = date.fromisoformat(name)
        return day, day
    return month_days(date.fromisoformat(f"{name}-01"))

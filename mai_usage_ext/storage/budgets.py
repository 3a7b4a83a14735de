"""The money of a month as the writer's groups judge it: spent, held, and what the limit leaves."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mai_usage_ext.metering.limits import (
    LimitEventKind,
    MarkPeriod,
    MarkRule,
    Marks,
    amounts_passed,
    marks_passed,
)

__all__ = ["ORGANIZATION", "Budget", "Budgets", "LimitEvent", "MonthKey", "amount_events"]

MonthKey = tuple[str, str, str]
"""Organization, month, user. The user is ``ORGANIZATION`` in the row of the organization itself."""

ORGANIZATION = ""


@dataclass(slots=True)
class Budget:
    """One row of ``client_month_totals`` and its limit: a hard one refuses, another only warns.

    ``spent_added`` and ``held_added`` are what the group adds to the row.
    """

    spent_pusd: int = 0
    held_pusd: int = 0
    limit_pusd: int | None = None
    is_hard: bool = True
    is_stored: bool = True
    spent_added: int = 0
    held_added: int = 0

    @property
    def spent_now(self) -> int:
        return self.spent_pusd + self.spent_added

    @property
    def held_now(self) -> int:
        return self.held_pusd + self.held_added

    @property
    def left_pusd(self) -> int | None:
        """What a hold may still take; ``None`` without a limit that refuses."""
        if self.limit_pusd is None or not self.is_hard:
            return None
        return self.limit_pusd - self.spent_now - self.held_now

    @property
    def additions(self) -> tuple[int, int]:
        """What to add to the stored row; all of it where there is none yet."""
        if self.is_stored:
            return self.spent_added, self.held_added
        return self.spent_now, self.held_now


@dataclass(frozen=True, slots=True)
class LimitEvent:
    """A mark that was passed. The key's month is a day where the mark is one of a day, and the
    limit is the amount where the mark is an amount; then there is no percentage."""

    kind: LimitEventKind
    key: MonthKey
    percent: int
    limit_pusd: int
    spent_pusd: int
    rule: MarkRule | None


@dataclass(slots=True)
class Budgets:
    """Every budget a group touches. An organization's is made when it is missing, a user's is not:
    only users with a limit have one."""

    known: dict[MonthKey, Budget] = field(default_factory=dict)
    refused: set[MonthKey] = field(default_factory=set)

    def of(
        self, organization_id: str, month: str, user_id: str
    ) -> Iterator[tuple[MonthKey, Budget]]:
        """The organization's budget, then the user's own if there is one."""
        key = (organization_id, month, ORGANIZATION)
        budget = self.known.get(key)
        if budget is None:
            budget = self.known[key] = Budget()
        yield key, budget
        own = self.known.get((organization_id, month, user_id)) if user_id else None
        if own is not None:
            yield (organization_id, month, user_id), own

    def changed(self) -> Iterator[tuple[MonthKey, tuple[int, int]]]:
        """What to add to which row, in one fixed order."""
        for key, budget in sorted(self.known.items()):
            additions = budget.additions
            if any(additions) or not budget.is_stored:
                yield key, additions

    def events(self, marks: Marks) -> Iterable[LimitEvent]:
        """What crossed a mark of a month, and which limit refused a call."""
        for key, budget in sorted(self.known.items()):
            if budget.limit_pusd is not None:
                yield from self._limit_events(key, budget, budget.limit_pusd, marks)
            if marks.has_amounts and key[2] == ORGANIZATION:
                amounts = marks.amounts(MarkPeriod.MONTH, key[0])
                yield from amount_events(
                    key, amounts, before_pusd=budget.spent_pusd, after_pusd=budget.spent_now
                )

    def _limit_events(
        self, key: MonthKey, budget: Budget, limit: int, marks: Marks
    ) -> Iterable[LimitEvent]:
        organization_id, _, user_id = key
        spent = budget.spent_now
        if budget.spent_added > 0:
            percents = marks.percents(organization_id, user_id)
            for percent in marks_passed(
                percents, limit_pusd=limit, before_pusd=budget.spent_pusd, after_pusd=spent
            ):
                yield LimitEvent(
                    LimitEventKind.THRESHOLD, key, percent, limit, spent, percents[percent]
                )
        if key in self.refused:
            rule = marks.limit_rule(organization_id, user_id)
            yield LimitEvent(LimitEventKind.REACHED, key, 100, limit, spent, rule)


def amount_events(
    key: MonthKey, amounts: Mapping[int, MarkRule], *, before_pusd: int, after_pusd: int
) -> Iterator[LimitEvent]:
    """The amounts that a period's spending has passed."""
    for amount in amounts_passed(amounts, before_pusd=before_pusd, after_pusd=after_pusd):
        yield LimitEvent(LimitEventKind.AMOUNT, key, 0, amount, after_pusd, amounts[amount])

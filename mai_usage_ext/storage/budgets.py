"""The money of a month as the writer's groups judge it: spent, held, and what the limit leaves."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mai_usage_ext.metering.limits import LimitEventKind, marks_passed

__all__ = ["ORGANIZATION", "Budget", "Budgets", "LimitEvent", "MonthKey"]

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
    kind: LimitEventKind
    key: MonthKey
    percent: int
    limit_pusd: int
    spent_pusd: int


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

    def events(self, thresholds: Sequence[int]) -> Iterable[LimitEvent]:
        """What crossed a mark, and which limit refused a call."""
        for key, budget in sorted(self.known.items()):
            limit = budget.limit_pusd
            if limit is None:
                continue
            for percent in marks_passed(
                thresholds,
                limit_pusd=limit,
                before_pusd=budget.spent_pusd,
                after_pusd=budget.spent_now,
            ):
                yield LimitEvent(LimitEventKind.THRESHOLD, key, percent, limit, budget.spent_now)
            if key in self.refused:
                yield LimitEvent(LimitEventKind.REACHED, key, 100, limit, budget.spent_now)

"""Marks of a month's limit and of money spent, and which of them a spending has passed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "LimitEventKind",
    "MarkPeriod",
    "MarkRule",
    "Marks",
    "amounts_passed",
    "marks_passed",
]


class LimitEventKind(StrEnum):
    """``THRESHOLD`` that percentage of the limit is spent · ``REACHED`` a call was refused ·
    ``AMOUNT`` so much is spent of a period, whatever the limit is."""

    THRESHOLD = "limit.threshold_crossed"
    REACHED = "limit.reached"
    AMOUNT = "spend.crossed"


class MarkPeriod(StrEnum):
    """What marks are set on: percentages of a monthly ``LIMIT``, or amounts of a period."""

    LIMIT = "limit"
    MONTH = "month"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRule:
    """``marks`` are percentages, or picodollars of the period. The rule is for one user, for one
    organization, or, with neither, for every organization."""

    id: int
    period: MarkPeriod
    marks: tuple[int, ...]
    severity: str = "warning"
    organization_id: str | None = None
    user_id: str | None = None


class Marks:
    """All rules about marks, asked for each group the writer commits: look-ups only.

    Rules add up. Where several set the same mark, the most specific one is named: a user's before
    an organization's before everybody's. ``users`` are those whose own spending has marks.
    """

    def __init__(self, rules: Iterable[MarkRule] = ()) -> None:
        self._by: dict[tuple[MarkPeriod, str | None, str | None], list[MarkRule]] = {}
        for rule in sorted(rules, key=lambda one: -one.id):
            key = rule.period, rule.organization_id, rule.user_id
            self._by.setdefault(key, []).append(rule)
        of_amounts = [key for key in self._by if key[0] is not MarkPeriod.LIMIT]
        self.has_amounts = bool(of_amounts)
        self.users = frozenset(key[2] for key in of_amounts if key[2] is not None)

    def percents(self, organization_id: str, user_id: str = "") -> Mapping[int, MarkRule]:
        """Of the organization's limit, or of the one that the user has there."""
        return self._found(*self._limit_keys(organization_id, user_id))

    def amounts(
        self, period: MarkPeriod, organization_id: str, user_id: str = ""
    ) -> Mapping[int, MarkRule]:
        """Picodollars of the organization's period, or of what one user spends there."""
        if user_id:
            return self._found((period, None, user_id))
        return self._found((period, None, None), (period, organization_id, None))

    def limit_rule(self, organization_id: str, user_id: str = "") -> MarkRule | None:
        """The most specific rule about the limit, ``None`` where there is none."""
        found = [
            rule
            for key in self._limit_keys(organization_id, user_id)
            for rule in self._by.get(key, ())
        ]
        return found[-1] if found else None

    def _limit_keys(
        self, organization_id: str, user_id: str
    ) -> list[tuple[MarkPeriod, str | None, str | None]]:
        limit = MarkPeriod.LIMIT
        of_user = [(limit, None, user_id)] if user_id else []
        return [(limit, None, None), (limit, organization_id, None), *of_user]

    def _found(self, *keys: tuple[MarkPeriod, str | None, str | None]) -> dict[int, MarkRule]:
        found: dict[int, MarkRule] = {}
        for key in keys:
            for rule in self._by.get(key, ()):
                found |= dict.fromkeys(rule.marks, rule)
        return found


def marks_passed(
    thresholds: Iterable[int], *, limit_pusd: int, before_pusd: int, after_pusd: int
) -> list[int]:
    """The percentages whose amount was not spent ``before`` and is ``after``, rising.

    An amount between two picodollars counts as passed at the upper one.
    """
    return [
        percent
        for percent in sorted(thresholds)
        if before_pusd * 100 < limit_pusd * percent <= after_pusd * 100
    ]


def amounts_passed(amounts: Iterable[int], *, before_pusd: int, after_pusd: int) -> list[int]:
    """The amounts that were not spent ``before`` and are ``after``, rising."""
    return [amount for amount in sorted(amounts) if before_pusd < amount <= after_pusd]

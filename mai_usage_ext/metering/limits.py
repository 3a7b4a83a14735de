"""Marks of a monthly limit, and which of them a month's spending has passed."""

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["LimitEventKind", "marks_passed"]


class LimitEventKind(StrEnum):
    """``THRESHOLD`` that percentage of the limit is spent · ``REACHED`` a call was refused."""

    THRESHOLD = "limit.threshold_crossed"
    REACHED = "limit.reached"


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

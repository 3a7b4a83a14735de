"""Sums that stand in two places, and where they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

__all__ = ["DayDifference", "DayStore", "DaysChecked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDifference:
    """``where`` is the table that differs: ``live counters``, ``sealed day``, ``sealed users`` or
    ``sealed models``. The two mappings hold what differs only, by the names of ``metering.daily``;
    ``place`` names the user, model, provider and purpose of a live cell.
    """

    organization_id: str
    day: date
    where: str
    stored: Mapping[str, int]
    recomputed: Mapping[str, int]
    place: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysChecked:
    days: int
    differences: Sequence[DayDifference]


class DayStore(Protocol):
    """Raises ``StorageUnavailable``. Changes nothing."""

    def check(self, organization_id: str) -> DaysChecked:
        """Every day of an organization whose single calls are all kept, as of one instant for the
        days that are sealed and one for those that are not."""
        ...

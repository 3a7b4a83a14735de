"""Sealing: days that are over become rows that nobody adds up again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

__all__ = ["LiveDay", "SealStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveDay:
    """The oldest day of an organization that still has live cells, and its zones (IANA names):
    ``next_time_zone`` holds from ``next_from_ms`` on, both are ``None`` without a change."""

    organization_id: str
    day: date
    time_zone: str
    next_time_zone: str | None = None
    next_from_ms: int | None = None


class SealStore(Protocol):
    """A method that writes is one transaction. Raises ``StorageUnavailable``."""

    def oldest_live_days(self) -> Sequence[LiveDay]:
        """One for each organization that has live cells, oldest first."""
        ...

    def seal(self, organization_id: str, day: date, *, now_ms: int) -> bool:
        """Write the daily rows from the ledger and remove the live cells.

        ``False`` when the day has no live cells, because it was sealed already or nothing was used;
        then nothing is written.
        """
        ...

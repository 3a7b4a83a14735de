"""Retention: what the ledger holds beyond the window, and dropping it piece by piece."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

__all__ = ["KeptLedger", "LedgerPart", "RetentionStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLedger:
    """An organization that has entries since ``first_day``, and its zones (IANA names):
    ``next_time_zone`` holds from ``next_from_ms`` on. ``oldest_live`` is its oldest day that is not
    sealed."""

    organization_id: str
    time_zone: str
    next_time_zone: str | None
    next_from_ms: int | None
    first_day: date
    oldest_live: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPart:
    """What can be dropped by itself, an organization's days or everybody's month, and the last day
    that every organization loses with it."""

    name: str
    through: Mapping[str, date]


class RetentionStore(Protocol):
    """Raises ``StorageUnavailable``. ``through`` is the last day that may go, by organization."""

    def make_months(self, *, at: date) -> int:
        """See that there is room for the entries of this month and the next; return how much was
        made."""
        ...

    def kept(self) -> Sequence[KeptLedger]: ...

    def parts(self, through: Mapping[str, date]) -> Sequence[LedgerPart]:
        """What has something to drop and nothing to keep, oldest first."""
        ...

    def drop(self, part: LedgerPart) -> bool:
        """Drop some of it in one short transaction that also says how far the ledger is gone; true
        while there is more. A part that has got something to keep in the meantime stays."""
        ...

    def drop_holds(self, through: Mapping[str, date], *, after: str) -> str | None:
        """Drop closed holds of those days among the next ones after ``after`` (first ``""``);
        return where to go on, ``None`` at the end."""
        ...

"""Everything that is stored about one call, wherever it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mai_usage_ext.ports.calls import Hold, HoldState, LedgerEntry, Outcome
from mai_usage_ext.ports.reconciliation import ReconciliationRecord

__all__ = ["Case", "CaseHold", "CaseStore", "DayTotals", "MonthTotals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHold:
    """``hold`` and what became of it; ``closed_at_ms`` is ``None`` while it keeps its money."""

    hold: Hold
    state: HoldState
    generation_id: str | None
    outcome: Outcome | None
    reason: str | None
    attempts: int
    closed_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotals:
    """A live cell, or a sealed day: ``source`` and ``sealed_at_ms`` are ``None`` for a cell."""

    requests: int
    raw_pusd: int
    billed_pusd: int
    source: str | None = None
    sealed_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthTotals:
    month: str
    spent_pusd: int
    held_pusd: int
    limit_pusd: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call. What is not there is ``None`` or empty.

    ``cell`` is the live cell it was added to, ``sealed`` its day once that is sealed, ``month`` the
    total that limits are compared with. ``broadcast`` is the finding and its reason;
    ``key_label`` is the label of the key it was made with, where an organization has that key.
    """

    organization_id: str
    organization_name: str
    time_zone: str
    day: date
    held: CaseHold | None = None
    entries: Sequence[LedgerEntry] = ()
    cell: DayTotals | None = None
    sealed: DayTotals | None = None
    month: MonthTotals | None = None
    line: ReconciliationRecord | None = None
    broadcast: tuple[str, str] | None = None
    key_label: str | None = None
    dropped_through: date | None = None


class CaseStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def find(self, any_id: str) -> Case | None:
        """By the id of a generation, or of a hold; ``None`` where neither is known."""
        ...

    def imported(self, generation_id: str) -> Mapping[str, object] | None:
        """What an import remembers of a generation that is no ledger entry."""
        ...

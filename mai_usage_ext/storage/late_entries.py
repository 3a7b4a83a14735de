"""Entries of days that are sealed: they go into the sealed rows, and the audit trail tells of it.

Adding is exact, because the rows are sums, and costs a few rows; adding up the whole day anew under
the month's lock would make everybody wait for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peewee import Database

from mai_usage_ext.metering.daily import DayPart, tally_of
from mai_usage_ext.metering.purposes import is_task
from mai_usage_ext.ports import SYSTEM, LedgerEntry
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.budgets import ORGANIZATION
from mai_usage_ext.storage.folding import amounts
from mai_usage_ext.storage.sealed_day_events import tell_of
from mai_usage_ext.storage.sealed_days import DayKey, SealedDays

__all__ = ["LateEntries", "SealedThrough", "sealed_through"]

SealedThrough = Mapping[tuple[str, str], str]
"""The last sealed ISO day of an organization's month, where it has one."""


def sealed_through(months: Iterable[tuple[Any, ...]]) -> SealedThrough:
    """From the rows of ``Reads.months``, which were read under their lock."""
    return {
        (organization_id, month): str(day)
        for organization_id, month, user_id, *_, day, _ in months
        if user_id == ORGANIZATION and day is not None
    }


class LateEntries:
    """Everything happens in the caller's transaction, which holds the months' locks."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._audit = AuditRows(db)
        self._days = SealedDays(db)

    def among(
        self, entries: Iterable[LedgerEntry], sealed: SealedThrough
    ) -> dict[DayKey, list[LedgerEntry]]:
        """Those whose day is sealed, by day. Asks nothing unless a later day of that month is."""
        late: dict[DayKey, list[LedgerEntry]] = {}
        for entry in entries:
            day = entry.day.isoformat()
            if day <= sealed.get((entry.organization_id, day[:7]), ""):
                late.setdefault((entry.organization_id, day), []).append(entry)
        return {key: some for key, some in late.items() if self._days.source(key)}

    def book(self, late: Mapping[DayKey, Sequence[LedgerEntry]], *, now_ms: int) -> None:
        """Add them to the rows of their days, and write one audit record for each day."""
        for key, entries in sorted(late.items()):
            version = self._days.version(key, now_ms=now_ms)
            self._days.add(key, tally_of(map(_part, entries)), now_ms=version)
            tell_of(self._db, key, is_reseal=True)
        # Last, because the end of the trail is locked from here on.
        for (organization_id, day), entries in sorted(late.items()):
            self._audit.append(
                at_ms=now_ms,
                actor=SYSTEM,
                action="day.reopened",
                target_kind="organization",
                target_id=organization_id,
                before=None,
                after={"day": day, "generations": len({one.generation_id for one in entries})},
            )


def _part(entry: LedgerEntry) -> DayPart:
    return DayPart(
        user_id=entry.user_id or "",
        model=entry.model,
        provider=entry.provider,
        is_task=is_task(entry.purpose),
        first_at_ms=entry.at_ms,
        last_at_ms=entry.at_ms,
        sums=tuple(amounts(entry)),
    )

"""Entries of days whose ledger was dropped.

Such a day takes nothing any more: its rows could not be added up anew, and a replay would not meet
the entry it repeats. What is still owed becomes an adjustment on today.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeGuard

from peewee import Database

from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import HoldState, LedgerEntry, Source
from mai_usage_ext.storage.budgets import ORGANIZATION
from mai_usage_ext.storage.changes import Change, Defer, Insist, Place, Settle
from mai_usage_ext.storage.folding import EntryKey, HoldRow, entry_key
from mai_usage_ext.storage.models import ClientMonthTotal, ClientOrganization
from mai_usage_ext.storage.partition import embedded_second, partition_day

__all__ = ["DroppedThrough", "below", "dropped_through", "moved", "owed", "presumed_booked"]

_DAY = timedelta(days=1)
# Two clocks may differ, but not by as much.
_STALE_MS = 2 * 86_400_000

DroppedThrough = Mapping[tuple[str, str], date]
"""The last day of an organization's month whose ledger was dropped, where there is one."""


def dropped_through(months: Iterable[tuple[Any, ...]]) -> DroppedThrough:
    """From the rows of ``Reads.months``, which were read under their lock."""
    return {
        (organization_id, month): day if isinstance(day, date) else date.fromisoformat(day)
        for organization_id, month, user_id, *_, day in months
        if user_id == ORGANIZATION and day is not None
    }


def below(changes: Sequence[Change], dropped: DroppedThrough) -> list[Settle]:
    """The settlements of days that are gone."""
    if not dropped:
        return []
    return [
        change
        for change in changes
        if isinstance(change, Settle) and change.entry.day <= _limit(dropped, change.entry)
    ]


def owed(
    settlements: Sequence[Settle], changes: Sequence[Change], rows: Mapping[str, HoldRow]
) -> list[Settle]:
    """Those that nobody can have booked before: their hold waits for them, or was closed without
    an entry, or they correct something. ``rows`` are the holds of ``changes`` as they are."""
    made_here = {c.hold.id for c in changes if isinstance(c, Place | Insist | Defer)}
    waiting = made_here | {
        row.id for row in rows.values() if not row.state.is_closed or row.state is HoldState.VOID
    }
    return [one for one in settlements if one.entry.sequence or one.hold.id in waiting]


def presumed_booked(
    db: Database, changes: Sequence[Change], gone: Iterable[Settle]
) -> set[EntryKey]:
    """Entries of ``gone`` days that are not owed, and generations that are days older than the hold
    that brings them and are of such a day by their own second.

    Holds outlive the ledger until they are closed, so what comes without one has been booked and
    comes again. To be asked after the ledger itself, which may be dropped in between.
    """
    keys = {entry_key(one.entry) for one in gone}
    keys |= {entry_key(one.entry) for one in changes if _is_stale(one) and _was_dropped(db, one)}
    if keys:
        tally.warn(
            "replays of a dropped ledger",
            f"{len(keys)} generations of days whose ledger was dropped came again",
        )
    return keys


def moved(
    db: Database, changes: Sequence[Change], some: Sequence[Settle], dropped: DroppedThrough,
    *, now_ms: int,
) -> list[Change]:  # fmt: skip
    """``changes`` with ``some`` of them booked as adjustments on their organization's today, or on
    the first day that is left where the clock says that today is gone."""
    zones = _zones(db, {one.entry.organization_id for one in some}, now_ms)
    chosen = {id(one) for one in some}
    result: list[Change] = []
    for change in changes:
        if isinstance(change, Settle) and id(change) in chosen:
            entry = change.entry
            today = billing_day(now_ms, zones[entry.organization_id])
            first_left = _limit(dropped, entry) + _DAY
            adjustment = replace(
                entry, day=max(today, first_left), at_ms=now_ms, source=Source.ADJUSTMENT
            )
            result.append(Settle(change.hold, adjustment))
        else:
            result.append(change)
    return result


def _is_stale(change: Change) -> TypeGuard[Settle]:
    """No call is days older than its hold."""
    if not isinstance(change, Settle) or change.entry.sequence:
        return False
    second = embedded_second(change.entry.generation_id)
    return second is not None and second * 1000 < change.hold.at_ms - _STALE_MS


def _was_dropped(db: Database, stale: Settle) -> bool:
    total: Any = ClientMonthTotal
    day = partition_day(stale.entry.generation_id, stale.hold.at_ms)
    # In its organization's zone it may have been the day before or after.
    months = {f"{day - _DAY:%Y-%m}", f"{day + _DAY:%Y-%m}"}
    query: Any = total.select(total.month).where(
        (total.organization_id == stale.entry.organization_id)
        & total.month.in_(sorted(months))
        & (total.user_id == ORGANIZATION)
        & (total.dropped_through >= day - _DAY)
    )
    return query.tuples().bind(db).first() is not None


def _limit(dropped: DroppedThrough, entry: LedgerEntry) -> date:
    return dropped.get((entry.organization_id, f"{entry.day:%Y-%m}"), date.min)


def _zones(db: Database, organization_ids: set[str], now_ms: int) -> dict[str, str]:
    row = ClientOrganization
    query: Any = row.select(
        row.id, row.timezone, row.next_timezone, row.next_timezone_from_ms
    ).where(row.id.in_(sorted(organization_ids)))
    return {
        organization_id: following if following and from_ms <= now_ms else zone
        for organization_id, zone, following, from_ms in query.tuples().bind(db)
    }

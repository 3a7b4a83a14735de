"""Calls of days long ago, sealed as they would be, for tests of what becomes of them."""

import uuid
from datetime import UTC, date, datetime
from typing import Any

from peewee import Database

from mai_usage_ext.ports import Hold, LedgerEntry
from mai_usage_ext.storage.changes import Change, Place, Settle
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.models import ClientMonthTotal, UsageHold, UsageLedger
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import session
from tests.storage.samples import make_entry, make_hold

NOON_MS = 43_200_000


def instant_of(day: date) -> int:
    """Noon of a UTC day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(midnight.timestamp() * 1000) + NOON_MS


def hold_on(organization: str, day: date, **changes: Any) -> Hold:
    """With an id that begins with its instant, as every real one does."""
    at_ms = instant_of(day)
    named = {"id": f"{at_ms:012x}{uuid.uuid4().hex[:16]}", "at_ms": at_ms}
    return make_hold(organization, day=day, month=f"{day:%Y-%m}", **{**named, **changes})


def commit(db: Database, *changes: Change, now_ms: int) -> list[Any]:
    return GroupCommit(db).commit(changes, now_ms=now_ms)


def call_on(db: Database, organization: str, day: date, **changes: Any) -> tuple[Hold, LedgerEntry]:
    """A call that was held and settled on its day."""
    hold = hold_on(organization, day)
    entry = make_entry(hold, **changes)
    assert commit(db, Place(hold), Settle(hold, entry), now_ms=hold.at_ms)[1] is True
    return hold, entry


def seal(db: Database, organization: str, *days: date) -> None:
    for day in days:
        assert SealRows(db).seal(organization, day, now_ms=instant_of(day) + 2 * NOON_MS)


def ledger_days(db: Database) -> list[tuple[str, date]]:
    """Organization and day of every entry."""
    with session(db):
        rows = UsageLedger.select().bind(db)
        return sorted((row.organization_id, row.day) for row in rows)


def hold_ids(db: Database) -> set[str]:
    with session(db):
        return {row.id for row in UsageHold.select(UsageHold.id).bind(db)}


def watermarks(db: Database) -> dict[tuple[str, str], date]:
    with session(db):
        return {
            (row.organization_id, row.month): row.dropped_through
            for row in ClientMonthTotal.select().bind(db)
            if row.dropped_through is not None
        }

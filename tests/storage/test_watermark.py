"""Below the watermark nothing is booked twice, and nothing that is owed is lost."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from peewee import Database

from mai_usage_ext.guard import tally
from mai_usage_ext.ports import Hold, HoldState, LedgerEntry, Source
from mai_usage_ext.storage.changes import Place, Settle, Void
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.models import ClientMonthTotal, ClientOrganization, UsageLedger
from mai_usage_ext.storage.retention import RetentionRows
from mai_usage_ext.storage.sessions import session, transaction, write
from tests.storage.books import hold_row, state_of
from tests.storage.daily import live_days, sealed_rows
from tests.storage.old_calls import (
    call_on,
    commit,
    hold_on,
    instant_of,
    ledger_days,
    seal,
    watermarks,
)
from tests.storage.samples import make_entry

OLD = date(2026, 1, 31)
TODAY = date(2026, 3, 20)
NOW_MS = instant_of(TODAY)

Call = tuple[Hold, LedgerEntry]


def drop(db: Database, organization: str, through: date) -> None:
    """Everything that was booked until then."""
    store = RetentionRows(db)
    for part in store.parts({organization: through}):
        while store.drop(part):
            pass


@pytest.fixture
def dropped(db: Database, organization: str) -> Call:
    """A call of a day whose ledger is gone, and its entry."""
    call = call_on(db, organization, OLD)
    seal(db, organization, OLD)
    drop(db, organization, OLD + timedelta(days=1))
    assert ledger_days(db) == []
    assert watermarks(db)[organization, "2026-01"] == OLD
    return call


def spent(db: Database, organization: str) -> dict[str, int]:
    with session(db):
        rows = ClientMonthTotal.select().where(ClientMonthTotal.organization_id == organization)
        return {row.month: row.spent_pusd for row in rows.bind(db) if row.spent_pusd}


def entries(db: Database) -> list[tuple[str, date, int, str]]:
    with session(db):
        return [
            (row.generation_id, row.day, row.at_ms, row.source)
            for row in UsageLedger.select().bind(db)
        ]


def test_a_replay_of_a_dropped_entry_is_a_no_op(
    db: Database,
    organization: str,
    dropped: Call,
) -> None:
    hold, entry = dropped
    before = spent(db, organization), sealed_rows(db)
    assert commit(db, Settle(hold, entry), now_ms=NOW_MS) == [False]
    while RetentionRows(db).drop_holds({organization: OLD}, after="") is not None:
        pass
    assert hold_row(db, hold.id) is None
    assert commit(db, Settle(hold, entry), now_ms=NOW_MS) == [False]
    assert (spent(db, organization), sealed_rows(db)) == before
    assert ledger_days(db) == []
    assert live_days(db) == set()
    assert tally["replays of a dropped ledger"] == 2


def test_a_replay_under_a_hold_of_today_is_a_no_op_too(
    db: Database,
    organization: str,
    dropped: Call,
) -> None:
    """The generation's own second tells its age."""
    _, entry = dropped
    fresh = hold_on(organization, TODAY)
    again = make_entry(fresh, entry.generation_id)
    assert commit(db, Place(fresh), Settle(fresh, again), now_ms=NOW_MS)[1] is False
    assert state_of(db, fresh.id) is HoldState.DUPLICATE
    assert ledger_days(db) == []
    assert spent(db, organization) == {"2026-01": entry.billed_pusd}


def test_an_old_generation_of_days_that_are_kept_is_booked(db: Database, organization: str) -> None:
    hold = hold_on(organization, TODAY)
    entry = make_entry(hold, f"gen-{instant_of(TODAY - timedelta(days=9)) // 1000}-x")
    assert commit(db, Place(hold), Settle(hold, entry), now_ms=NOW_MS)[1] is True


def test_a_hold_that_outlived_its_ledger_is_booked_today(db: Database, organization: str) -> None:
    late = hold_on(organization, OLD)
    commit(db, Place(late), now_ms=late.at_ms)
    _, booked = call_on(db, organization, OLD)
    seal(db, organization, OLD)
    drop(db, organization, OLD + timedelta(days=1))
    while RetentionRows(db).drop_holds({organization: OLD}, after="") is not None:
        pass
    assert state_of(db, late.id) is HoldState.OPEN, "what is owed is kept"
    sealed = sealed_rows(db)

    entry = make_entry(late)
    assert commit(db, Settle(late, entry), now_ms=NOW_MS) == [True]
    assert entries(db) == [(entry.generation_id, TODAY, NOW_MS, Source.ADJUSTMENT)]
    assert state_of(db, late.id) is HoldState.SETTLED
    assert spent(db, organization) == {
        "2026-01": booked.billed_pusd,
        "2026-03": entry.billed_pusd,
    }
    assert sealed_rows(db) == sealed
    assert live_days(db) == {(organization, TODAY)}
    with session(db):
        held = [row.held_pusd for row in ClientMonthTotal.select().bind(db)]
    assert set(held) == {0}
    assert commit(db, Settle(late, entry), now_ms=NOW_MS + 1) == [False]
    assert commit(db, Settle(late, replace(entry, day=TODAY)), now_ms=NOW_MS + 1) == [False]
    assert len(entries(db)) == 1


def test_an_answer_that_never_came_is_told_that_it_was_booked(
    db: Database, organization: str
) -> None:
    late = hold_on(organization, OLD)
    commit(db, Place(late), now_ms=late.at_ms)
    call_on(db, organization, OLD)
    seal(db, organization, OLD)
    drop(db, organization, OLD + timedelta(days=1))
    group, change = GroupCommit(db), Settle(late, make_entry(late))
    assert group.commit([change], now_ms=NOW_MS) == [True]
    assert group.commit([change], now_ms=NOW_MS, is_retry=True, in_doubt=True) == [True]
    assert len(entries(db)) == 1


def test_a_correction_becomes_an_adjustment_on_today(
    db: Database,
    organization: str,
    dropped: Call,
) -> None:
    hold, entry = dropped
    credit = replace(entry, sequence=1, raw_pusd=-5, billed_pusd=-7, source=Source.ADJUSTMENT)
    assert commit(db, Settle(hold, credit), now_ms=NOW_MS) == [True]
    assert entries(db) == [(entry.generation_id, TODAY, NOW_MS, Source.ADJUSTMENT)]
    assert commit(db, Settle(hold, credit), now_ms=NOW_MS) == [False]
    assert spent(db, organization) == {"2026-01": entry.billed_pusd, "2026-03": -7}


def test_a_void_call_that_was_billed_after_all(db: Database, organization: str) -> None:
    void = hold_on(organization, OLD)
    commit(db, Place(void), Void(void, reason="no answer"), now_ms=void.at_ms)
    call_on(db, organization, OLD)
    seal(db, organization, OLD)
    drop(db, organization, OLD + timedelta(days=1))
    assert commit(db, Settle(void, make_entry(void)), now_ms=NOW_MS) == [True]
    assert [day for _, day, _, _ in entries(db)] == [TODAY]


def test_today_is_the_organizations(
    db: Database,
    organization: str,
    dropped: Call,
) -> None:
    hold, entry = dropped
    zones = ClientOrganization.update(
        timezone="UTC",
        next_timezone="Pacific/Kiritimati",
        next_timezone_from_ms=NOW_MS,
    )
    with transaction(db):
        write(db, zones.where(ClientOrganization.id == organization))
    commit(db, Settle(hold, replace(entry, sequence=1)), now_ms=NOW_MS - 1)
    commit(db, Settle(hold, replace(entry, sequence=2)), now_ms=NOW_MS)
    assert [day for _, day, _, _ in entries(db)] == [TODAY, TODAY + timedelta(days=1)]


def test_a_clock_that_is_behind_the_watermark_books_on_the_first_day_left(
    db: Database,
    organization: str,
    dropped: Call,
) -> None:
    """Here that day is in the next month, whose row nobody had locked before."""
    hold = hold_on(organization, OLD)
    placed, settled = commit(
        db, Place(hold), Settle(hold, make_entry(hold)), now_ms=instant_of(OLD)
    )
    assert (placed.granted_pusd, settled) == (hold.estimate_pusd, True)
    assert ledger_days(db) == [(organization, OLD + timedelta(days=1))]


def test_the_same_group_may_hold_both(
    db: Database,
    organization: str,
    dropped: Call,
) -> None:
    hold, entry = dropped
    fresh = hold_on(organization, TODAY)
    results = commit(
        db,
        Place(fresh),
        Settle(hold, entry),
        Settle(hold, replace(entry, sequence=1)),
        Settle(fresh, make_entry(fresh)),
        now_ms=NOW_MS,
    )
    assert results[1:] == [False, True, True]
    assert ledger_days(db) == [(organization, TODAY)] * 2


def test_the_mark_only_moves_on(db: Database, organization: str, dropped: Call) -> None:
    store = RetentionRows(db)
    before = watermarks(db)
    with transaction(db):
        store._mark({organization: OLD - timedelta(days=3)})
    assert watermarks(db) == before

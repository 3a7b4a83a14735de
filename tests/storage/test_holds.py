"""Holds that settlement asks about, and those a dead process left."""

from dataclasses import replace
from datetime import timedelta

import pytest
from peewee import Database

from mai_usage_ext.ports import Hold, HoldState, Outcome
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.models import UsageProcess
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.books import hold_row, state_of
from tests.storage.counting import counted_statements
from tests.storage.samples import AT_MS, DAY, make_entry, make_hold


@pytest.fixture
def holds(db: Database) -> HoldRows:
    return HoldRows(db)


def defer(writer: LedgerWriter, hold: Hold, *, next_attempt_ms: int) -> None:
    writer.place(hold)
    writer.defer(
        hold,
        state=HoldState.PENDING,
        outcome=Outcome.CANCELLED,
        generation_id=f"gen-{hold.id}",
        reason="the stream was stopped",
        next_attempt_ms=next_attempt_ms,
        first_byte_ms=3,
        duration_ms=9,
    ).result(10)


def test_due_holds_come_whole_and_oldest_first(
    db: Database, organization: str, writer: LedgerWriter, holds: HoldRows
) -> None:
    late, early, not_yet = (make_hold(organization, user_id=None) for _ in range(3))
    for hold, next_attempt_ms in ((late, 200), (early, 100), (not_yet, 301)):
        defer(writer, hold, next_attempt_ms=next_attempt_ms)
    with counted_statements(db) as sent:
        due = holds.due(now_ms=300, limit=10)
    assert len(sent) == 1
    assert [pending.hold for pending in due] == [early, late]
    first = due[0]
    assert (first.generation_id, first.outcome, first.attempts, first.next_attempt_ms) == (
        (f"gen-{early.id}", Outcome.CANCELLED, 0, 100)
    )
    assert (first.first_byte_ms, first.duration_ms) == (3, 9)
    assert [pending.hold for pending in holds.due(now_ms=300, limit=1)] == [early]


def test_one_caller_only_gets_a_hold(
    db: Database, organization: str, writer: LedgerWriter, holds: HoldRows
) -> None:
    hold = make_hold(organization)
    defer(writer, hold, next_attempt_ms=100)
    [pending] = holds.due(now_ms=100, limit=10)
    assert holds.claim(pending, next_attempt_ms=500) is True
    assert holds.claim(pending, next_attempt_ms=500) is False
    assert holds.due(now_ms=499, limit=10) == []
    [again] = holds.due(now_ms=500, limit=10)
    assert again.attempts == 1
    assert holds.claim(again, next_attempt_ms=900) is True


def test_a_settled_hold_cannot_be_claimed(
    organization: str, writer: LedgerWriter, holds: HoldRows
) -> None:
    hold = make_hold(organization)
    defer(writer, hold, next_attempt_ms=100)
    [pending] = holds.due(now_ms=100, limit=10)
    writer.settle(hold, make_entry(hold, f"gen-{hold.id}")).result(10)
    assert holds.claim(pending, next_attempt_ms=500) is False


def test_orphans_are_those_whose_owner_has_no_lease(
    db: Database, organization: str, writer: LedgerWriter, holds: HoldRows
) -> None:
    living = make_hold(organization, owner="alive")
    identified = make_hold(organization, owner="dead")
    unidentified = make_hold(organization, owner="dead")
    nobodys = make_hold(organization, owner="never seen")
    settled = make_hold(organization, owner="dead")
    for hold in (living, identified, unidentified, nobodys, settled):
        writer.place(hold)
    writer.identify(identified, "gen-1")
    writer.settle(settled, make_entry(settled)).result(10)
    # Only now, since a writer that begins forgets processes of long ago.
    with transaction(db):
        for owner, until in (("alive", 1001), ("dead", 1000)):
            write(
                db,
                UsageProcess.insert(
                    id=owner,
                    hostname="h",
                    pid=1,
                    version="0.1.0",
                    started_at_ms=0,
                    lease_until_ms=until,
                ),
            )

    adopted = holds.adopt_orphans(now_ms=1000)
    assert adopted == {HoldState.PENDING: 1, HoldState.UNIDENTIFIED: 2}
    assert state_of(db, living.id) is HoldState.OPEN
    assert state_of(db, settled.id) is HoldState.SETTLED
    row = hold_row(db, identified.id)
    assert row is not None
    assert (row.state, row.outcome, row.next_attempt_ms) == ("pending", "cancelled", 1000)
    assert [pending.hold for pending in holds.due(now_ms=1000, limit=5)] == [identified]
    assert {state_of(db, hold.id) for hold in (unidentified, nobodys)} == {HoldState.UNIDENTIFIED}
    assert holds.adopt_orphans(now_ms=1000) == {HoldState.PENDING: 0, HoldState.UNIDENTIFIED: 0}


def test_counts_leave_out_what_is_closed(
    db: Database, organization: str, writer: LedgerWriter, holds: HoldRows
) -> None:
    open_one, voided, tomorrow = (make_hold(organization) for _ in range(3))
    tomorrow = replace(tomorrow, day=DAY + timedelta(days=1), at_ms=AT_MS + 86_400_000)
    pending = make_hold(organization)
    for hold in (open_one, voided, tomorrow):
        writer.place(hold)
    writer.void(voided, reason="an error answer")
    defer(writer, pending, next_attempt_ms=1)
    with counted_statements(db) as sent:
        assert holds.counts() == {HoldState.OPEN: 2, HoldState.PENDING: 1}
        assert holds.unsettled_on(organization, DAY) == 2
        assert holds.unsettled_on("another", DAY) == 0
    assert len(sent) == 3

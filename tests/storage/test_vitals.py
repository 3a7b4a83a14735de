"""What the database says of the meter's health, and what a commit says to whoever counts."""

from concurrent.futures import Future
from datetime import date

from peewee import Database

from mai_usage_ext.ports import HoldState, Outcome, SystemClock
from mai_usage_ext.ports.reconciliation import Figures, Finding, ReconciliationRecord
from mai_usage_ext.ports.vitals import CommitFacts, Unsettled
from mai_usage_ext.services.meter_counts import Durations, MeterCounts
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.vitals import VitalRows
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.conftest import MakeWriter
from tests.storage.samples import AT_MS, make_entry, make_hold


def line(day: date, key: str, ours: int, theirs: int) -> ReconciliationRecord:
    return ReconciliationRecord(
        day=day,
        key_hash=key,
        organization_id=None,
        finding=Finding.EXACT,
        reason="",
        is_below=False,
        captured=Figures(raw_pusd=ours),
        adjusted_pusd=0,
        provider=Figures(raw_pusd=theirs),
    )


def test_nothing_is_well(db: Database) -> None:
    found = VitalRows(db).look()
    assert (found.unsettled, found.capture) == ({}, None)
    assert found.backlogs == {"broadcast": 0, "webhooks": 0, "notifications": 0}
    assert abs(found.database_ms - SystemClock().now_ms()) < 60_000
    assert (found.free_bytes is not None) == is_sqlite(db)
    assert found.waiting == ()


def test_the_oldest_of_each_state_and_the_last_comparison(
    db: Database, writer: LedgerWriter, organization: str
) -> None:
    for ago in (0, 5_000, 9_000):
        hold = make_hold(organization, at_ms=AT_MS - ago)
        writer.place(hold).result(10)
        if ago == 9_000:
            writer.defer(
                hold,
                state=HoldState.UNIDENTIFIED,
                outcome=Outcome.CANCELLED,
                generation_id=None,
                reason="gone",
            ).result(10)
    rows = ReconciliationRows(db)
    rows.save(line(date(2026, 1, 18), "a", 1, 100))
    rows.save(line(date(2026, 1, 19), "a", 90, 100))
    rows.save(line(date(2026, 1, 19), "b", 5, 100))
    found = VitalRows(db, waiting=lambda: ["m9999"]).look()
    assert found.unsettled == {
        HoldState.OPEN: Unsettled(count=2, oldest_at_ms=AT_MS - 5_000),
        HoldState.UNIDENTIFIED: Unsettled(count=1, oldest_at_ms=AT_MS - 9_000),
    }
    assert found.capture is not None
    assert (found.capture.captured_pusd, found.capture.provider_pusd) == (95, 200)
    assert found.waiting == ("m9999",)


def test_a_commit_is_counted_once(make_writer: MakeWriter, organization: str) -> None:
    counts = MeterCounts(clock=SystemClock())
    writer = make_writer(observer=counts)  # type: ignore[arg-type]
    hold = make_hold(organization)
    waits: list[Future[object]] = [writer.place(hold)]  # type: ignore[list-item]
    entry = make_entry(hold)
    waits += [writer.settle(hold, entry), writer.settle(hold, entry)]  # type: ignore[list-item]
    for wait in waits:
        wait.result(10)
    writer.stop(5)
    found = counts.look()
    assert (found.holds_placed, found.holds_refused) == (1, 0)
    assert dict(found.settled) == {Outcome.COMPLETED: 1}
    assert (found.raw_pusd, found.billed_pusd) == (entry.raw_pusd, entry.billed_pusd)
    assert found.last_settled_ms is not None
    assert found.commits.total >= 1
    assert found.commits.sum_s > 0


def test_durations_fall_into_their_class() -> None:
    durations = Durations()
    for seconds in (0.0005, 0.001, 0.0011, 99):
        durations.note(seconds)
    found = durations.look()
    assert (found.counts[0], found.counts[1], found.counts[-1], found.total) == (2, 1, 1, 4)


def test_a_commit_without_entries_settles_nothing() -> None:
    counts = MeterCounts(clock=SystemClock())
    counts.committed(CommitFacts(seconds=0.1, changes=1, placed=0, refused=1, entries=[]))
    assert counts.look().last_settled_ms is None
    assert counts.look().holds_refused == 1

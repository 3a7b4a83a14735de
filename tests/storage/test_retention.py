"""What is dropped, what stays, and who waits meanwhile."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from unittest import mock

import pytest
from peewee import Database

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.storage.changes import Place, Settle, Void
from mai_usage_ext.storage.database import close_database, is_sqlite, open_database
from mai_usage_ext.storage.models import ClientOrganization
from mai_usage_ext.storage.partitions import LEDGER, months_of
from mai_usage_ext.storage.retention import Batch, RetentionRows
from mai_usage_ext.storage.sessions import execute, transaction, write
from mai_usage_ext.storage.usage import UsageRows
from tests.storage.books import read_books
from tests.storage.conftest import MakeWriter
from tests.storage.daily import sealed_rows
from tests.storage.old_calls import (
    call_on,
    commit,
    hold_ids,
    hold_on,
    ledger_days,
    seal,
    watermarks,
)
from tests.storage.samples import make_entry, make_organization

only_postgres = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
ONE_DAY = timedelta(days=1)
DEC_31, JAN_1, JAN_31 = date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31)
FEB_1, MAR_1 = date(2026, 2, 1), date(2026, 3, 1)
DAYS = (DEC_31, JAN_1, JAN_31, FEB_1, MAR_1)


def drop_all(store: RetentionRows, through: Mapping[str, date]) -> list[str]:
    """Names of the parts, as the service goes through them."""
    parts = store.parts(through)
    after: str | None = ""
    while parts and after is not None:
        after = store.drop_holds(through, after=after)
    for part in parts:
        while store.drop(part):
            pass
    return [part.name for part in parts]


def used(db: Database, *organizations: str) -> list[object]:
    """What the usage routes answer."""
    return [UsageRows(db).by_day(one, first=DEC_31, last=MAR_1) for one in organizations]


@pytest.fixture
def acme(db: Database) -> str:
    """An organization with a call on each of DAYS, all but the last one sealed."""
    name = make_organization(db)
    for day in DAYS:
        call_on(db, name, day)
    seal(db, name, *DAYS[:-1])
    return name


def test_what_is_kept(db: Database, acme: str) -> None:
    empty = make_organization(db, "Empty")
    [kept] = RetentionRows(db).kept()
    assert (kept.organization_id, kept.first_day, kept.oldest_live) == (acme, DEC_31, MAR_1)
    assert (kept.time_zone, kept.next_time_zone, kept.next_from_ms) == ("UTC", None, None)
    zones = ClientOrganization.update(next_timezone="Asia/Tokyo", next_timezone_from_ms=5)
    with transaction(db):
        write(db, zones.where(ClientOrganization.id == acme))
    call_on(db, empty, MAR_1)
    first, second = sorted(RetentionRows(db).kept(), key=lambda one: one.first_day)
    assert (first.next_time_zone, first.next_from_ms) == ("Asia/Tokyo", 5)
    assert second.organization_id == empty


def test_the_figures_of_dropped_days_stay(db: Database, acme: str) -> None:
    before, sealed = used(db, acme), sealed_rows(db)
    assert drop_all(RetentionRows(db), {acme: FEB_1})
    assert used(db, acme) == before
    assert sealed_rows(db) == sealed


def test_days_through_the_last_one_go(db: Database, acme: str) -> None:
    """PostgreSQL keeps the rest of a month whose last day has to stay."""
    drop_all(RetentionRows(db), {acme: JAN_31})
    left = [FEB_1, MAR_1] if is_sqlite(db) else [JAN_1, JAN_31, FEB_1, MAR_1]
    assert [day for _, day in ledger_days(db)] == left
    marks = {(acme, "2025-12"): DEC_31}
    if is_sqlite(db):
        marks[acme, "2026-01"] = JAN_31
    assert watermarks(db) == marks

    drop_all(RetentionRows(db), {acme: FEB_1})
    left = [MAR_1] if is_sqlite(db) else [FEB_1, MAR_1]
    assert [day for _, day in ledger_days(db)] == left
    assert watermarks(db)[acme, "2026-01"] == JAN_31
    assert drop_all(RetentionRows(db), {}) == []


def test_another_organizations_days_keep_a_month(db: Database, acme: str) -> None:
    other = make_organization(db, "Other")
    call_on(db, other, JAN_1)
    drop_all(RetentionRows(db), {acme: FEB_1})
    kept = {(other, JAN_1), (acme, MAR_1)}
    if not is_sqlite(db):
        kept |= {(acme, JAN_1), (acme, JAN_31), (acme, FEB_1)}
    assert set(ledger_days(db)) == kept
    seal(db, other, JAN_1)
    drop_all(RetentionRows(db), {acme: FEB_1, other: FEB_1})
    assert {one for one in ledger_days(db) if one[1] < FEB_1} == set()


@only_postgres
def test_days_of_the_next_month_go_with_the_month_they_were_filed_under(
    db: Database, organization: str
) -> None:
    """West of Greenwich the first day's noon is another month's; the mark says so."""
    hold = hold_on(organization, FEB_1, at_ms=hold_on(organization, JAN_31).at_ms)
    commit(db, Place(hold), Settle(hold, make_entry(hold)), now_ms=hold.at_ms)
    seal(db, organization, FEB_1)
    store = RetentionRows(db)
    assert store.parts({organization: JAN_31}) == []
    assert drop_all(store, {organization: FEB_1}) == ["usage_ledger_2026_01"]
    assert watermarks(db) == {(organization, "2026-02"): FEB_1}


def test_a_day_that_is_not_sealed_keeps_what_is_before_it(db: Database, acme: str) -> None:
    """It came back after somebody had looked."""
    store = RetentionRows(db)
    parts = store.parts({acme: FEB_1})
    call_on(db, acme, JAN_1 + ONE_DAY)
    before = ledger_days(db)
    for part in parts:
        if part.through[acme] > JAN_1:
            assert store.drop(part) is False
    assert ledger_days(db) == before
    assert (acme, "2026-01") not in watermarks(db)


def test_a_month_that_got_an_entry_meanwhile_stays(db: Database, acme: str) -> None:
    store = RetentionRows(db)
    parts = store.parts({acme: FEB_1})
    other = make_organization(db, "Other")
    call_on(db, other, DEC_31)
    seal(db, other, DEC_31)
    for part in parts:
        while store.drop(part):
            pass
    assert (other, DEC_31) in ledger_days(db)
    assert (other, "2025-12") not in watermarks(db)


def test_closed_holds_of_those_days_go_and_open_ones_stay(db: Database, acme: str) -> None:
    void, waiting = hold_on(acme, JAN_1), hold_on(acme, JAN_1)
    commit(db, Place(void), Place(waiting), Void(void, reason="no answer"), now_ms=void.at_ms)
    other = make_organization(db, "Other")
    theirs, _ = call_on(db, other, JAN_1)
    store = RetentionRows(db)
    store.hold_batch.size = 2
    assert len(hold_ids(db)) == len(DAYS) + 3
    drop_all(store, {acme: FEB_1})
    left = hold_ids(db)
    assert len(left) == 3
    assert {waiting.id, theirs.id} <= left
    assert tally["holds dropped"] == 5


def test_a_transaction_that_fails_leaves_entries_and_mark(db: Database, acme: str) -> None:
    before = ledger_days(db)
    store = RetentionRows(db)
    [part, *_] = store.parts({acme: FEB_1})
    failing = mock.patch(
        "mai_usage_ext.storage.retention.execute", side_effect=StorageUnavailable("cut off")
    )
    with failing, pytest.raises(StorageUnavailable):
        store.drop(part)
    assert ledger_days(db) == before
    assert watermarks(db) == {}


def test_it_may_run_twice(db: Database, acme: str) -> None:
    one, other = RetentionRows(db), RetentionRows(db)
    through = {acme: FEB_1}
    parts = other.parts(through)
    drop_all(one, through)
    before = ledger_days(db), watermarks(db)
    for part in parts:
        if is_sqlite(db):
            assert other.drop(part) is False
        else:
            with pytest.raises(StorageUnavailable, match="does not exist"):
                other.drop(part)
    assert (ledger_days(db), watermarks(db)) == before


@only_postgres
def test_who_reads_is_not_waited_for_and_makes_nobody_wait(
    db: Database, acme: str, database_url: str
) -> None:
    reader = open_database(database_url)
    store = RetentionRows(db)
    [part, *_] = store.parts({acme: FEB_1})
    with transaction(reader):
        execute(reader, f"SELECT COUNT(*) FROM {LEDGER}").fetchone()
        with pytest.raises(StorageUnavailable, match="lock timeout"):
            store.drop(part)
        assert watermarks(db) == {}
        call_on(db, acme, MAR_1)
    assert store.drop(part) is False
    assert part.name not in months_of(db, LEDGER)
    close_database(reader)


def test_calls_go_on_meanwhile(db: Database, organization: str, make_writer: MakeWriter) -> None:
    for day in (DEC_31, JAN_1):
        changes = []
        for _ in range(200):
            hold = hold_on(organization, day)
            changes += [Place(hold), Settle(hold, make_entry(hold))]
        commit(db, *changes, now_ms=hold.at_ms)
        seal(db, organization, day)
    store = RetentionRows(db)
    store.batch = store.hold_batch = Batch(size=10, aim_s=0.0)

    def drop_in_the_end() -> None:
        """As the job does, whose next run finds what this one could not have."""
        while any(day < FEB_1 for _, day in ledger_days(db)):
            with suppress(StorageUnavailable):
                drop_all(store, {organization: FEB_1})

    dropping = threading.Thread(target=drop_in_the_end, daemon=True)
    writer = make_writer()
    dropping.start()
    holds = [hold_on(organization, MAR_1) for _ in range(300)]
    for hold in holds:
        writer.place(hold)
    assert all(writer.settle(hold, make_entry(hold)).result(30) for hold in holds)
    dropping.join(60)
    assert not dropping.is_alive()
    assert [day for _, day in ledger_days(db)] == [MAR_1] * 300
    assert read_books(db, organization).held == 0


def test_batches_follow_the_time_they_take() -> None:
    batch = Batch(aim_s=0.010, size=100)
    batch.adapt(0.001)
    assert batch.size == 125, "it grows slowly"
    batch.adapt(0.040)
    assert batch.size == 31, "and shrinks at once"
    for _ in range(100):
        batch.adapt(1.0)
    assert batch.size == 20
    for _ in range(100):
        batch.adapt(0.0)
    assert batch.size == 1_000

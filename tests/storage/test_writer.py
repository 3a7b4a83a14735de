"""The writer on both databases: every call once, and the sums of four tables agree."""

import asyncio
from datetime import date

from peewee import Database

from mai_usage_ext.ports import HoldState, Outcome
from mai_usage_ext.storage.models import ClientLiveCounter, UsageHold, UsageLedger, UsageProcess
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.books import eventually, hold_row, read_books, state_of
from tests.storage.conftest import MakeWriter
from tests.storage.samples import AT_MS, DAY, make_entry, make_hold, make_organization


def test_a_call_is_held_and_settled(db: Database, organization: str, writer: LedgerWriter) -> None:
    hold = make_hold(organization)
    assert writer.place(hold).result(10).granted_pusd == hold.estimate_pusd
    books = read_books(db, organization)
    assert (books.held, books.spent) == (hold.estimate_pusd, 0)

    entry = make_entry(hold)
    assert writer.settle(hold, entry).result(10) is True
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.held, books.spent, books.entries) == (0, entry.billed_pusd, 1)
    assert state_of(db, hold.id) is HoldState.SETTLED
    assert (writer.healthy, writer.last_error, writer.depth) == (True, None, 0)


def test_every_column_arrives(db: Database, organization: str, writer: LedgerWriter) -> None:
    hold = make_hold(organization, user_id=None, model="acme/модель", fee_pusd=5)
    entry = make_entry(
        hold, "gen-1754821845-κλειδί'\"\\", outcome=Outcome.FAILED, first_byte_ms=None
    )
    writer.place(hold).result(10)
    row = hold_row(db, hold.id)
    assert row is not None
    assert (row.user_id, row.model, row.day, row.month, row.at_ms, row.owner, row.attempts) == (
        ("", "acme/модель", DAY, "2026-01", AT_MS, "process-1", 0)
    )
    writer.settle(hold, entry).result(10)
    with session(db):
        booked = UsageLedger.select().bind(db).get()
    assert booked.__data__ == {
        "generation_id": entry.generation_id,
        "sequence": 0,
        "partition_day": date(2025, 8, 10),
        "organization_id": organization,
        "user_id": "",
        "model": "acme/модель",
        "provider": "Acme",
        "purpose": "chat",
        "day": DAY,
        "at_ms": AT_MS,
        "prompt_tokens": 8174,
        "completion_tokens": 30,
        "cached_tokens": 12,
        "reasoning_tokens": 7,
        "raw_pusd": 326_960_001,
        "billed_pusd": 425_048_001,
        "rate_micro": 1_300_000,
        "fee_pusd": 5,
        "outcome": "failed",
        "source": "stream",
        "first_byte_ms": None,
        "duration_ms": 1900,
        "booked_at_ms": AT_MS + 1900,
        "key_hash": "",
    }


def test_large_amounts_stay_exact(db: Database, organization: str, writer: LedgerWriter) -> None:
    hold = make_hold(organization, estimate_pusd=4_000_000_000_000_000_001)
    entry = make_entry(hold, billed_pusd=4_000_000_000_000_000_003, raw_pusd=9_007_199_254_740_993)
    writer.place(hold)
    writer.settle(hold, entry).result(10)
    books = read_books(db, organization)
    books.assert_balanced()
    assert books.spent == 4_000_000_000_000_000_003
    with session(db):
        assert UsageLedger.select().bind(db).get().raw_pusd == 9_007_199_254_740_993


def test_replays_are_no_ops_for_the_money(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    hold, again = make_hold(organization), make_hold(organization)
    entry = make_entry(hold)
    writer.place(hold)
    writer.place(again)
    assert writer.settle(hold, entry).result(10) is True
    before = read_books(db, organization)
    assert writer.settle(hold, entry).result(10) is False
    assert writer.settle(again, make_entry(again, entry.generation_id)).result(10) is False
    assert state_of(db, again.id) is HoldState.DUPLICATE
    after = read_books(db, organization)
    after.assert_balanced()
    assert (after.spent, after.entries, after.held) == (before.spent, 1, 0)


def test_a_call_without_a_price_keeps_its_money_until_it_has_one(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    hold = make_hold(organization)
    writer.place(hold)
    writer.identify(hold, "gen-7")
    writer.defer(
        hold,
        state=HoldState.PENDING,
        outcome=Outcome.CANCELLED,
        generation_id=None,
        reason="the stream was stopped",
        next_attempt_ms=77,
        duration_ms=8,
    ).result(10)
    row = hold_row(db, hold.id)
    assert row is not None
    assert (row.state, row.generation_id, row.outcome) == ("pending", "gen-7", "cancelled")
    assert (row.reason, row.next_attempt_ms, row.duration_ms) == ("the stream was stopped", 77, 8)
    assert read_books(db, organization).held == hold.estimate_pusd
    assert writer.settle(hold, make_entry(hold, "gen-7")).result(10) is True
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.held, books.entries) == (0, 1)


def test_a_void_hold_frees_its_money(db: Database, organization: str, writer: LedgerWriter) -> None:
    hold = make_hold(organization)
    writer.place(hold)
    writer.void(hold, reason="upstream answered 401").result(10)
    writer.void(hold, reason="again").result(10)
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.held, books.spent) == (0, 0)
    row = hold_row(db, hold.id)
    assert row is not None
    assert (row.state, row.reason) == ("void", "upstream answered 401")


def test_what_is_queued_before_the_start_is_written_in_order(
    db: Database, organization: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(start=False)
    holds = [make_hold(organization, user_id=f"user-{n % 3}") for n in range(600)]
    settled = []
    for hold in holds:
        writer.place(hold)
        writer.identify(hold, f"gen-{hold.id}")
        settled.append(writer.settle(hold, make_entry(hold, f"gen-{hold.id}")))
    assert writer.depth == 1800
    writer.start()
    assert all(future.result(30) for future in settled)
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (600, 0)
    with session(db):
        assert ClientLiveCounter.select().bind(db).count() == 3
        assert UsageHold.select().where(UsageHold.state == "settled").bind(db).count() == 600


def test_organizations_are_kept_apart(db: Database, writer: LedgerWriter) -> None:
    organizations = [make_organization(db, name) for name in ("Zeta", "Acme", "Mid")]
    futures = []
    for number in range(90):
        hold = make_hold(organizations[number % 3], month=f"2026-0{1 + number % 2}")
        futures.append(writer.place(hold))
        if number % 5:
            futures.append(writer.settle(hold, make_entry(hold)))
    for future in futures:
        future.result(30)
    for organization in organizations:
        books = read_books(db, organization)
        books.assert_balanced()
        assert (books.entries, books.held) == (24, 6 * 1_000_000)


async def test_a_waiter_that_gives_up_takes_nothing_back(
    db: Database, organization: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(start=False)
    hold = make_hold(organization)
    future = writer.place(hold)
    waiter = asyncio.ensure_future(asyncio.wrap_future(future))
    await asyncio.sleep(0)
    waiter.cancel()
    writer.start()
    await asyncio.to_thread(future.result, 10)
    assert waiter.cancelled() or waiter.cancelling()
    assert state_of(db, hold.id) is HoldState.OPEN


def test_the_lease_is_there_before_the_first_hold_and_ends_with_the_writer(
    db: Database, organization: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(owner="process-9")
    writer.place(make_hold(organization, owner="process-9")).result(10)
    before = _lease(db)
    assert before.lease_until_ms - before.started_at_ms >= 15_000
    assert writer.stop(10) == 0
    assert _lease(db).lease_until_ms < before.lease_until_ms


def test_an_idle_writer_prolongs_its_lease(db: Database, make_writer: MakeWriter) -> None:
    make_writer(owner="process-9", lease_ms=300)
    eventually(lambda: _lease_until(db) > 0)
    first = _lease_until(db)
    eventually(lambda: _lease_until(db) > first)


def test_a_new_process_forgets_those_of_long_ago(db: Database, make_writer: MakeWriter) -> None:
    with transaction(db):
        write(
            db,
            UsageProcess.insert(
                id="long ago", hostname="h", pid=1, version="", started_at_ms=0, lease_until_ms=1
            ),
        )
    make_writer(owner="process-9")
    eventually(lambda: _lease_until(db) > 1)
    assert _lease(db).id == "process-9"


def _lease(db: Database) -> UsageProcess:
    with session(db):
        return UsageProcess.select().bind(db).get()


def _lease_until(db: Database) -> int:
    with session(db):
        row = UsageProcess.select().bind(db).first()
    return 0 if row is None else row.lease_until_ms

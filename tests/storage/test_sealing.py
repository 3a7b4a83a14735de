"""Sealed days: the rows are the ledger's, whatever comes before, between and after."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import Database

from mai_usage_ext import guard
from mai_usage_ext.errors import StorageError
from mai_usage_ext.ports import LedgerEntry, LiveDay, Member, Outcome, Role
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.models import (
    ClientLiveCounter,
    ClientOrganization,
    ClientUserDailyUsage,
)
from mai_usage_ext.storage.pricing import PriceRows
from mai_usage_ext.storage.sealed_days import SealedDays
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import execute, session, transaction, write
from mai_usage_ext.storage.usage import UsageRows
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.counting import counted_statements
from tests.storage.daily import (
    NOW_MS,
    YESTERDAY,
    assert_as_the_ledger,
    book,
    entry_on,
    expected_rows,
    live_days,
    sealed_rows,
)
from tests.storage.samples import AT_MS, DAY, make_entry, make_hold, make_organization


def test_a_day_becomes_its_rows(db: Database, organization: str) -> None:
    title = entry_on(organization, DAY, purpose="title", user_id="bob", at_ms=AT_MS + 5)
    book(
        db,
        entry_on(organization, DAY),
        title,
        replace(title, generation_id="gen-x", outcome=Outcome.FAILED, user_id=None),
        replace(title, generation_id="gen-y", outcome=Outcome.CANCELLED, first_byte_ms=None),
        replace(title, generation_id="gen-z", provider="Zeta", purpose="chat", duration_ms=None),
        entry_on(organization, YESTERDAY),
    )
    before = UsageRows(db).by_day(organization, first=YESTERDAY, last=DAY)
    models = PriceRows(db).month_by_model(organization, f"{DAY:%Y-%m}")
    assert SealRows(db).seal(organization, DAY, now_ms=NOW_MS)

    assert_as_the_ledger(db, (organization, DAY))
    [day] = sealed_rows(db).days.values()
    assert day[0] == 5
    assert day[-6:] == (3, 3 * title.billed_pusd, 2, 1, AT_MS, AT_MS + 5)
    assert live_days(db) == {(organization, YESTERDAY)}
    assert UsageRows(db).by_day(organization, first=YESTERDAY, last=DAY) == before
    assert PriceRows(db).month_by_model(organization, f"{DAY:%Y-%m}") == models
    assert guard.tally["live counters that were wrong"] == 0


def test_sealing_twice_changes_nothing(db: Database, organization: str) -> None:
    book(db, entry_on(organization, DAY))
    seals = SealRows(db)
    assert seals.seal(organization, DAY, now_ms=NOW_MS)
    rows = sealed_rows(db)
    assert not seals.seal(organization, DAY, now_ms=NOW_MS + 1)
    assert not seals.seal(organization, YESTERDAY, now_ms=NOW_MS)
    assert sealed_rows(db) == rows


def test_the_ledger_wins_over_a_wrong_counter(db: Database, organization: str) -> None:
    book(db, entry_on(organization, DAY))
    with transaction(db):
        write(db, ClientLiveCounter.update(billed_pusd=ClientLiveCounter.billed_pusd + 1))
    assert SealRows(db).seal(organization, DAY, now_ms=NOW_MS)
    assert_as_the_ledger(db, (organization, DAY))
    assert guard.tally["live counters that were wrong"] == 1


def test_what_is_booked_while_the_ledger_is_added_up_is_not_lost(
    db: Database, organization: str
) -> None:
    book(db, entry_on(organization, DAY))
    seals = SealRows(db)
    real, seen = seals._ledger, []

    def slow(key: tuple[str, str]) -> object:
        tally = real(key)
        if not seen:
            book(db, entry_on(organization, DAY, user_id="bob"))
        seen.append(tally.requests)
        return tally

    with mock.patch.object(seals, "_ledger", slow):
        assert seals.seal(organization, DAY, now_ms=NOW_MS)
    assert seen == [1, 2]
    assert_as_the_ledger(db, (organization, DAY))


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
def test_a_long_reading_may_take_longer_than_other_statements(
    db: Database, organization: str
) -> None:
    book(db, entry_on(organization, DAY))
    seals, seen = SealRows(db), list[str]()
    real = seals._ledger

    def look(key: tuple[str, str]) -> object:
        seen.append(execute(db, "SHOW statement_timeout").fetchone()[0])
        return real(key)

    with mock.patch.object(seals, "_ledger", look):
        assert seals.seal(organization, DAY, now_ms=NOW_MS)
    with session(db):
        look((organization, DAY.isoformat()))
    assert seen == ["10min", "30s"]


def test_a_failure_leaves_the_day_as_it_was(db: Database, organization: str) -> None:
    book(db, entry_on(organization, DAY))
    seals = SealRows(db)
    with (
        mock.patch.object(SealedDays, "_note", side_effect=StorageError("cut off")),
        pytest.raises(StorageError),
    ):
        seals.seal(organization, DAY, now_ms=NOW_MS)
    assert sealed_rows(db).days == {}
    assert live_days(db) == {(organization, DAY)}


def test_a_free_call_alone_in_its_month_can_be_sealed_and_followed(
    db: Database, organization: str
) -> None:
    free = entry_on(organization, DAY, raw_pusd=0, billed_pusd=0)
    book(db, free)
    assert SealRows(db).seal(organization, DAY, now_ms=NOW_MS)
    book(db, entry_on(organization, DAY))
    assert_as_the_ledger(db, (organization, DAY))
    assert live_days(db) == set()


def test_sealed_users_carry_their_names_of_the_day(db: Database, organization: str) -> None:
    members = MemberRows(db)
    for from_ms, to_ms, name in ((1, 5, "old"), (5, None, "new")):
        members.add(
            Member(
                organization_id=organization,
                user_id="ada",
                role=Role.MEMBER,
                openrouter_user_id=name,
                valid_from_ms=from_ms,
                valid_to_ms=to_ms,
                source="admin",
                created_at_ms=1,
            )
        )
    book(db, entry_on(organization, DAY), entry_on(organization, DAY, user_id="bob"))
    SealRows(db).seal(organization, DAY, now_ms=NOW_MS)
    book(db, entry_on(organization, DAY, user_id="eve"), entry_on(organization, DAY))
    with session(db):
        rows = ClientUserDailyUsage.select().bind(db)
        names = {row.user_id: row.openrouter_user_id for row in rows}
    assert names == {"ada": "new", "bob": None, "eve": None}


def test_a_user_who_is_gone_stays_gone(db: Database, organization: str) -> None:
    book(db, entry_on(organization, DAY), entry_on(organization, YESTERDAY))
    seals = SealRows(db)
    seals.seal(organization, YESTERDAY, now_ms=NOW_MS)
    MemberRows(db).pseudonymise("ada", "someone-1", user_hash="h", now_ms=NOW_MS)
    seals.seal(organization, DAY, now_ms=NOW_MS)
    assert_as_the_ledger(db, (organization, YESTERDAY), (organization, DAY))
    assert {key[2] for key in sealed_rows(db).users} == {"someone-1"}


def test_the_oldest_live_day_of_each_organization(db: Database, organization: str) -> None:
    seals = SealRows(db)
    assert seals.oldest_live_days() == []
    other = make_organization(db, "Zeta")
    with transaction(db):
        change = ClientOrganization.update(next_timezone="Asia/Kolkata", next_timezone_from_ms=7)
        write(db, change.where(ClientOrganization.id == other))
    for owner, day in ((organization, DAY), (other, DAY), (other, YESTERDAY)):
        book(db, entry_on(owner, day))
    with counted_statements(db) as sent:
        found = seals.oldest_live_days()
    assert len(sent) == 1
    assert found == [
        LiveDay(
            organization_id=other,
            day=YESTERDAY,
            time_zone="UTC",
            next_time_zone="Asia/Kolkata",
            next_from_ms=7,
        ),
        LiveDay(organization_id=organization, day=DAY, time_zone="UTC"),
    ]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("seal"), st.integers(0, 2)),
        st.tuples(
            st.just("book"),
            st.lists(
                st.tuples(
                    st.integers(0, 2),  # the day
                    st.sampled_from(["ada", "bob", None]),
                    st.sampled_from(["acme/1", "zeta/1"]),
                    st.sampled_from(["Acme", "Zeta"]),
                    st.sampled_from(["chat", "title"]),
                    st.sampled_from(list(Outcome)),
                    st.integers(0, 10**12),  # billed
                    st.integers(0, 86_399_999),  # within the day
                    st.one_of(st.none(), st.integers(0, 900)),
                ),
                min_size=1,
                max_size=4,
            ),
        ),
    ),
    max_size=8,
)


@given(steps=STEPS)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_no_order_of_booking_and_sealing_changes_a_sum(
    db: Database, steps: Sequence[tuple[str, object]]
) -> None:
    """The last of three days is the first of a month."""
    owner = make_organization(db)
    days = [date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1)]
    sealed: set[tuple[str, date]] = set()
    booked: dict[date, int] = {}
    for step, what in steps:
        if step == "seal":
            day = days[what]  # type: ignore[call-overload]
            if SealRows(db).seal(owner, day, now_ms=NOW_MS):
                sealed.add((owner, day))
        else:
            entries = [_entry(owner, days, drawn) for drawn in what]  # type: ignore[attr-defined]
            book(db, *entries)
            for entry in entries:
                booked[entry.day] = booked.get(entry.day, 0) + entry.billed_pusd
        read = UsageRows(db).by_day(owner, first=days[0], last=days[-1])
        assert {day: totals.billed_pusd for day, totals in read.items()} == booked
        assert live_days(db).isdisjoint(sealed)
        by_model = [
            PriceRows(db).month_by_model(owner, month).values() for month in ("2026-01", "2026-02")
        ]
        assert sum(sums[2] for month in by_model for sums in month) == sum(booked.values())
    mine = expected_rows(db, sealed)
    all_rows = sealed_rows(db)
    assert {key: row for key, row in all_rows.days.items() if key[0] == owner} == mine.days
    assert {key: row for key, row in all_rows.users.items() if key[0] == owner} == mine.users
    assert {key: row for key, row in all_rows.models.items() if key[0] == owner} == mine.models


def _entry(owner: str, days: list[date], drawn: tuple[object, ...]) -> LedgerEntry:
    number, user_id, model, provider, purpose, outcome, billed, within, first_byte = drawn
    day = days[number]  # type: ignore[call-overload]
    return entry_on(
        owner,
        day,
        user_id=user_id,
        model=model,
        provider=provider,
        purpose=purpose,
        outcome=outcome,
        billed_pusd=billed,
        at_ms=AT_MS + (day - DAY).days * 86_400_000 + within,  # type: ignore[operator]
        first_byte_ms=first_byte,
    )


def test_writers_and_two_sealers_at_once(
    db: Database, organization: str, make_writer: "type[LedgerWriter]"
) -> None:
    """Two leaders for a moment, while two processes book: nothing is lost, nothing stands twice."""
    writers = [make_writer(owner=f"process-{number}") for number in range(2)]
    failures: list[BaseException] = []
    is_over = threading.Event()

    def seal_on_and_on() -> None:
        seals = SealRows(db)
        try:
            # Not without a pause: on SQLite nobody else would ever get the write lock.
            while not is_over.wait(0.02):
                seals.seal(organization, DAY, now_ms=NOW_MS)
        except BaseException as error:  # noqa: BLE001 - the test's own thread must hear of it
            failures.append(error)

    sealers = [threading.Thread(target=seal_on_and_on) for _ in range(2)]
    for sealer in sealers:
        sealer.start()
    try:
        booked = [
            writer.settle(
                hold := make_hold(organization, user_id=f"user-{n % 3}"), make_entry(hold)
            )
            for n in range(60)
            for writer in writers
        ]
        assert all(future.result(60) for future in booked)
    finally:
        is_over.set()
        for sealer in sealers:
            sealer.join(60)
    assert failures == []
    with suppress(StorageError):
        SealRows(db).seal(organization, DAY, now_ms=NOW_MS)
    assert_as_the_ledger(db, (organization, DAY))
    assert live_days(db) == set()
    read = UsageRows(db).by_day(organization, first=DAY, last=DAY)
    assert read[DAY].requests == 120

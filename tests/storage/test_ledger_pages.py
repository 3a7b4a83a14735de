"""The ledger page by page: everything once, in order, and nothing that came after the beginning."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from peewee import Database

from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports import LedgerEntry
from mai_usage_ext.ports.ledger_pages import LedgerDay
from mai_usage_ext.ports.usage import UsageQuery
from mai_usage_ext.storage.ledger_pages import LedgerPageRows
from mai_usage_ext.storage.models import ClientMonthTotal
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import AT_MS, DAY, make_entry, make_hold, make_organization

JANUARY = UsageQuery(first=date(2026, 1, 1), last=date(2026, 1, 31))


def book(
    writer: LedgerWriter,
    organization: str,
    *,
    count: int,
    day: date = DAY,
    user: str | None = "ada",
) -> list[LedgerEntry]:
    entries = []
    for number in range(count):
        hold = make_hold(organization, day=day, user_id=user, at_ms=AT_MS + number)
        entry = make_entry(hold, raw_pusd=number, booked_at_ms=AT_MS + number)
        writer.place(hold).result(10)
        assert writer.settle(hold, entry).result(10)
        entries.append(entry)
    return entries


def read(
    pages: LedgerPageRows,
    query: UsageQuery = JANUARY,
    *,
    user_id: str | None = None,
    until_ms: int = 2**62,
) -> list[LedgerEntry]:
    return [
        entry
        for day in pages.days(query)
        for entry in pages.entries(day, user_id=user_id, until_ms=until_ms)
    ]


@pytest.mark.parametrize("rows_in_a_page", [1, 3, 7, 8, 100])
def test_every_entry_comes_once_and_whole(
    db: Database, organization: str, writer: LedgerWriter, rows_in_a_page: int
) -> None:
    other = make_organization(db, "Other")
    booked = book(writer, organization, count=7)
    booked += book(writer, organization, count=2, day=DAY + timedelta(days=1), user=None)
    booked += book(writer, other, count=3)
    found = read(LedgerPageRows(db, rows_in_a_page=rows_in_a_page))
    assert found == sorted(
        booked, key=lambda one: (one.organization_id, one.day, one.generation_id)
    )


def test_corrections_of_one_generation_follow_it(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    hold = make_hold(organization)
    first = make_entry(hold)
    writer.place(hold).result(10)
    writer.settle(hold, first).result(10)
    more = [replace(first, sequence=number, billed_pusd=-number) for number in (1, 2, 3)]
    for entry in more:
        writer.settle(hold, entry).result(10)
    found = read(LedgerPageRows(db, rows_in_a_page=2))
    assert [one.sequence for one in found] == [0, 1, 2, 3]


def test_what_is_asked_for(db: Database, organization: str, writer: LedgerWriter) -> None:
    other = make_organization(db, "Other")
    book(writer, organization, count=2)
    book(writer, organization, count=1, user=None)
    book(writer, organization, count=4, day=date(2026, 2, 1))
    book(writer, other, count=3)
    pages = LedgerPageRows(db)
    assert len(read(pages)) == 6
    mine = replace(JANUARY, organization_id=organization)
    assert len(read(pages, mine)) == 3
    assert [one.user_id for one in read(pages, mine, user_id="")] == [None]
    assert len(read(pages, mine, user_id="ada")) == 2
    assert read(pages, replace(JANUARY, organization_id="nobody")) == []
    assert pages.days(mine) == [LedgerDay(organization_id=organization, day=DAY, requests=3)]
    assert pages.first_day() == DAY


def test_it_stops_at_the_newest_entry_of_its_beginning(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    booked = book(writer, organization, count=4)
    pages = LedgerPageRows(db, rows_in_a_page=2)
    until_ms = pages.newest_ms(JANUARY)
    assert until_ms == booked[-1].booked_at_ms
    [day] = pages.days(JANUARY)
    reading = pages.entries(day, user_id=None, until_ms=until_ms)
    seen = [next(reading)]
    hold = make_hold(organization, at_ms=AT_MS + 9)
    writer.place(hold).result(10)
    writer.settle(hold, make_entry(hold, booked_at_ms=until_ms + 1)).result(10)
    seen += reading
    assert {one.generation_id for one in seen} == {one.generation_id for one in booked}


def test_nothing_is_held_between_pages(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    book(writer, organization, count=3)
    pages = LedgerPageRows(db, rows_in_a_page=1)
    [day] = pages.days(JANUARY)
    for _ in pages.entries(day, user_id=None, until_ms=2**62):
        assert db.is_closed()


def test_of_nothing_there_is_nothing(db: Database) -> None:
    pages = LedgerPageRows(db)
    assert (read(pages), pages.first_day(), pages.newest_ms(JANUARY)) == ([], None, 0)


def test_days_that_were_dropped_are_named(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    book(writer, organization, count=1)
    total = ClientMonthTotal
    with transaction(db):
        write(db, total.update(dropped_through=date(2026, 1, 3)).where(total.user_id == ""))
    with pytest.raises(BadInput, match=r"from is '2026-01-01'; expected 2026-01-04 or later"):
        LedgerPageRows(db).days(JANUARY)
    assert len(read(LedgerPageRows(db), replace(JANUARY, first=date(2026, 1, 4)))) == 1

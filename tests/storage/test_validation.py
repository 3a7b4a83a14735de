"""Sums added up anew: what is well stays unnamed, what was changed by hand is named."""

from datetime import timedelta
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.ports import SystemClock
from mai_usage_ext.services.validation import Validation
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientLiveCounter,
    ClientModelDailyUsage,
    ClientMonthTotal,
    ClientUserDailyUsage,
    UsageLedger,
)
from mai_usage_ext.storage.month_totals import MonthTotalRows
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.validation import DayRows
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.daily import NOW_MS, YESTERDAY
from tests.storage.samples import DAY, make_entry, make_hold


def book(writer: LedgerWriter, organization: str, **changes: Any) -> None:
    hold = make_hold(organization, **changes)
    writer.place(hold).result(10)
    writer.settle(hold, make_entry(hold)).result(10)


@pytest.fixture
def books(db: Database, writer: LedgerWriter, organization: str) -> str:
    """Yesterday is sealed, today is not."""
    earlier = {"day": YESTERDAY, "at_ms": 1_768_903_200_000 - 86_400_000}
    for user in ("ada", None, "ben"):
        book(writer, organization, user_id=user)
        book(writer, organization, user_id=user, **earlier)
    SealRows(db).seal(organization, YESTERDAY, now_ms=NOW_MS)
    return organization


def change(db: Database, query: Any) -> None:
    with transaction(db):
        assert write(db, query) >= 1


def test_books_that_fit(db: Database, books: str) -> None:
    checked = DayRows(db).check(books)
    assert (checked.days, checked.differences) == (2, [])


def test_a_live_cell_that_was_changed(db: Database, books: str) -> None:
    cell = ClientLiveCounter
    change(db, cell.update(billed_pusd=cell.billed_pusd + 5).where(cell.user_id == "ada"))
    [found] = DayRows(db).check(books).differences
    assert (found.day, found.where, found.place[0]) == (DAY, "live counters", "ada")
    assert dict(found.stored) == {"billed_pusd": 425_048_006}
    assert dict(found.recomputed) == {"billed_pusd": 425_048_001}


def test_a_live_cell_that_is_gone(db: Database, books: str) -> None:
    change(db, ClientLiveCounter.delete().where(ClientLiveCounter.user_id == "ben"))
    [found] = DayRows(db).check(books).differences
    assert found.stored["requests"] == 0
    assert found.recomputed["requests"] == 1


@pytest.mark.parametrize(
    ("table", "where"),
    [
        (ClientDailyUsage, "sealed day"),
        (ClientUserDailyUsage, "sealed users"),
        (ClientModelDailyUsage, "sealed models"),
    ],
)
def test_a_sealed_row_that_was_changed(db: Database, books: str, table: Any, where: str) -> None:
    change(db, table.update(prompt_tokens=table.prompt_tokens + 1).where(table.day == YESTERDAY))
    [found] = DayRows(db).check(books).differences
    assert (found.day, found.where) == (YESTERDAY, where)
    assert set(found.stored) == {"prompt_tokens"}


def test_an_entry_that_is_gone(db: Database, books: str) -> None:
    change(db, UsageLedger.delete().where(UsageLedger.user_id == "ada"))
    found = {(one.day, one.where) for one in DayRows(db).check(books).differences}
    sealed = {(YESTERDAY, name) for name in ("sealed day", "sealed users", "sealed models")}
    assert found == {(DAY, "live counters"), *sealed}


def test_days_that_the_ledger_let_go_are_not_looked_at(db: Database, books: str) -> None:
    change(db, UsageLedger.delete().where(UsageLedger.day == YESTERDAY))
    month = ClientMonthTotal.update(dropped_through=YESTERDAY)
    change(db, month.where(ClientMonthTotal.user_id == ""))
    checked = DayRows(db).check(books)
    assert (checked.days, checked.differences) == (1, [])


def test_imported_days_have_no_ledger(db: Database, books: str) -> None:
    change(db, UsageLedger.delete().where(UsageLedger.day == YESTERDAY))
    change(db, ClientDailyUsage.update(source="imported"))
    assert DayRows(db).check(books).differences == []


def test_the_report_of_all_organizations(db: Database, books: str) -> None:
    seen: list[tuple[int, int]] = []
    validation = Validation(DayRows(db), MonthTotalRows(db), clock=SystemClock())
    report = validation.run(progress=lambda done, total: seen.append((done, total)))
    assert report.is_well
    assert (report.organizations, report.days, seen) == (1, 2, [(1, 1)])
    total = ClientMonthTotal
    change(db, total.update(spent_pusd=total.spent_pusd + 7))
    report = validation.run()
    assert not report.is_well
    [month] = report.month_differences
    assert month.spent_pusd - month.used_pusd == 7


def test_a_day_of_nobody_else(db: Database, books: str, writer: LedgerWriter) -> None:
    book(writer, books, day=DAY + timedelta(days=1))
    assert DayRows(db).check("another").days == 0
    assert DayRows(db).check(books).days == 3

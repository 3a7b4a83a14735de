"""What comes for a day that is sealed: it goes into its day, and the audit trail says so."""

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest
from peewee import Database

from mai_usage_ext import guard
from mai_usage_ext.errors import StorageError
from mai_usage_ext.ports import AuditFilter, Source
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.changes import Place, Settle
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.models import ClientMonthTotal, UsageLedger
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.usage import UsageRows
from tests.storage.counting import counted_statements
from tests.storage.daily import (
    NOW_MS,
    YESTERDAY,
    assert_as_the_ledger,
    book,
    entry_on,
    hold_of,
    live_days,
    sealed_rows,
)
from tests.storage.samples import AT_MS, DAY

ALL = AuditFilter()


def reopened(db: Database) -> list[tuple[str, object, object]]:
    """Organization, day and generations of the audit records, oldest first."""
    records = AuditRows(db).page(ALL, offset=0, limit=1000)
    assert {record.action for record in records} <= {"day.reopened"}
    assert {record.actor.kind for record in records} <= {"system"}
    return [
        (one.target_id, (one.after or {})["day"], (one.after or {})["generations"])
        for one in reversed(records)
    ]


def test_a_cell_on_a_sealed_day_is_sealed_in(db: Database, organization: str) -> None:
    """A process of an older version, which knows nothing of sealed days, left it there."""
    book(db, entry_on(organization, DAY))
    seals = SealRows(db)
    seals.seal(organization, DAY, now_ms=NOW_MS)
    with mock.patch("mai_usage_ext.storage.groups.sealed_through", return_value={}):
        book(db, entry_on(organization, DAY, user_id="bob"))
    assert live_days(db) == {(organization, DAY)}
    assert seals.seal(organization, DAY, now_ms=NOW_MS + 1)
    assert_as_the_ledger(db, (organization, DAY))
    assert live_days(db) == set()
    assert guard.tally["live counters that were wrong"] == 0


def test_a_cell_on_a_day_whose_ledger_is_gone_is_added_to_it(
    db: Database, organization: str
) -> None:
    first, stray = entry_on(organization, DAY), entry_on(organization, DAY, user_id="bob")
    book(db, first)
    seals = SealRows(db)
    seals.seal(organization, DAY, now_ms=NOW_MS)
    with transaction(db):
        write(db, UsageLedger.delete())
        write(db, ClientMonthTotal.update(dropped_through=DAY))
    unaware = "mai_usage_ext.storage.groups"
    with (
        mock.patch(f"{unaware}.sealed_through", return_value={}),
        mock.patch(f"{unaware}.dropped_through", return_value={}),
    ):
        book(db, stray)
    assert seals.seal(organization, DAY, now_ms=NOW_MS + 1)
    assert live_days(db) == set()
    [day] = sealed_rows(db).days.values()
    assert (day[0], day[8]) == (2, first.billed_pusd + stray.billed_pusd)
    assert {key[2] for key in sealed_rows(db).users} == {"ada", "bob"}


def test_a_correction_of_a_sealed_day_stands_in_it(db: Database, organization: str) -> None:
    entry = entry_on(organization, DAY)
    book(db, entry, entry_on(organization, YESTERDAY))
    seals = SealRows(db)
    for day in (YESTERDAY, DAY):
        seals.seal(organization, day, now_ms=NOW_MS)
    untouched = {key: row for key, row in sealed_rows(db).days.items() if key[1] == YESTERDAY}
    nothing = dict.fromkeys(("prompt_tokens", "completion_tokens", "cached_tokens"), 0)
    correction = replace(
        entry, sequence=1, raw_pusd=-4, billed_pusd=-5, source=Source.ADJUSTMENT, **nothing
    )
    assert book(db, correction) == [True]
    assert_as_the_ledger(db, (organization, YESTERDAY), (organization, DAY))
    assert untouched.items() <= sealed_rows(db).days.items()
    assert reopened(db) == [(organization, DAY.isoformat(), 1)]
    assert book(db, correction) == [False], "a replay"
    assert len(reopened(db)) == 1
    read = UsageRows(db).by_day(organization, first=DAY, last=DAY)
    assert read[DAY].billed_pusd == entry.billed_pusd - 5


def test_a_late_entry_goes_into_its_day_and_is_audited(db: Database, organization: str) -> None:
    book(db, entry_on(organization, DAY), entry_on(organization, YESTERDAY))
    seals = SealRows(db)
    for day in (YESTERDAY, DAY):
        seals.seal(organization, day, now_ms=NOW_MS)
    late = entry_on(
        organization, YESTERDAY, user_id="bob", model="zeta/1", purpose="tags", at_ms=AT_MS - 9
    )
    usual = entry_on(organization, DAY + timedelta(days=1))
    again = replace(late, sequence=1, billed_pusd=-5, raw_pusd=-4)
    assert book(db, late, again, usual) == [True, True, True]

    assert_as_the_ledger(db, (organization, YESTERDAY), (organization, DAY))
    assert live_days(db) == {(organization, usual.day)}
    assert reopened(db) == [(organization, YESTERDAY.isoformat(), 1)]
    assert book(db, late) == [False], "a replay"
    assert_as_the_ledger(db, (organization, YESTERDAY), (organization, DAY))
    assert len(reopened(db)) == 1
    spent = ClientMonthTotal.select().where(ClientMonthTotal.user_id == "").bind(db)
    with session(db):
        ledger = sum(one.billed_pusd for one in UsageLedger.select().bind(db))
        assert sum(row.spent_pusd for row in spent) == ledger


def test_a_late_entry_and_its_audit_record_are_one_transaction(
    db: Database, organization: str
) -> None:
    book(db, entry_on(organization, DAY))
    SealRows(db).seal(organization, DAY, now_ms=NOW_MS)
    rows = sealed_rows(db)
    with (
        mock.patch.object(AuditRows, "append", side_effect=StorageError("no head")),
        pytest.raises(StorageError),
    ):
        book(db, entry_on(organization, DAY))
    assert sealed_rows(db) == rows
    assert_as_the_ledger(db, (organization, DAY))


def test_a_day_of_a_sealed_month_that_nobody_used_is_live(db: Database, organization: str) -> None:
    book(db, entry_on(organization, DAY))
    SealRows(db).seal(organization, DAY, now_ms=NOW_MS)
    book(db, entry_on(organization, YESTERDAY))
    assert live_days(db) == {(organization, YESTERDAY)}
    assert reopened(db) == []
    assert SealRows(db).seal(organization, YESTERDAY, now_ms=NOW_MS)
    book(db, entry_on(organization, DAY))
    assert_as_the_ledger(db, (organization, YESTERDAY), (organization, DAY))


def test_who_is_not_late_asks_nothing_more(db: Database, organization: str) -> None:
    commit = GroupCommit(db)
    book(db, entry_on(organization, YESTERDAY))
    SealRows(db).seal(organization, YESTERDAY, now_ms=NOW_MS)
    entry = entry_on(organization, DAY)
    with counted_statements(db) as peewees:
        commit.commit([Place(hold := hold_of(entry)), Settle(hold, entry)], now_ms=NOW_MS)
    assert not [sql for sql in peewees if "client_daily_usage" in sql]

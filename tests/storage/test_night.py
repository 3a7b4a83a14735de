"""Days that several processes seal while others go on booking, and a sealer that is killed."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from peewee import Database, fn

from mai_usage_ext.ports import AuditFilter
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.changes import Settle
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.models import ClientMonthTotal, UsageLedger
from mai_usage_ext.storage.month_totals import MonthTotalRows
from mai_usage_ext.storage.pricing import PriceRows
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import execute, session
from mai_usage_ext.storage.usage import UsageRows
from tests.storage.daily import expected_rows, live_days, sealed_rows
from tests.storage.night import DAYS, NOW_MS
from tests.storage.samples import DAY, MONTH, make_entry, make_hold

CALLS = 100
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs, and kills those that have not ended when the test is over."""
    started: list[subprocess.Popen[str]] = []

    def begin(*command: object) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.storage.night", *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
            process.communicate(timeout=60)


def ended(process: "subprocess.Popen[str]") -> str:
    """What it printed, after its input has ended."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@contextmanager
def one_instant(db: Database) -> Iterator[None]:
    """All that is read in it is of one and the same instant."""
    with session(db), db.atomic():
        if not is_sqlite(db):
            execute(db, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").close()
        yield


def ledger_by_day(db: Database, organization: str) -> dict[date, tuple[int, int]]:
    entry = UsageLedger
    query: Any = entry.select(entry.day, fn.COUNT(entry.day), fn.SUM(entry.billed_pusd))
    rows = query.where(entry.organization_id == organization).group_by(entry.day)
    return {
        day if isinstance(day, date) else date.fromisoformat(day): (int(calls), int(billed))
        for day, calls, billed in rows.tuples().bind(db)
    }


def assert_every_reading_is_the_ledgers(db: Database, organization: str) -> int:
    """Compare what three readers see with the ledger; return how many calls there were."""
    with one_instant(db):
        ledger = ledger_by_day(db, organization)
        days = UsageRows(db).by_day(organization, first=DAYS[0], last=DAY)
        models = PriceRows(db).month_by_model(organization, MONTH)
        total: Any = ClientMonthTotal
        spent = total.select(fn.COALESCE(fn.SUM(total.spent_pusd), 0)).bind(db).scalar()
    billed = sum(pusd for _, pusd in ledger.values())
    assert {day: (used.requests, used.billed_pusd) for day, used in days.items()} == ledger
    assert sum(sums[2] for sums in models.values()) == billed
    assert int(spent) == billed
    # It is one statement, so it needs no such transaction.
    assert MonthTotalRows(db).differences(organization, users_since=DAY) == []
    return sum(calls for calls, _ in ledger.values())


def test_every_instant_of_a_night_adds_up(
    db: Database, database_url: str, organization: str, start: Start
) -> None:
    sealers = [start("seal", database_url, organization) for _ in range(2)]
    bookers = [start("book", database_url, f"process-{n}", organization, CALLS) for n in range(2)]
    seen: defaultdict[int, int] = defaultdict(int)
    while any(process.poll() is None for process in bookers):
        seen[assert_every_reading_is_the_ledgers(db, organization)] += 1
    for process in bookers:
        ended(process)
    assert sum(int(ended(process)) for process in sealers) >= len(DAYS)
    assert len(seen) > 3, "it was looked at while it grew"

    for day in DAYS:
        SealRows(db).seal(organization, day, now_ms=NOW_MS)
    assert assert_every_reading_is_the_ledgers(db, organization) == 2 * CALLS
    assert live_days(db) == set()
    assert sealed_rows(db) == expected_rows(db, {(organization, day) for day in DAYS})
    late = AuditRows(db).page(AuditFilter(), offset=0, limit=1_000)
    assert {record.action for record in late} == {"day.reopened"}


@pytest.mark.parametrize("point", ["read", "written"])
def test_a_sealer_that_is_killed_leaves_the_day_to_the_next(
    db: Database, database_url: str, organization: str, start: Start, point: str
) -> None:
    hold = make_hold(organization)
    commit = GroupCommit(db)
    assert commit.commit([Settle(hold, make_entry(hold))], now_ms=NOW_MS) == [True]
    sealer = start("stop", database_url, organization, point)
    assert sealer.stdout is not None
    assert sealer.stdout.readline() == f"{point}\n"
    sealer.kill()
    sealer.communicate(timeout=60)

    assert sealed_rows(db).days == {}
    assert live_days(db) == {(organization, DAY)}
    assert SealRows(db).seal(organization, DAY, now_ms=NOW_MS)
    assert sealed_rows(db) == expected_rows(db, {(organization, DAY)})
    assert_every_reading_is_the_ledgers(db, organization)

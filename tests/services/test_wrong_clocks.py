"""A process whose clock is wrong: what becomes of its days, its leases and its holds.

Money is exact whatever the clocks say. What moves is the day that a call is booked on, which is the
day its own process believed in.
"""

import asyncio
from collections.abc import Iterator

import pytest
from peewee import Database

from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import Hold, HoldState
from mai_usage_ext.services.recovery import Recovery
from mai_usage_ext.services.retention import Retention
from mai_usage_ext.services.sealing import Sealing
from mai_usage_ext.storage.clock import DatabaseClock, EarlierClock
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.lease import Lease
from mai_usage_ext.storage.month_totals import MonthTotalRows
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.retention import RetentionRows
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.usage import UsageRows
from mai_usage_ext.storage.writer import LedgerWriter
from tests.services.office import DAY_MS, Clock
from tests.storage.books import read_books, state_of
from tests.storage.daily import expected_rows, live_days, sealed_rows
from tests.storage.samples import make_entry, make_hold, make_organization

HOUR_MS, LEASE_MS = 3_600_000, 30_000


class Process:
    """A writer with a clock of its own, ``ahead_ms`` of the database's."""

    def __init__(self, db: Database, name: str, *, ahead_ms: int = 0) -> None:
        self.clock = Clock()
        self.clock.at_ms = DatabaseClock(db).now_ms() + ahead_ms
        self.name = name
        self.writer = LedgerWriter(db, owner=name, clock=self.clock, lease_ms=LEASE_MS)
        self.writer.start()

    def hold(self, organization: str) -> Hold:
        at_ms = self.clock.at_ms
        day = billing_day(at_ms, "UTC")
        hold = make_hold(organization, owner=self.name, at_ms=at_ms, day=day, month=f"{day:%Y-%m}")
        assert self.writer.place(hold).result(20).granted_pusd is not None
        return hold

    def settle(self, hold: Hold) -> bool:
        return self.writer.settle(hold, make_entry(hold)).result(20)


@pytest.fixture
def processes(db: Database) -> Iterator[dict[str, Process]]:
    started = {
        "right": Process(db, "right"),
        "ahead": Process(db, "ahead", ahead_ms=2 * DAY_MS),
        "behind": Process(db, "behind", ahead_ms=-2 * DAY_MS),
    }
    yield started
    for process in started.values():
        process.writer.stop(20)


@pytest.fixture
def organization(db: Database) -> str:
    return make_organization(db)


def test_each_books_on_the_day_it_believes_in_and_all_of_it_once(
    db: Database, organization: str, processes: dict[str, Process]
) -> None:
    holds = {name: process.hold(organization) for name, process in processes.items()}
    for name, process in processes.items():
        assert process.settle(holds[name])
    read_books(db, organization).assert_balanced()
    days = {name: hold.day for name, hold in holds.items()}
    assert days["behind"] < days["right"] < days["ahead"]

    clock = EarlierClock(db, processes["ahead"].clock)
    sealing = Sealing(SealRows(db), grace_ms=0, clock=clock)
    assert asyncio.run(sealing.run_once()) == 1, "a leader whose clock is ahead seals what is over"
    assert live_days(db) == {(organization, days["right"]), (organization, days["ahead"])}
    late = processes["behind"].hold(organization)
    assert processes["behind"].settle(late), "late for everybody else"
    assert sealed_rows(db) == expected_rows(db, {(organization, late.day)})
    read = UsageRows(db).by_day(organization, first=days["behind"], last=days["ahead"])
    assert [read[day].requests for day in sorted(read)] == [2, 1, 1]
    assert MonthTotalRows(db).differences(organization, users_since=days["behind"]) == []

    behind = EarlierClock(db, processes["behind"].clock)
    assert asyncio.run(Sealing(SealRows(db), grace_ms=0, clock=behind).run_once()) == 0


def test_a_clock_that_is_ahead_drops_nothing(
    db: Database, organization: str, processes: dict[str, Process]
) -> None:
    """Even where everything is sealed, as by somebody whose clock was wrong as well."""
    right = processes["right"]
    hold = right.hold(organization)
    assert right.settle(hold)
    ahead = Clock()
    ahead.at_ms = right.clock.at_ms + 400 * DAY_MS
    asyncio.run(Sealing(SealRows(db), grace_ms=0, clock=ahead).run_once())
    assert live_days(db) == set()

    def dropped(clock: Clock | EarlierClock) -> int:
        retention = Retention(
            RetentionRows(db),
            ReconciliationRows(db),
            ledger_days=35,
            management_key=lambda: None,
            clock=clock,
            pause_s=0,
        )
        return asyncio.run(retention.run_once())

    assert dropped(EarlierClock(db, ahead)) == 0
    assert read_books(db, organization).entries == 1
    assert dropped(ahead) > 0, "which one clock alone would have done"
    assert read_books(db, organization).entries == 0


def test_who_is_behind_is_taken_for_dead_and_settles_all_the_same(
    db: Database, organization: str, processes: dict[str, Process]
) -> None:
    process = processes["behind"]
    hold = process.hold(organization)
    adopted = Recovery(HoldRows(db), clock=processes["right"].clock).run_once()
    assert adopted[HoldState.UNIDENTIFIED] == 1
    assert process.settle(hold)
    assert state_of(db, hold.id) is HoldState.SETTLED
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (1, 0)


def test_who_takes_others_for_dead_does_them_no_harm(
    db: Database, organization: str, processes: dict[str, Process]
) -> None:
    hold = processes["right"].hold(organization)
    Recovery(HoldRows(db), clock=processes["ahead"].clock).run_once()
    assert processes["right"].settle(hold)
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (1, 0)


def test_a_dead_process_that_was_ahead_is_found_when_its_own_lease_is_over(
    db: Database, organization: str, processes: dict[str, Process]
) -> None:
    """And a living one is right again as soon as its clock is."""
    hold = processes["ahead"].hold(organization)
    holds, right = HoldRows(db), processes["right"].clock
    assert not any(holds.adopt_orphans(now_ms=right.at_ms + DAY_MS).values())
    lease = Lease(db, owner="ahead", version="1.0", clock=right, lease_ms=LEASE_MS)
    lease.renew()
    adopted = holds.adopt_orphans(now_ms=right.at_ms + LEASE_MS)
    assert adopted[HoldState.UNIDENTIFIED] == 1
    assert state_of(db, hold.id) is HoldState.UNIDENTIFIED
    assert read_books(db, organization).held == hold.estimate_pusd, "its money stays held"

"""Several processes, several threads, one database."""

import subprocess
import sys
import threading
from concurrent.futures import Future

from peewee import Database

from mai_usage_ext.ports import HoldState
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.models import UsageHold
from mai_usage_ext.storage.sessions import session
from mai_usage_ext.storage.writer import LedgerWriter
from mai_usage_ext.version import __version__
from tests.storage.books import read_books
from tests.storage.conftest import MakeWriter
from tests.storage.samples import make_entry, make_hold, make_organization

PROCESSES, CALLS = 3, 400


def run_together(*commands: list[str]) -> list[int]:
    """What the programs print; all of them run at once."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.storage.crowd", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    results = [(process, *process.communicate(timeout=120)) for process in running]
    for process, _, err in results:
        assert process.returncode == 0, err
    return [int(out) for _, out, _ in results]


def test_several_processes_book_every_generation_once(db: Database, database_url: str) -> None:
    organizations = [make_organization(db, name) for name in ("Acme", "Zeta")]
    booked = run_together(
        *(
            ["settle", database_url, f"process-{n}", ",".join(organizations), str(CALLS)]
            for n in range(PROCESSES)
        )
    )
    assert sum(booked) == CALLS
    books = [read_books(db, organization) for organization in organizations]
    for one in books:
        one.assert_balanced()
        assert one.held == 0
    assert sum(one.entries for one in books) == CALLS
    assert sum(one.spent for one in books) == sum(1000 + n for n in range(CALLS))
    with session(db):
        states = [row.state for row in UsageHold.select(UsageHold.state).bind(db)]
    assert states.count("settled") == CALLS
    assert states.count("duplicate") == CALLS * (PROCESSES - 1)


def test_several_processes_may_migrate_at_once(empty_db: Database, empty_database_url: str) -> None:
    applied = run_together(*(["migrate", empty_database_url] for _ in range(4)))
    states = Migrator(empty_db, version=__version__).status()
    assert sum(applied) == len(states)
    assert all(state.is_known and state.applied_at_ms for state in states)


def test_many_threads_may_use_one_writer(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    futures: list[Future[bool]] = []

    def call() -> None:
        for _ in range(50):
            hold = make_hold(organization)
            writer.place(hold).result(30)
            futures.append(writer.settle(hold, make_entry(hold)))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(future.result(30) for future in futures)
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (400, 0)


def test_recovery_and_a_late_writer_agree_on_one_hold(
    db: Database, organization: str, make_writer: MakeWriter
) -> None:
    """A process that was only paused settles a hold that was taken from it meanwhile."""
    paused, living = make_writer(owner="paused"), make_writer(owner="living")
    hold = make_hold(organization, owner="paused")
    paused.place(hold).result(10)
    paused.identify(hold, "gen-5")
    paused.settle(make_hold(organization), make_entry(make_hold(organization))).result(10)
    a_day_later = 2**42
    adopted = HoldRows(db).adopt_orphans(now_ms=a_day_later)
    assert adopted[HoldState.PENDING] == 1
    entry = make_entry(hold, "gen-5")
    results = [writer.settle(hold, entry) for writer in (living, paused)]
    assert sorted(future.result(10) for future in results) == [False, True]
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (2, 0)

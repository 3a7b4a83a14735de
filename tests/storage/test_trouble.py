"""What goes wrong around the writer: nothing is lost, nothing blocks the rest, all is counted."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from peewee import Database

from mai_usage_ext.errors import QueueFull, StorageError, StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import HoldState
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.usage import UsageRows
from mai_usage_ext.storage.writer import LedgerWriter
from mai_usage_ext.version import __version__
from tests.storage.books import eventually, read_books, state_of
from tests.storage.conftest import MakeWriter
from tests.storage.samples import make_entry, make_hold, make_organization
from tests.workshop.postgres import PostgresServer


@pytest.fixture
def sqlite_db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(f"sqlite:///{tmp_path}/usage.db", owned=True)
    Migrator(db, version=__version__).up()
    yield db
    close_database(db)


def test_a_locked_database_loses_nothing(sqlite_db: Database, tmp_path: Path) -> None:
    organization = make_organization(sqlite_db)
    writer = LedgerWriter(sqlite_db, owner="process-1")
    writer.start()
    first = make_hold(organization)
    writer.place(first).result(10)

    other = sqlite3.connect(tmp_path / "usage.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    futures = [writer.settle(first, make_entry(first))]
    eventually(lambda: writer.last_error is not None)
    assert not writer.healthy
    assert isinstance(writer.last_error, StorageUnavailable)
    for _ in range(300):
        hold = make_hold(organization)
        writer.place(hold)
        futures.append(writer.settle(hold, make_entry(hold)))
    assert writer.depth == 601
    assert not any(future.done() for future in futures)
    other.execute("COMMIT")
    other.close()

    assert all(future.result(30) for future in futures)
    assert writer.healthy
    assert tally["writer retries"] >= 1
    assert writer.stop(10) == 0
    books = read_books(sqlite_db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (301, 0)


def test_a_full_queue_refuses_and_counts(
    db: Database, organization: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(start=False, queue_size=3)
    holds = [make_hold(organization) for _ in range(3)]
    futures = [writer.place(hold) for hold in holds]
    with pytest.raises(QueueFull, match="3 changes wait"):
        writer.place(make_hold(organization))
    # What the three calls still have to say finds room, up to four times the size.
    rest = [writer.settle(hold, make_entry(hold)) for hold in holds * 3]
    for _ in range(2):
        with pytest.raises(QueueFull):
            writer.settle(holds[0], make_entry(holds[0]))
    assert (tally["queue full: place"], tally["queue full: settle"]) == (1, 2)
    writer.start()
    for future in futures + rest:
        future.result(10)
    # What could not be placed is booked all the same once there is room.
    late = make_hold(organization)
    assert writer.settle(late, make_entry(late)).result(10) is True
    assert read_books(db, organization).entries == 4, "the same generations are booked once"


def test_one_bad_change_does_not_hold_up_the_others(
    db: Database, organization: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(start=False)
    holds = [make_hold(organization) for _ in range(20)]
    for hold in holds:
        writer.place(hold)
    bad_entries = {
        3: make_entry(holds[3], raw_pusd=-1),
        7: make_entry(holds[7], raw_pusd=2**70, billed_pusd=1),
        11: make_entry(holds[11], provider=None),
    }
    futures = [
        writer.settle(hold, bad_entries.get(number) or make_entry(hold))
        for number, hold in enumerate(holds)
    ]
    nowhere = writer.place(make_hold("no-such-organization"))
    writer.start()
    for number, future in enumerate(futures):
        if number in bad_entries:
            with pytest.raises(StorageError, match="refused"):
                future.result(30)
        else:
            assert future.result(30) is True
    with pytest.raises(StorageError, match="refused"):
        nowhere.result(30)
    for number in bad_entries:
        assert state_of(db, holds[number].id) is HoldState.OPEN
    assert (tally["refused for good: settle"], tally["refused for good: place"]) == (3, 1)
    assert writer.healthy
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (17, 3 * 1_000_000)


def test_a_hold_that_is_placed_twice_is_placed_once(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    hold = make_hold(organization)
    writer.place(hold).result(10)
    writer.place(hold).result(10)
    assert read_books(db, organization).held == hold.estimate_pusd


def test_a_commit_without_an_answer_is_not_booked_twice(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    hold = make_hold(organization)
    real = GroupCommit.commit
    failures = iter([True])

    def commit_then_fail(self: GroupCommit, *args: object, **options: object) -> object:
        result = real(self, *args, **options)  # type: ignore[arg-type]
        if next(failures, False):
            raise StorageUnavailable("the connection was lost before the answer")
        return result

    with mock.patch.object(GroupCommit, "commit", commit_then_fail):
        writer.place(hold)
        assert writer.settle(hold, make_entry(hold)).result(10) is True
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (1, 0)


def test_stopping_drains_the_queue(
    db: Database, organization: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(start=False)
    holds = [make_hold(organization) for _ in range(700)]
    for hold in holds:
        writer.place(hold)
    writer.start()
    assert writer.stop(30) == 0
    assert writer.stop(30) == 0
    assert not writer.healthy
    assert read_books(db, organization).held == 700 * 1_000_000
    with pytest.raises(StorageUnavailable, match="stopped"):
        writer.place(make_hold(organization))


def test_stopping_tells_how_much_was_not_written(sqlite_db: Database, tmp_path: Path) -> None:
    organization = make_organization(sqlite_db)
    writer = LedgerWriter(sqlite_db, owner="process-1")
    writer.start()
    writer.place(make_hold(organization)).result(10)
    other = sqlite3.connect(tmp_path / "usage.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    futures = [writer.place(make_hold(organization)) for _ in range(5)]
    assert writer.stop(0.2) == 5
    assert writer.stop(0.2) == 5
    for future in futures:
        with pytest.raises(StorageUnavailable, match="before this was written"):
            future.result(0)
    other.close()


def test_a_writer_that_was_never_started_can_be_stopped(
    db: Database, organization: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(start=False)
    future = writer.place(make_hold(organization))
    assert writer.stop(1) == 1
    with pytest.raises(StorageUnavailable):
        future.result(0)


def test_waiters_are_told_when_the_thread_dies(
    db: Database, organization: str, make_writer: MakeWriter
) -> None:
    writer = make_writer(start=False)
    futures = [writer.place(make_hold(organization)) for _ in range(3)]
    with mock.patch.object(GroupCommit, "commit", side_effect=SystemExit("out of memory")):
        writer.start()
        for future in futures:
            with pytest.raises(StorageUnavailable, match="ended"):
                future.result(10)
    eventually(lambda: not writer.healthy)
    assert isinstance(writer.last_error, SystemExit)
    assert tally["writer died"] == 1
    with pytest.raises(StorageUnavailable):
        writer.place(make_hold(organization))
    assert writer.stop(1) == 3


def test_a_fork_does_not_wait_for_a_thread_it_does_not_have(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    with (
        mock.patch.object(os, "getpid", return_value=os.getpid() + 1),
        pytest.raises(StorageUnavailable, match="fork"),
    ):
        writer.place(make_hold(organization))
    writer.place(make_hold(organization)).result(10)


def test_a_missing_table_is_waited_for(empty_db: Database) -> None:
    """Another process may be migrating; the changes are kept until it is done."""
    writer = LedgerWriter(empty_db, owner="process-1")
    writer.start()
    eventually(lambda: writer.last_error is not None)
    Migrator(empty_db, version=__version__).up()
    organization = make_organization(empty_db)
    writer.place(make_hold(organization)).result(30)
    assert writer.stop(10) == 0


@pytest.fixture
def restartable() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.mark.postgres
def test_a_restarted_server_loses_nothing(restartable: PostgresServer) -> None:
    db = open_database(restartable.create_database())
    Migrator(db, version=__version__).up()
    organization = make_organization(db)
    writer = LedgerWriter(db, owner="process-1")
    writer.start()
    futures = []

    def call(count: int) -> None:
        for _ in range(count):
            hold = make_hold(organization)
            writer.place(hold)
            futures.append(writer.settle(hold, make_entry(hold)))

    call(300)
    restartable.go()
    call(300)
    eventually(lambda: writer.last_error is not None)
    with pytest.raises(StorageUnavailable):
        UsageRows(db).ledger_total_pusd()
    restartable.come_back()
    call(300)
    assert all(future.result(60) for future in futures)
    assert writer.healthy
    assert UsageRows(db).ledger_total_pusd()[0] == 900
    assert writer.stop(10) == 0
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (900, 0)
    close_database(db)

"""A full disk, a database that may only be read, one from yesterday's backup, a spoiled row."""

import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from peewee import Database, SqliteDatabase
from psycopg import sql

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import HoldState, Outcome
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.sessions import execute, transaction
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.books import eventually, read_books
from tests.storage.conftest import MakeWriter
from tests.storage.samples import AT_MS, make_entry, make_hold, make_organization


@contextmanager
def disk_full_beyond(size: int) -> Iterator[None]:
    """No file of this process may grow beyond ``size`` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@contextmanager
def read_only(db: Database, url: str) -> Iterator[None]:
    """Connections that are opened from here on may not write, until the end of the block."""
    close_database(db)
    if isinstance(db, SqliteDatabase):
        db.pragma("query_only", 1, permanent=True)
        close_database(db)
        yield
        db._pragmas.remove(("query_only", 1))
        return
    with psycopg.connect(url, autocommit=True) as server:
        name = sql.Identifier(server.info.dbname)
        change = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        server.execute(change.format(name, sql.SQL("on")))
        yield
        server.execute(change.format(name, sql.SQL("off")))


def test_a_full_disk_keeps_everything_waiting(sqlite_url: str, tmp_path: Path) -> None:
    db = open_database(sqlite_url)
    organization = make_organization(db)
    writer = LedgerWriter(db, owner="process-1")
    writer.start()
    futures = []

    def call() -> None:
        hold = make_hold(organization)
        writer.place(hold)
        futures.append(writer.settle(hold, make_entry(hold)))

    call()
    assert futures[0].result(10)
    log = tmp_path / "usage.db-wal"
    with disk_full_beyond(log.stat().st_size + 8192):
        for _ in range(300):
            call()
        eventually(lambda: writer.last_error is not None)
        assert isinstance(writer.last_error, StorageUnavailable)
        assert not writer.healthy
        assert not futures[-1].done()
    assert all(future.result(30) for future in futures)
    assert writer.healthy
    assert writer.stop(10) == 0
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (301, 0)
    close_database(db)


def test_a_database_that_may_only_be_read_keeps_everything_waiting(
    db: Database, organization: str, database_url: str, make_writer: MakeWriter
) -> None:
    """As a replica is that was not promoted yet, or a file system after a fault."""
    first = make_hold(organization)
    with read_only(db, database_url):
        writer = make_writer()
        writer.place(first)
        settled = writer.settle(first, make_entry(first))
        eventually(lambda: writer.last_error is not None)
        assert "read" in str(writer.last_error)
        assert not writer.healthy
        assert not settled.done()
    assert settled.result(30) is True
    assert writer.healthy
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (1, 0)


def test_a_database_from_yesterdays_backup_takes_what_it_lacks_and_nothing_twice(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Whoever tells of the generations again, all of them: what the backup has is a no-op."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    db = open_database(sqlite_url)
    organization = make_organization(db)
    holds = [make_hold(organization) for _ in range(10)]
    entries = [make_entry(hold) for hold in holds]

    def booked(calls: slice) -> list[bool]:
        writer = LedgerWriter(db, owner="process-1")
        writer.start()
        futures = [
            writer.settle(hold, entry)
            for hold, entry in zip(holds[calls], entries[calls], strict=True)
        ]
        assert writer.stop(10) == 0
        return [future.result(10) for future in futures]

    assert booked(slice(0, 6)) == [True] * 6
    close_database(db)
    shutil.copyfile(file, tmp_path / "backup.db")
    assert booked(slice(6, 10)) == [True] * 4
    close_database(db)
    for beside in tmp_path.glob("usage.db-*"):
        beside.unlink()
    shutil.copyfile(tmp_path / "backup.db", file)

    assert booked(slice(0, 10)) == [False] * 6 + [True] * 4
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.spent) == (10, sum(entry.billed_pusd for entry in entries))
    close_database(db)


@pytest.mark.parametrize("column", ["outcome", "state"])
def test_a_spoiled_hold_is_named_and_holds_up_nobody(
    db: Database, organization: str, make_writer: MakeWriter, column: str
) -> None:
    writer = make_writer()
    spoiled, good = make_hold(organization), make_hold(organization, at_ms=AT_MS + 1)
    for number, hold in enumerate((spoiled, good)):
        writer.place(hold)
        writer.defer(
            hold,
            state=HoldState.PENDING,
            outcome=Outcome.CANCELLED,
            generation_id=f"gen-{hold.id}",
            reason="the stream was stopped",
            next_attempt_ms=AT_MS + number,
        ).result(10)
    spoil = f"UPDATE usage_holds SET {column} = 'rubbish' WHERE id = '{spoiled.id}'"
    with transaction(db):
        execute(db, spoil)

    holds = HoldRows(db)
    # One at a time, so that the spoiled one fills a whole batch.
    due = holds.due(now_ms=AT_MS + 5, limit=1)
    assert [pending.hold.id for pending in due] == [good.id]
    if column == "outcome":
        assert tally["holds that cannot be read"] == 1
    assert holds.counts()[HoldState.PENDING] == (2 if column == "outcome" else 1)
    assert holds.unsettled_on(organization, spoiled.day) == 2, "its money stays held"
    assert writer.settle(good, make_entry(good, f"gen-{good.id}")).result(10) is True
    books = read_books(db, organization)
    assert (books.entries, books.held) == (1, spoiled.estimate_pusd)

"""Connections: pragmas, threads, and failures that may pass."""

import sqlite3
import threading
from pathlib import Path

import peewee
import pytest
from peewee import Database

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.sessions import execute, is_transient, session, transaction


def journal_mode(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize(("owned", "mode"), [(True, "wal"), (False, "delete")])
def test_only_our_own_file_is_put_into_wal_mode(tmp_path: Path, owned: bool, mode: str) -> None:
    db = open_database(f"sqlite:///{tmp_path}/usage.db", owned=owned)
    with transaction(db):
        execute(db, "CREATE TABLE t (a)")
    close_database(db)
    assert journal_mode(tmp_path / "usage.db") == mode


def test_sqlite_enforces_foreign_keys_and_survives_power_cuts(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/usage.db")
    with session(db):
        assert execute(db, "PRAGMA foreign_keys").fetchone() == (1,)
        assert execute(db, "PRAGMA synchronous").fetchone() == (2,)
        assert execute(db, "PRAGMA busy_timeout").fetchone() == (5000,)


def test_a_session_reuses_an_open_connection_and_closes_its_own(empty_db: Database) -> None:
    assert empty_db.is_closed()
    with session(empty_db):
        connection = empty_db.connection()
        with session(empty_db):
            assert empty_db.connection() is connection
        assert not empty_db.is_closed()
    assert empty_db.is_closed()


def test_every_thread_has_its_own_connection(empty_db: Database) -> None:
    seen: list[object] = []
    both = threading.Barrier(2, timeout=10)

    def read() -> None:
        with session(empty_db):
            both.wait()
            seen.append(empty_db.connection())
            both.wait()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] is not seen[1]


def test_a_transaction_that_fails_leaves_nothing(empty_db: Database) -> None:
    with transaction(empty_db):
        execute(empty_db, "CREATE TABLE t (a INTEGER PRIMARY KEY)")

    def insert_twice() -> None:
        with transaction(empty_db):
            for _ in range(2):
                execute(empty_db, "INSERT INTO t VALUES (1)")

    with pytest.raises(peewee.IntegrityError):
        insert_twice()
    with session(empty_db):
        assert execute(empty_db, "SELECT COUNT(*) FROM t").fetchone() == (0,)


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/no/folder/usage.db", "postgresql://127.0.0.1:1/usage"):
        db = open_database(url)
        with pytest.raises(StorageUnavailable), session(db):
            execute(db, "SELECT 1")


def test_a_missing_table_may_come_but_a_bad_row_stays_bad(empty_db: Database) -> None:
    with pytest.raises(StorageUnavailable), session(empty_db):
        execute(empty_db, "SELECT * FROM no_such_table")
    assert not is_transient(peewee.IntegrityError("UNIQUE constraint failed"))
    assert not is_transient(peewee.DataError("out of range"))
    assert not is_transient(KeyError("a bug of ours"))


@pytest.mark.postgres
def test_a_statement_that_takes_too_long_is_cancelled(postgres: object) -> None:
    url = postgres.create_database()  # type: ignore[attr-defined]
    db = open_database(f"{url}?options=-c%20statement_timeout%3D50")
    with pytest.raises(StorageUnavailable, match="statement timeout"), session(db):
        execute(db, "SELECT pg_sleep(5)")
    close_database(db)
    db = open_database(url)
    with session(db):
        assert execute(db, "SHOW statement_timeout").fetchone() == ("30s",)
    close_database(db)

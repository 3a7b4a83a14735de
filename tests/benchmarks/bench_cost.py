"""What one call costs the database: statements, rows, bytes, and CPU of both sides.

Calls of twenty organizations are held in one transaction and settled in the next, one at a time and
in groups of a hundred, by the code that does it in a host. A host with little to do has groups of
one; under load they grow. ``docs/scale.md`` does its arithmetic with these figures.
Run it with ``python -m tests.benchmarks cost``.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import psycopg
from peewee import Database

from mai_usage_ext.ports import Hold
from mai_usage_ext.storage.changes import Place, Settle
from mai_usage_ext.storage.database import close_database, is_sqlite, open_database
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.sessions import execute, session
from tests.benchmarks.bench_writer import durable_postgres
from tests.benchmarks.figures import Arguments
from tests.storage.samples import AT_MS, make_entry, make_hold, make_organization

__all__ = ["main"]

ORGANIZATIONS, USERS, MODELS = 20, 50, 8
CALLS = {1: 1_000, 100: 20_000}

# A hold and its entry stand for each call; cells, months and days are shared by many.
_OWN_ROWS = ("usage_ledger", "usage_holds")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one call: milliseconds of CPU here and in the server, and bytes of the server's log."""

    our_ms: float
    server_ms: float
    log_bytes: float


def _holds(organizations: list[str], count: int) -> list[Hold]:
    return [
        make_hold(
            organizations[n % ORGANIZATIONS],
            user_id=f"{n % USERS:08d}-aaaa-bbbb-cccc-dddddddddddd",
            model=f"provider/model-{n % MODELS}",
            at_ms=AT_MS + n,
        )
        for n in range(count)
    ]


def _book(commit: GroupCommit, holds: list[Hold], group: int) -> None:
    for first in range(0, len(holds), group):
        some = holds[first : first + group]
        commit.commit([Place(hold) for hold in some], now_ms=AT_MS)
        settled = [Settle(hold, make_entry(hold, _generation(hold))) for hold in some]
        commit.commit(settled, now_ms=AT_MS)


def _generation(hold: Hold) -> str:
    return f"gen-{hold.at_ms // 1000}-{hold.id[-20:]}"


def _cost(
    db: Database, work: Callable[[], None], calls: int, server: psutil.Process | None
) -> Cost:
    log, server_s, ours_s = _log_position(db), _cpu_s(server), time.thread_time()
    work()
    ours_s = time.thread_time() - ours_s
    return Cost(
        our_ms=ours_s * 1000 / calls,
        server_ms=(_cpu_s(server) - server_s) * 1000 / calls,
        log_bytes=(_log_position(db) - log) / calls,
    )


def _cpu_s(server: psutil.Process | None) -> float:
    """Of all processes of the server; SQLite has none, its work is in ours."""
    if server is None:
        return 0.0
    spent = [process.cpu_times() for process in server.children(recursive=True)]
    return float(sum(times.user + times.system for times in spent))


def _log_position(db: Database) -> int:
    if is_sqlite(db):
        return 0
    asked = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"
    return int(execute(db, asked).fetchone()[0])


@contextmanager
def _counted(db: Database) -> Iterator[list[str]]:
    """The statements that are run meanwhile, those that begin and end transactions included."""
    seen: list[str] = []
    if is_sqlite(db):
        connection: sqlite3.Connection = db.connection()
        connection.set_trace_callback(seen.append)
        yield seen
        connection.set_trace_callback(None)
        return
    plain: Any = psycopg.Cursor.execute

    def execute_one(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        seen.append(str(query))
        return plain(cursor, query, *arguments, **options)

    with mock.patch.object(psycopg.Cursor, "execute", execute_one):
        yield seen


def _bytes_of(db: Database, path: str, table: str) -> int:
    """With its indexes and months."""
    if not is_sqlite(db):
        asked = (
            "SELECT pg_total_relation_size(%s::regclass) + COALESCE(SUM(pg_total_relation_size("
            "inhrelid)), 0) FROM pg_inherits WHERE inhparent = %s::regclass"
        )
        return int(execute(db, asked, (table, table)).fetchone()[0])
    with sqlite3.connect(path) as connection:
        asked = "SELECT SUM(pgsize) FROM dbstat JOIN sqlite_master USING (name) WHERE tbl_name = ?"
        size = int(connection.execute(asked, (table,)).fetchone()[0])
    connection.close()
    return size


def _measure(name: str, url: str, server: psutil.Process | None = None) -> None:
    db = open_database(url, owned=True)
    Migrator(db, version="99.0").up()
    organizations = [make_organization(db, f"Organization {n}") for n in range(ORGANIZATIONS)]
    commit = GroupCommit(db)
    with session(db):
        _book(commit, _holds(organizations, 200), 1)
        for group, calls in CALLS.items():
            with _counted(db) as seen:
                _book(commit, _holds(organizations, group), group)
            # psycopg commits without a statement of a cursor.
            statements = len(seen) if is_sqlite(db) else len(seen) + 2
            holds = _holds(organizations, calls)
            cost = _cost(db, lambda: _book(commit, holds, group), calls, server)  # noqa: B023
            print(
                f"{name:<10} groups of {group:<3}   statements {statements / group:5.2f}   "
                f"our CPU {cost.our_ms:6.3f} ms   server's CPU {cost.server_ms:6.3f} ms   "
                f"log {cost.log_bytes:6,.0f} bytes"
            )
        booked = execute(db, "SELECT COUNT(*) FROM usage_ledger").fetchone()[0]
        sizes = {
            table: _bytes_of(db, url.removeprefix("sqlite:///"), table) / booked
            for table in _OWN_ROWS
        }
    close_database(db)
    print(
        f"{name:<10} a ledger entry {sizes['usage_ledger']:,.0f} bytes   "
        f"a hold {sizes['usage_holds']:,.0f} bytes, indexes included"
    )


def main(_arguments: Arguments = ()) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _measure("SQLite", f"sqlite:///{Path(folder) / 'bench.db'}")
    with durable_postgres() as server:
        _measure("PostgreSQL", server.create_database(), psutil.Process(server.guard_pid))


if __name__ == "__main__":
    main()

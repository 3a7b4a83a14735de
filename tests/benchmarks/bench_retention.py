"""Bytes kept for a million calls, once their day is sealed and their ledger dropped.

Beside it stands what the same calls take as one row each: the ledger's table with its indexes, and
nothing else. A day of calls is booked, sealed, and forty days later dropped, by the code that does
it in a host. Run it with ``python -m tests.benchmarks.bench_retention [--full]``: by default a
tenth of a million calls of a tenth of the organizations, with as many calls for each user, so that
both sides are a tenth.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from peewee import Database

from mai_usage_ext.ports import Hold
from mai_usage_ext.services.retention import Retention
from mai_usage_ext.services.sealing import Sealing
from mai_usage_ext.storage.changes import Change, Place, Settle
from mai_usage_ext.storage.database import close_database, is_sqlite, open_database
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.partitions import make_months
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.retention import RetentionRows
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import execute, session
from tests.storage.old_calls import instant_of
from tests.storage.samples import DAY, make_entry, make_hold, make_organization
from tests.workshop import postgres

USERS, MODELS, CALLS_OF_EACH = 100, 20, 10_000
TARGET = 0.01
# Past the window, and past the month, which is what PostgreSQL drops.
MUCH_LATER = date(2026, 3, 15)

_LEDGER = ("usage_ledger",)
_DAILY = ("client_daily_usage", "client_user_daily_usage", "client_model_daily_usage")
_DETAIL = ("usage_holds", "client_live_counters")
# Rows of processes and organizations are there anyway; these grow with the calls.
_GROWING = (*_LEDGER, *_DAILY, *_DETAIL, "client_month_totals", "audit_log")


@dataclass
class Clock:
    at_ms: int

    def now_ms(self) -> int:
        return self.at_ms


def _changes(organizations: list[str]) -> Iterator[list[Change]]:
    """Every organization's calls of the day, a group for each 500."""
    group: list[Change] = []
    begin_ms = instant_of(DAY) - 43_200_000
    for n in range(CALLS_OF_EACH):
        for organization in organizations:
            hold = _hold(organization, n, begin_ms + n * 86_400_000 // CALLS_OF_EACH)
            group += [Place(hold), Settle(hold, make_entry(hold, _generation(hold)))]
        if len(group) >= 1_000:
            yield group
            group = []
    yield group


def _hold(organization: str, n: int, at_ms: int) -> Hold:
    return make_hold(
        organization,
        id=f"{at_ms:012x}{uuid.uuid4().hex[:16]}",
        user_id=f"{n % USERS:08d}-aaaa-bbbb-cccc-dddddddddddd",
        model=f"provider/model-{n // USERS % MODELS}",
        at_ms=at_ms,
    )


def _generation(hold: Hold) -> str:
    return f"gen-{hold.at_ms // 1000}-{hold.id[-16:]}abcd"


def _sizes(db: Database, url: str) -> dict[str, int]:
    """Bytes of each growing table, its indexes and months included, without the free pages that the
    next rows take: a database of which as much goes every day as comes never gives them back."""
    if is_sqlite(db):
        return _sqlite_sizes(url.removeprefix("sqlite:///"))
    size = "COALESCE(SUM(pg_total_relation_size(relid)), 0)"
    asked = f"SELECT {size} FROM pg_partition_tree(%s::regclass)"
    whole = "SELECT pg_total_relation_size(%s::regclass)"
    with session(db):
        found = {}
        for table in _GROWING:
            execute(db, f"VACUUM (FULL) {table}").close()
            divided = int(execute(db, asked, (table,)).fetchone()[0])
            found[table] = divided or int(execute(db, whole, (table,)).fetchone()[0])
    return found


def _sqlite_sizes(path: str) -> dict[str, int]:
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT tbl_name, SUM(pgsize) FROM dbstat JOIN sqlite_master USING (name) GROUP BY tbl_name"
    )
    sizes = {name: int(size) for name, size in rows}
    connection.close()
    return {table: sizes.get(table, 0) for table in _GROWING}


def _measure(name: str, url: str, *, organizations: int) -> None:
    db = open_database(url, owned=True)
    Migrator(db, version="99.0").up()
    for day in (DAY, MUCH_LATER):  # as the job does ahead, however many calls there will be
        make_months(db, at=day)
    names = [make_organization(db, f"Organization {n}") for n in range(organizations)]
    commit = GroupCommit(db)
    before = _sizes(db, url)
    with session(db):
        for group in _changes(names):
            commit.commit(group, now_ms=instant_of(DAY))
    booked = _sizes(db, url)
    clock = Clock(instant_of(DAY + timedelta(days=1)))
    started = time.perf_counter()
    asyncio.run(Sealing(SealRows(db), grace_ms=0, clock=clock).run_once())
    sealing_s = time.perf_counter() - started
    clock.at_ms = instant_of(MUCH_LATER)
    rows = RetentionRows(db)
    retention = Retention(
        rows, ReconciliationRows(db), ledger_days=35, management_key=lambda: None, clock=clock
    )
    started = time.perf_counter()
    asyncio.run(retention.run_once())
    retention_s = time.perf_counter() - started
    left = _sizes(db, url)
    with session(db):
        entries = execute(db, "SELECT COUNT(*) FROM usage_ledger").fetchone()[0]
        holds = execute(db, "SELECT COUNT(*) FROM usage_holds").fetchone()[0]
    assert (entries, holds) == (0, 0)
    close_database(db)
    calls = organizations * CALLS_OF_EACH
    per_call = sum(booked[table] - before[table] for table in _LEDGER)
    kept = sum(max(left[table] - before[table], 0) for table in _GROWING)
    scale = 1_000_000 / calls
    daily = sum(left[table] - before[table] for table in _DAILY)
    print(
        f"{name:<10} one row a call {per_call * scale / 1e6:>7,.1f} MB   "
        f"kept {kept * scale / 1e6:>6,.2f} MB (daily rows {daily * scale / 1e6:,.2f})   "
        f"ratio {kept / per_call:.4f} (target ≤ {TARGET})"
    )
    print(
        f"{'':<10} {calls:,} calls: sealed in {sealing_s:.1f} s, dropped in {retention_s:.1f} s, "
        f"longest transaction {rows.longest_s * 1000:.0f} ms"
    )


def main(arguments: tuple[str, ...] = ()) -> None:
    organizations = 100 if "--full" in arguments else 10
    print(
        f"{organizations} organizations × {USERS} users × {MODELS} models, one day of "
        f"{organizations * CALLS_OF_EACH:,} calls; figures are for a million"
    )
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        _measure("SQLite", url, organizations=organizations)
    with postgres.running_postgres() as server:
        _measure("PostgreSQL", server.create_database(), organizations=organizations)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))

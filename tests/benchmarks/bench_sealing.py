"""Seconds to seal a day of a million calls, beside a plain query over the same rows.

The plain query adds up what sealing adds up, in the same groups, and does nothing with it. Nobody
waits while sealing reads the ledger; what they wait for is the transaction that follows, so that is
shown by itself. Run it with ``python -m tests.benchmarks sealing [--full]``: days of a hundred
thousand calls by default, of a million with ``--full``.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from peewee import Database

from mai_usage_ext.storage.database import close_database, is_sqlite, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.models import CELL_SUMS
from mai_usage_ext.storage.partitions import make_months
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import execute, session, transaction
from tests.storage.samples import AT_MS, DAY, make_organization
from tests.workshop import postgres

CALLS, DAYS = 100_000, 3
FULL_CALLS, FULL_DAYS = 1_000_000, 1
USERS, MODELS = 100, 20

_NUMBERS = {
    True: "WITH RECURSIVE numbers(n) AS"
    " (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {calls})",
    False: "WITH numbers(n) AS (SELECT generate_series(0::bigint, {calls} - 1))",
}
_ENTRIES = f"""INSERT INTO usage_ledger (generation_id, sequence, partition_day, organization_id,
    user_id, model, provider, purpose, day, at_ms, prompt_tokens, completion_tokens, cached_tokens,
    reasoning_tokens, raw_pusd, billed_pusd, rate_micro, fee_pusd, outcome, source, first_byte_ms,
    duration_ms, booked_at_ms, key_hash)
    {{numbers}}
    SELECT 'gen-{AT_MS // 1000}-{{ids}}-' || n, 0, {{day}}, '{{organization}}',
    'user-' || (n % {USERS}),
    'provider/model-' || (n / {USERS} % {MODELS}), 'Provider',
    CASE n / {USERS * MODELS} % 2 WHEN 0 THEN 'chat' ELSE 'title' END, {{day}}, {AT_MS} + n,
    8174, 30, 12, 7,
    326960001 + n, 425048001 + n, 1300000, 0,
    CASE n % 50 WHEN 0 THEN 'cancelled' ELSE 'completed' END, 'stream', 210, 1900,
    {AT_MS} + n, ''
    FROM numbers"""
_GROUPS = "user_id, model, provider, purpose"
# What an entry adds to each of CELL_SUMS.
_ADDED = """COUNT(*), SUM(CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END),
    SUM(CASE WHEN outcome = 'cancelled' THEN 1 ELSE 0 END), SUM(prompt_tokens),
    SUM(completion_tokens), SUM(cached_tokens), SUM(reasoning_tokens), SUM(raw_pusd),
    SUM(billed_pusd), COALESCE(SUM(first_byte_ms), 0), COUNT(first_byte_ms),
    COALESCE(SUM(duration_ms), 0)"""
_OF_THE_DAY = "FROM usage_ledger WHERE organization_id = '{organization}' AND day = '{day}'"
_PLAIN = f"SELECT {_GROUPS}, MIN(at_ms), MAX(at_ms), {_ADDED} {_OF_THE_DAY} GROUP BY {_GROUPS}"
_CELLS = f"""INSERT INTO client_live_counters
    (organization_id, day, {_GROUPS}, {", ".join(CELL_SUMS)})
    SELECT organization_id, day, {_GROUPS}, {_ADDED} {_OF_THE_DAY}
    GROUP BY organization_id, day, {_GROUPS}"""


def fill_day(db: Database, organization: str, day: date, calls: int) -> None:
    """A day of calls with its live cells, as the writer would have left it."""
    numbers = _NUMBERS[is_sqlite(db)].format(calls=calls)
    literal = f"'{day}'" if is_sqlite(db) else f"DATE '{day}'"
    entries = _ENTRIES.format(numbers=numbers, organization=organization, day=literal, ids=day)
    with transaction(db):
        # The driver of PostgreSQL takes a single one for a parameter.
        execute(db, entries if is_sqlite(db) else entries.replace("%", "%%")).close()
        execute(db, _CELLS.format(organization=organization, day=day)).close()
    with session(db):
        execute(db, "ANALYZE").close()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _plain(db: Database, organization: str, day: date) -> float:
    query = _PLAIN.format(organization=organization, day=day)
    with session(db):
        return _seconds(lambda: execute(db, query).fetchall())


def _sealed(db: Database, organization: str, day: date) -> tuple[float, float]:
    """Seconds of all of it, and of what comes after the ledger was read."""
    seals = SealRows(db)
    reading: list[float] = []
    real: Any = seals._ledger

    def timed(key: tuple[str, str]) -> Any:
        started = time.perf_counter()
        tally = real(key)
        reading.append(time.perf_counter() - started)
        return tally

    with mock.patch.object(seals, "_ledger", timed):
        whole = _seconds(lambda: seals.seal(organization, day, now_ms=AT_MS))
    assert len(reading) == 1, "the cells agree with the ledger"
    return whole, whole - reading[0]


def _measure(name: str, url: str, *, calls: int, days: int) -> None:
    db = open_database(url, owned=True)
    Migrator(db, version="99.0").up()
    make_months(db, at=DAY)
    organization = make_organization(db)
    plain, whole, locked = [], [], []
    for day in (DAY - timedelta(days=back) for back in range(days)):
        fill_day(db, organization, day, calls)
        # Once for nothing, so that both find the rows in memory.
        _plain(db, organization, day)
        plain.append(_plain(db, organization, day))
        seconds = _sealed(db, organization, day)
        whole.append(seconds[0])
        locked.append(seconds[1])
    close_database(db)
    ratio = statistics.median(ours / theirs for ours, theirs in zip(whole, plain, strict=True))
    print(
        f"{name:<10} sealed in {statistics.median(whole):6.2f} s   plain query "
        f"{statistics.median(plain):6.2f} s   ratio {ratio:.2f}   "
        f"others wait {statistics.median(locked) * 1000:.0f} ms"
    )


def main(options: Sequence[str] = ()) -> None:
    calls, days = (FULL_CALLS, FULL_DAYS) if "--full" in options else (CALLS, DAYS)
    print(f"a day of {calls:,} calls, {USERS} users × {MODELS} models × 2 purposes")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        _measure("SQLite", url, calls=calls, days=days)
    # What the tests switch off is what this measures.
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    with mock.patch.dict(postgres._SETTINGS, durable), postgres.running_postgres() as server:
        _measure("PostgreSQL", server.create_database(), calls=calls, days=days)

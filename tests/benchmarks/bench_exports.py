"""Memory and seconds to export every single call, beside a plain loop over the same rows.

The plain loop fetches the rows with the driver and writes them with Python's ``csv``, without
names, decimals or days. Run it with ``python -m tests.benchmarks exports [--full]``: a hundred
thousand calls by default, a million with ``--full``.
"""

import csv
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from peewee import Database

from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.partitions import make_months
from mai_usage_ext.storage.sessions import execute, session
from tests.benchmarks.bench_sealing import fill_day
from tests.benchmarks.figures import at_most
from tests.storage.samples import DAY, make_organization
from tests.workshop import postgres

CALLS, FULL_CALLS, DAYS = 100_000, 1_000_000, 10
MOST_MIB = 100
FORMATS = ("csv", "jsonl", "parquet", "xlsx")
_PLAIN = "SELECT * FROM usage_ledger ORDER BY organization_id, day, generation_id, sequence"


def _plain_seconds(db: Database) -> float:
    began = time.perf_counter()
    with session(db):
        rows = execute(db, _PLAIN)
        while some := rows.fetchmany(5_000):
            csv.writer(io.StringIO()).writerows(some)
    return time.perf_counter() - began


def _measure(name: str, url: str, *, calls: int) -> None:
    db = open_database(url, owned=True)
    Migrator(db, version="99.0").up()
    make_months(db, at=DAY)
    organization = make_organization(db)
    first = DAY - timedelta(days=DAYS - 1)
    for offset in range(DAYS):
        fill_day(db, organization, first + timedelta(days=offset), calls // DAYS)
    plain = _plain_seconds(db)
    close_database(db)
    for form in FORMATS:
        command = ["tests.benchmarks.export_child", url, form, str(first), str(DAY)]
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=True
        )
        seconds, size, rows, grown = map(float, done.stdout.split())
        memory = at_most(round(grown / 2**20), MOST_MIB)
        print(
            f"{name:<10} {form:<8} {rows:>9,.0f} rows  {size / 2**20:7.1f} MiB  {seconds:7.1f} s  "
            f"{seconds / plain:5.1f} × plain   memory +{grown / 2**20:.0f} MiB {memory}",
            flush=True,
        )


def main(options: Sequence[str] = ()) -> None:
    calls = FULL_CALLS if "--full" in options else CALLS
    with tempfile.TemporaryDirectory() as folder:
        _measure("SQLite", f"sqlite:///{Path(folder) / 'bench.db'}", calls=calls)
    with postgres.running_postgres() as server:
        _measure("PostgreSQL", server.create_database(), calls=calls)

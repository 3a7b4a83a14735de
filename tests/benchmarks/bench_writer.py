"""Durable settlements a second: the ledger writer against plain driver code.

The plain code does the three statements of a settlement (the entry, the counter, the hold) with
ready-made parameters in transactions of a hundred calls, in the same run, on the same tables, turn
by turn with ours. Run it with ``python -m tests.benchmarks writer``.
"""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg

from mai_usage_ext.ports import Hold, LedgerEntry
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.writer import LedgerWriter
from tests.benchmarks.figures import Arguments, at_least
from tests.storage.samples import make_entry, make_hold, make_organization
from tests.workshop import postgres

__all__ = ["durable_postgres", "made_up_calls", "main", "settle_all"]

CALLS, ROUNDS, BATCH = 5_000, 7, 100
TARGET = 0.5

_COLUMNS = (
    "generation_id, sequence, partition_day, organization_id, user_id, model, provider, purpose,"
    " day, at_ms, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, raw_pusd,"
    " billed_pusd, rate_micro, fee_pusd, outcome, source, first_byte_ms, duration_ms, booked_at_ms"
)
_SUMS = (
    "requests, failures, cancelled, prompt_tokens, completion_tokens, cached_tokens,"
    " reasoning_tokens, raw_pusd, billed_pusd, first_byte_ms_sum, first_byte_count, duration_ms_sum"
)


def _statements(mark: str) -> tuple[str, str, str]:
    marks = ", ".join([mark] * 23)
    cell = f"organization_id, day, user_id, model, provider, purpose, {_SUMS}"
    adding = ", ".join(
        f"{name} = client_live_counters.{name} + excluded.{name}" for name in _SUMS.split(", ")
    )
    return (
        f"INSERT INTO usage_ledger ({_COLUMNS}) VALUES ({marks})",
        f"""INSERT INTO client_live_counters ({cell}) VALUES ({", ".join([mark] * 18)})
            ON CONFLICT (organization_id, day, user_id, model, provider, purpose)
            DO UPDATE SET {adding}""",
        f"""UPDATE usage_holds SET state = {mark}, generation_id = {mark}, outcome = {mark},
            closed_at_ms = {mark} WHERE id = {mark}""",
    )


def _rows(hold: Hold, entry: LedgerEntry) -> tuple[tuple[Any, ...], ...]:
    tokens = (
        entry.prompt_tokens,
        entry.completion_tokens,
        entry.cached_tokens,
        entry.reasoning_tokens,
    )
    money = (entry.raw_pusd, entry.billed_pusd)
    day = entry.day.isoformat()
    who = (entry.organization_id, entry.user_id, entry.model, entry.provider, entry.purpose)
    ledger = (entry.generation_id, 0, day, *who, day, entry.at_ms, *tokens, *money)
    ledger += (entry.rate_micro, entry.fee_pusd, "completed", "stream")
    ledger += (entry.first_byte_ms, entry.duration_ms, entry.booked_at_ms)
    cell = (who[0], day, *who[1:], 1, 0, 0, *tokens, *money)
    cell += (entry.first_byte_ms, 1, entry.duration_ms)
    hold_state = ("settled", entry.generation_id, "completed", entry.booked_at_ms, hold.id)
    return ledger, cell, hold_state


def _plain(run: Callable[[str], object], many: Callable[[str, Any], object], mark: str) -> Any:
    statements = _statements(mark)

    def settle(calls: list[tuple[Hold, LedgerEntry]]) -> float:
        rows = [_rows(*call) for call in calls]
        started = time.perf_counter()
        for first in range(0, len(rows), BATCH):
            batch = rows[first : first + BATCH]
            run("BEGIN IMMEDIATE" if mark == "?" else "BEGIN")
            for place, statement in enumerate(statements):
                many(statement, [row[place] for row in batch])
            run("COMMIT")
        return len(rows) / (time.perf_counter() - started)

    return settle


@contextmanager
def _plain_sqlite(path: Path) -> Iterator[Any]:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = 1")
    yield _plain(connection.execute, connection.executemany, "?")
    connection.close()


@contextmanager
def _plain_postgres(url: str) -> Iterator[Any]:
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        yield _plain(cursor.execute, cursor.executemany, "%s")


def made_up_calls(
    writer: LedgerWriter, organization: str, count: int = CALLS
) -> list[tuple[Hold, LedgerEntry]]:
    """So many calls of fifty users to eight models, their holds placed already."""
    holds = [
        make_hold(organization, user_id=f"user-{n % 50}", model=f"acme/model-{n % 8}")
        for n in range(count)
    ]
    for future in [writer.place(hold) for hold in holds]:
        future.result(60)
    return [(hold, make_entry(hold)) for hold in holds]


def settle_all(writer: LedgerWriter, calls: list[tuple[Hold, LedgerEntry]]) -> float:
    """Durable settlements a second."""
    started = time.perf_counter()
    for future in [writer.settle(hold, entry) for hold, entry in calls]:
        assert future.result(60)
    return len(calls) / (time.perf_counter() - started)


def _compare(name: str, url: str, plain_code: Any) -> float:
    db = open_database(url, owned=True)
    Migrator(db, version="99.0").up()
    organization = make_organization(db)
    close_database(db)
    writer = LedgerWriter(db, owner="bench")
    writer.start()
    ours, plain = [], []
    with plain_code as settle:
        for _ in range(ROUNDS):
            ours.append(settle_all(writer, made_up_calls(writer, organization)))
            plain.append(settle(made_up_calls(writer, organization)))
    writer.stop(30)
    ratio = statistics.median(mine / other for mine, other in zip(ours, plain, strict=True))
    print(
        f"{name:<10} ours {statistics.median(ours):>8,.0f}/s   "
        f"plain {statistics.median(plain):>8,.0f}/s   ratio {ratio:.2f} "
        f"{at_least(ratio, TARGET)}"
    )
    return ratio


@contextmanager
def durable_postgres() -> Iterator[postgres.PostgresServer]:
    """A server that survives a power cut, which is what the tests switch off."""
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    with mock.patch.dict(postgres._SETTINGS, durable), postgres.running_postgres() as server:
        yield server


def main(_arguments: Arguments = ()) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        _compare("SQLite", f"sqlite:///{path}", _plain_sqlite(path))
    with durable_postgres() as server:
        url = server.create_database()
        _compare("PostgreSQL", url, _plain_postgres(url))


if __name__ == "__main__":
    main()

"""The months of PostgreSQL's tables: converted, made ahead, made on demand."""

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from peewee import Database, IntegrityError

from mai_usage_ext.errors import MigrationFailed
from mai_usage_ext.migrations import m0006_partitions
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import PACKAGE, Migrator, scripts_of
from mai_usage_ext.storage.partitions import LEDGER, make_months, months_of
from mai_usage_ext.storage.sessions import execute, session, transaction
from tests.storage.daily import expected_rows, sealed_rows
from tests.storage.old_calls import call_on, ledger_days, seal
from tests.storage.samples import make_organization
from tests.workshop.postgres import PostgresServer

VERSION = "0.1.0"
DAILY = ("client_daily_usage", "client_user_daily_usage", "client_model_daily_usage")
MONTHS = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 3, 1)]

pytestmark = pytest.mark.postgres

# Rows of the version before, in its own words; the numbers tell them apart.
OLD_ROWS = """
INSERT INTO client_organizations (id, name, slug, status, timezone, billing_currency, on_limit,
    billing_email, contacts, notes, created_at_ms, updated_at_ms)
SELECT 'acme', 'Acme', 'acme', 'active', 'UTC', 'USD', 'block', '', '', '', 1, 1;
INSERT INTO client_month_totals (organization_id, month, user_id, spent_pusd, held_pusd)
SELECT 'acme', '2026-01', '', 5, 0;
INSERT INTO usage_ledger (generation_id, sequence, partition_day, organization_id, user_id, model,
    provider, purpose, day, at_ms, prompt_tokens, completion_tokens, cached_tokens,
    reasoning_tokens, raw_pusd, billed_pusd, rate_micro, fee_pusd, outcome, source, booked_at_ms)
SELECT 'gen-' || n, 0, DATE '2025-11-20' + n, 'acme', 'ada', 'm', 'p', 'chat',
    DATE '2025-11-20' + n, n, n, 0, 0, 0, n * 7, n * 9, 1300000, 0, 'completed', 'stream', n
FROM generate_series(0, 99) AS n;
INSERT INTO client_daily_usage (organization_id, day, task_requests, task_billed_pusd,
    distinct_users, distinct_models, sealed_at_ms, source, requests, failures, cancelled,
    prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, raw_pusd, billed_pusd,
    first_byte_ms_sum, first_byte_count, duration_ms_sum)
SELECT 'acme', DATE '2024-02-28' + n, 0, 0, 1, 1, 1, 'ledger', n, 0, 0, n, 0, 0, 0, n, n * 3,
    0, 0, 0
FROM generate_series(0, 400) AS n
"""


@pytest.fixture
def old_db(postgres: PostgresServer) -> Iterator[Database]:
    """A database of the version before, with rows in it."""
    url = postgres.create_database()
    opened = open_database(url)
    Migrator(opened, version=VERSION).up(5)
    with transaction(opened):
        for statement in OLD_ROWS.split(";"):
            execute(opened, statement)
    yield opened
    close_database(opened)
    postgres.drop_database(url)


@pytest.fixture
def db(postgres: PostgresServer) -> Iterator[Database]:
    """A migrated database that nobody has made any months in."""
    url = postgres.create_database()
    opened = open_database(url)
    Migrator(opened, version=VERSION).up()
    yield opened
    close_database(opened)
    postgres.drop_database(url)


@pytest.fixture
def organization(db: Database) -> str:
    return make_organization(db)


def rows_of(db: Database, table: str) -> list[tuple[Any, ...]]:
    with session(db):
        return sorted(execute(db, f"SELECT * FROM {table}").fetchall(), key=repr)


def shape_of(db: Database) -> dict[str, list[Any]]:
    """Columns, keys, checks and indexes of the four tables, as the server tells them."""
    columns = (
        "SELECT attname, atttypid::regtype::text, attnotnull FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
    )
    constraints = (
        "SELECT contype::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype IN ('p', 'c', 'f') ORDER BY 1, 2"
    )
    indexes = "SELECT indexname FROM pg_indexes WHERE tablename = %s ORDER BY 1"
    with session(db):
        return {
            table: [
                execute(db, sql, (table,)).fetchall() for sql in (columns, constraints, indexes)
            ]
            for table in (LEDGER, *DAILY)
        }


def test_a_populated_database_is_divided_and_put_together_again(old_db: Database) -> None:
    tables = (LEDGER, *DAILY)
    before = {table: rows_of(old_db, table) for table in tables}
    shape = shape_of(old_db)
    assert len(before[LEDGER]) == 100
    migrator = Migrator(old_db, version=VERSION)
    assert migrator.up(6) == [6]
    assert {table: rows_of(old_db, table) for table in tables} == before
    assert list(months_of(old_db, LEDGER).values()) == [
        date(2025, 11, 1),
        date(2025, 12, 1),
        date(2026, 1, 1),
        date(2026, 2, 1),
    ]
    assert len(months_of(old_db, "client_daily_usage")) == 15
    divided = shape_of(old_db)
    for table in tables:
        [columns, constraints, indexes] = divided[table]
        assert columns == shape[table][0]
        assert [one for one in constraints if one[0] != "p"] == [
            one for one in shape[table][1] if one[0] != "p"
        ]
        assert indexes == shape[table][2]
    assert migrator.down(5) == [6]
    assert {table: rows_of(old_db, table) for table in tables} == before
    assert shape_of(old_db) == shape
    assert migrator.up(6) == [6]


def test_a_row_that_is_lost_on_the_way_stops_it(
    old_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(old_db, LEDGER)
    real = m0006_partitions.up

    def lose_one(db: Database) -> None:
        real(db)
        execute(db, "UPDATE usage_ledger SET billed_pusd = billed_pusd - 1 WHERE at_ms = 7")

    monkeypatch.setattr(m0006_partitions, "up", lose_one)
    with pytest.raises(MigrationFailed, match=r"usage_ledger: COALESCE\(SUM\(billed_pusd\), 0\)"):
        Migrator(old_db, version=VERSION, migrations=scripts_of(PACKAGE)).up(6)
    assert rows_of(old_db, LEDGER) == before
    assert months_of(old_db, LEDGER) == {}


def test_months_are_made_ahead_once(db: Database) -> None:
    assert make_months(db, at=date(2026, 11, 30)) == 12
    assert make_months(db, at=date(2026, 11, 1)) == 0
    assert make_months(db, at=date(2026, 12, 5)) == 4
    for table in (LEDGER, *DAILY):
        assert list(months_of(db, table).values()) == [
            date(2026, 11, 1),
            date(2026, 12, 1),
            date(2027, 1, 1),
            date(2027, 2, 1),
        ]


def test_a_write_into_a_missing_month_makes_it(db: Database, organization: str) -> None:
    for day in MONTHS:
        call_on(db, organization, day)
        call_on(db, organization, day, purpose="title")
    seal(db, organization, *MONTHS)
    # Late ones, into a day that is sealed and whose months are there.
    call_on(db, organization, MONTHS[0])
    assert len(ledger_days(db)) == 9
    assert sealed_rows(db) == expected_rows(db, {(organization, day) for day in MONTHS})
    for table in (LEDGER, *DAILY):
        assert list(months_of(db, table)) == [
            f"{table}_2025_12",
            f"{table}_2026_01",
            f"{table}_2026_03",
        ]


def test_every_row_is_in_its_month_and_found_by_its_key(db: Database, organization: str) -> None:
    """Were there a default partition, a month could not be made any more."""
    for day in MONTHS:
        call_on(db, organization, day)
    with session(db):
        counts = {
            name: execute(db, f"SELECT COUNT(*) FROM {name}").fetchone()[0]
            for name in months_of(db, LEDGER)
        }
        kinds = execute(
            db, "SELECT COUNT(*) FROM pg_class WHERE relispartition AND relkind = 'r'"
            " AND pg_get_expr(relpartbound, oid) = 'DEFAULT'"
        ).fetchone()  # fmt: skip
    assert list(counts.values()) == [1, 2, 1]
    assert kinds[0] == 0


def test_many_at_once_make_a_month_once(db: Database, organization: str) -> None:
    together = threading.Barrier(4, timeout=10)
    problems: list[BaseException] = []

    def call() -> None:
        try:
            together.wait()
            for day in MONTHS:
                call_on(db, organization, day)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            problems.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(ledger_days(db)) == 16


def test_another_check_that_fails_is_no_missing_month(db: Database, organization: str) -> None:
    with pytest.raises(IntegrityError, match="usage_ledger"):
        call_on(db, organization, date(2026, 1, 20), raw_pusd=-1)
    assert ledger_days(db) == []

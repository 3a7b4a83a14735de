"""Reading the prototype's tables, whole and only reading; and what was imported, put down."""

import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import peewee
import pytest
from peewee import Database

from mai_usage_ext.errors import ConfigurationError, MigrationFailed, StorageUnavailable
from mai_usage_ext.ports import (
    ImportedGeneration,
    ImportedOrganization,
    ImportedUsage,
    ImportMark,
    NoVault,
    UsageKind,
    UsageSums,
)
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.imports import ImportRows
from mai_usage_ext.storage.keys import KeyRows
from mai_usage_ext.storage.legacy import LegacyTables, find_legacy, open_host_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.models import ClientDailyUsage, ClientMonthTotal
from mai_usage_ext.storage.sessions import execute, session, transaction, write
from mai_usage_ext.storage.vault import KeyRing
from tests.services.legacy_rig import ACME, ZETA, make_prototype
from tests.storage.samples import AT_MS, make_organization

DAY = date(2025, 7, 1)
VAULT = KeyRing(["a-key-of-the-tests"])


@pytest.fixture
def old_db(empty_database_url: str) -> Iterator[Database]:
    make_prototype(empty_database_url)
    db = open_database(empty_database_url)
    yield db
    close_database(db)


@pytest.fixture
def rows(db: Database) -> ImportRows:
    return ImportRows(db, VAULT)


def found(db: Database) -> LegacyTables:
    tables = find_legacy(db)
    assert tables is not None
    return tables


def test_under_their_old_names_and_under_their_new_ones(old_db: Database) -> None:
    before = found(old_db)
    counted = {table: before.count(table) for table in before.tables()}
    assert counted["client_daily_usage"] == 3
    read = {table: list(before.rows(table)) for table in before.tables()}
    Migrator(old_db, version="0.1.0").up()
    after = found(old_db)
    assert set(after.tables()) == set(before.tables())
    assert {table: list(after.rows(table)) for table in after.tables()} == read


def test_our_own_tables_are_no_prototype(db: Database) -> None:
    assert find_legacy(db) is None


def test_rows_of_one_organization_and_of_none(old_db: Database) -> None:
    tables = found(old_db)
    of_acme = [row["id"] for row in tables.rows("client_daily_usage", organization_id=ACME)]
    assert sorted(map(str, of_acme)) == [f"{ACME}:2025-07-02", "f3b9d0c2"]
    assert list(tables.strays("client_daily_usage")) == []
    with transaction(old_db):
        execute(old_db, f"DELETE FROM client_organizations WHERE id = '{ZETA}'")
        execute(old_db, "UPDATE processed_generations SET client_org_id = NULL")
    assert [row["client_org_id"] for row in tables.strays("client_daily_usage")] == [ZETA]
    assert len(list(tables.strays("processed_generations"))) == 1
    assert [row["client_org_id"] for row in tables.strays("client_live_counters")] == [ZETA]


@pytest.mark.parametrize("count", [1_999, 2_000, 4_001])
def test_more_rows_than_are_read_at_once(old_db: Database, count: int) -> None:
    insert = "INSERT INTO processed_generations (id, client_org_id) VALUES "
    with transaction(old_db):
        execute(old_db, "DELETE FROM processed_generations")
        for start in range(0, count, 500):
            numbers = range(start, min(start + 500, count))
            values = ", ".join(f"('gen-{number}', '{ACME}')" for number in numbers)
            execute(old_db, insert + values)
    read = [row["id"] for row in found(old_db).rows("processed_generations", organization_id=ACME)]
    assert len(read) == len(set(read)) == count


def test_a_hosts_file_is_only_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/webui.db"
    make_prototype(url)
    with open_host_database(url) as host:
        assert found(host).count("client_organizations") == 2
        with pytest.raises(peewee.OperationalError, match="readonly"), host.connection_context():
            host.execute_sql("DELETE FROM client_organizations")


def test_a_hosts_file_in_wal_mode_that_somebody_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/webui.db"
    make_prototype(url)
    host = sqlite3.connect(tmp_path / "webui.db")
    host.execute("PRAGMA journal_mode=WAL")
    host.execute("DELETE FROM processed_generations")
    host.commit()
    try:
        with open_host_database(url) as opened:
            assert found(opened).count("processed_generations") == 0
    finally:
        host.close()
    # Nobody has it open any more, and its journal is gone.
    with open_host_database(url) as opened:
        assert found(opened).count("processed_generations") == 0


def test_a_hosts_file_that_is_not_there_or_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Dear Sir or Madam, " * 100)
    for name in ("nowhere.db", "letter.db"):
        expected = rf"{name} \(DATABASE_URL\) cannot be read"
        with (
            pytest.raises(StorageUnavailable, match=expected),
            open_host_database(f"sqlite:///{tmp_path}/{name}"),
        ):
            pass
    assert not (tmp_path / "nowhere.db").exists()
    with pytest.raises(ConfigurationError, match="DATABASE_URL"), open_host_database("mysql://x/y"):
        pass


def test_an_organization_with_its_price_and_key(db: Database, rows: ImportRows) -> None:
    make_organization(db, "Acme")
    made = ImportedOrganization(
        id=ACME,
        name="Acme",
        time_zone="Europe/Warsaw",
        billing_currency="EUR",
        rate_micro=1_250_000,
        monthly_limit_pusd=7,
        billing_email="",
        is_active=False,
        created_at_ms=5,
    )
    rows.add_organization(made, now_ms=AT_MS)
    assert rows.has_organization(ACME)
    keys = KeyRows(db, VAULT)
    assert rows.seal_key(ACME, "sk-or-v1-1", key_hash="a1")
    assert not rows.seal_key(ACME, "sk-or-v1-2", key_hash="a2"), "it has one already"
    facts = keys.facts(ACME)
    assert facts is not None
    assert (facts.slug, facts.is_active, facts.stored_state) == ("acme-2", False, "disabled")
    assert keys.secret(ACME) == "sk-or-v1-1"
    with pytest.raises(ConfigurationError, match="MAI_USAGE_ENCRYPTION_KEYS"):
        ImportRows(db, NoVault()).seal_key(ACME, "sk-or-v1-1", key_hash="a3")


def usage(number: int, billed_pusd: int = 2) -> ImportedUsage:
    sums = UsageSums(requests=1, tokens=3, raw_pusd=1, billed_pusd=billed_pusd)
    return ImportedUsage(day=DAY + timedelta(days=number), sums=sums)


def test_sealed_days_are_written_and_replaced(
    db: Database, rows: ImportRows, organization: str
) -> None:
    days = [usage(number) for number in range(90)]
    rows.put_usage(UsageKind.DAY, organization, days, now_ms=AT_MS)
    assert rows.sums(UsageKind.DAY, organization).billed_pusd == 180
    rows.put_usage(UsageKind.DAY, organization, [usage(0, 12)], now_ms=AT_MS)
    assert rows.sums(UsageKind.DAY, organization) == UsageSums(
        requests=90, tokens=270, raw_pusd=90, billed_pusd=190
    )
    stored = rows.imported(UsageKind.DAY, organization)
    assert stored[DAY, "", "", ""] == usage(0, 12)
    assert rows.own_days(organization) == set()
    with transaction(db):
        ours = ClientDailyUsage.update(source="ledger").where(ClientDailyUsage.day == DAY)
        added_to = ClientDailyUsage.update(first_at_ms=1).where(
            ClientDailyUsage.day == DAY + timedelta(days=1)
        )
        write(db, ours)
        write(db, added_to)
    assert rows.own_days(organization) == {DAY, DAY + timedelta(days=1)}
    assert rows.sums(UsageKind.DAY, organization).billed_pusd == 176


def test_a_month_keeps_its_latest_sealed_day(
    db: Database, rows: ImportRows, organization: str
) -> None:
    for pusd, day in ((5, 10), (7, 20), (-2, 15)):
        through = date(2025, 7, day)
        rows.add_to_month(organization, "2025-07", pusd, sealed_through=through)
    with session(db):
        row = ClientMonthTotal.select().bind(db).get()
    assert (row.spent_pusd, row.held_pusd, str(row.sealed_through)) == (10, 0, "2025-07-20")


def test_marks_and_generations(rows: ImportRows, organization: str) -> None:
    assert rows.mark("mapping", "a") is None
    for lacks in ("the key", ""):
        mark = ImportMark(kind="mapping", source_id="a", target_id="b", lacks=lacks)
        rows.put_mark(mark, now_ms=AT_MS)
        assert rows.mark("mapping", "a") == mark
    assert rows.mark("organization", "a") is None
    many = [
        ImportedGeneration(id=f"gen-{number}", day=DAY, cost_pusd=1, tokens=2)
        for number in range(600)
    ]
    rows.add_generations(organization, many)
    known = rows.known_generations([*(one.id for one in many), "gen-x"])
    assert set(known.values()) == {"imported"}
    assert len(known) == 600


def test_the_migration_there_and_back(empty_db: Database) -> None:
    migrator = Migrator(empty_db, version="0.1.0")
    migrator.up(3)
    with transaction(empty_db):
        execute(
            empty_db,
            "INSERT INTO client_organizations (id, name, slug, status, timezone, billing_currency,"
            " on_limit, billing_email, contacts, notes, created_at_ms, updated_at_ms)"
            " VALUES ('a', 'A', 'a', 'active', 'UTC', 'USD', 'block', '', '', '', 1, 1)",
        )
        columns = {column.name for column in empty_db.get_columns("client_daily_usage")}
        columns -= {"organization_id", "day", "first_at_ms", "last_at_ms"}
        names = ", ".join(sorted(columns))
        zeros = ", ".join("0" for _ in columns)
        execute(
            empty_db,
            f"INSERT INTO client_daily_usage (organization_id, day, {names})"
            f" VALUES ('a', '2025-07-01', {zeros})",
        )
    assert migrator.up(4) == [4]
    with session(empty_db):
        assert execute(empty_db, "SELECT source FROM client_daily_usage").fetchall() == [
            ("ledger",)
        ]
    assert migrator.down(3) == [4]
    with session(empty_db):
        assert "source" not in {one.name for one in empty_db.get_columns("client_daily_usage")}
        assert "import_marks" not in empty_db.get_tables()
        assert execute(empty_db, "SELECT COUNT(*) FROM client_daily_usage").fetchone()[0] == 1


def test_the_migration_notices_a_lost_day(db: Database) -> None:
    from mai_usage_ext.migrations import m0004_legacy

    with session(db), pytest.raises(MigrationFailed, match="had 1 rows and has 0"):
        m0004_legacy.check(db, {"client_daily_usage": 1})

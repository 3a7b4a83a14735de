"""mAI's prototype tables, written out as they are found in the wild."""

import pytest
from peewee import Database

from mai_usage_ext.errors import MigrationFailed, PrototypePresent
from mai_usage_ext.storage import prototype
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.sessions import execute, session, transaction
from tests.storage.samples import make_organization

VERSION = "0.1.0"

PROTOTYPE = """
CREATE TABLE global_settings (
    id VARCHAR(255) NOT NULL PRIMARY KEY, openrouter_provisioning_key TEXT,
    default_markup_rate REAL, billing_currency VARCHAR(8), created_at BIGINT, updated_at BIGINT);
CREATE TABLE client_organizations (
    id VARCHAR(255) NOT NULL PRIMARY KEY, name TEXT NOT NULL,
    openrouter_api_key TEXT NOT NULL UNIQUE, openrouter_key_hash TEXT, markup_rate REAL,
    monthly_limit REAL, billing_email TEXT, is_active INTEGER, created_at BIGINT,
    updated_at BIGINT);
CREATE TABLE user_client_mapping (
    id VARCHAR(255) NOT NULL PRIMARY KEY, user_id TEXT, client_org_id TEXT,
    openrouter_user_id TEXT, is_active INTEGER, created_at BIGINT, updated_at BIGINT);
CREATE TABLE client_daily_usage (
    id VARCHAR(255) NOT NULL PRIMARY KEY, client_org_id TEXT, usage_date DATE,
    total_tokens BIGINT, total_requests BIGINT, raw_cost REAL, markup_cost REAL,
    primary_model TEXT, unique_users INTEGER, created_at BIGINT, updated_at BIGINT);
CREATE INDEX idx_client_date ON client_daily_usage (client_org_id, usage_date);
CREATE TABLE client_user_daily_usage (
    id VARCHAR(255) NOT NULL PRIMARY KEY, client_org_id TEXT, user_id TEXT,
    openrouter_user_id TEXT, usage_date DATE, total_tokens BIGINT, total_requests BIGINT,
    raw_cost REAL, markup_cost REAL);
CREATE UNIQUE INDEX "mai_usage_ledger_day" ON client_user_daily_usage (client_org_id, id);
CREATE TABLE client_live_counters (
    client_org_id VARCHAR(255) NOT NULL PRIMARY KEY, "current_date" DATE, today_tokens BIGINT,
    today_requests BIGINT, today_raw_cost REAL, today_markup_cost REAL, last_updated BIGINT);
INSERT INTO client_organizations VALUES
    ('client_acme_1', 'Acme', 'sk-or-v1-1', NULL, 1.3, 100.5, NULL, 1, 1, 1),
    ('client_zeta_2', 'Zeta', 'sk-or-v1-2', NULL, 1.1, NULL, NULL, 0, 1, 1);
INSERT INTO client_daily_usage VALUES
    ('1', 'client_acme_1', '2025-07-01', 10, 1, 0.1, 0.13, 'm', 1, 1, 1),
    ('2', 'client_acme_1', '2025-07-02', 20, 2, 0.2, 0.26, 'm', 1, 1, 1);
INSERT INTO client_live_counters VALUES ('client_acme_1', '2025-07-03', 5, 1, 0.05, 0.065, 1)
"""
TABLES = {
    "global_settings",
    "client_organizations",
    "user_client_mapping",
    "client_daily_usage",
    "client_user_daily_usage",
    "client_live_counters",
}


@pytest.fixture
def old_db(empty_db: Database) -> Database:
    with transaction(empty_db):
        for statement in PROTOTYPE.split(";"):
            execute(empty_db, statement)
    return empty_db


def tables(db: Database) -> set[str]:
    with session(db):
        return set(db.get_tables())


def index_names(db: Database, table: str) -> set[str]:
    """Of a table that is divided into months too, which peewee does not look into."""
    if is_sqlite(db):
        return {one.name for one in db.get_indexes(table)}
    asked = "SELECT indexname FROM pg_indexes WHERE tablename = %s"
    return {row[0] for row in execute(db, asked, (table,)).fetchall()}


def test_they_are_recognised_by_their_columns(old_db: Database) -> None:
    with session(old_db):
        assert set(prototype.find(old_db)) == TABLES


def test_they_are_set_aside_with_all_they_hold(old_db: Database) -> None:
    assert Migrator(old_db, version=VERSION).up()[0] == 1
    assert {f"legacy_{table}" for table in TABLES} <= tables(old_db)
    assert not {"global_settings", "user_client_mapping"} & tables(old_db)
    with session(old_db):
        rows = execute(
            old_db, "SELECT id, markup_rate, monthly_limit FROM legacy_client_organizations"
        ).fetchall()
        indexes = {one.name for one in old_db.get_indexes("legacy_client_daily_usage")}
    assert sorted(rows) == [
        ("client_acme_1", pytest.approx(1.3), 100.5),
        ("client_zeta_2", pytest.approx(1.1), None),
    ]
    assert "legacy_idx_client_date" in indexes
    make_organization(old_db)


def test_their_index_names_do_not_stand_in_our_way(old_db: Database) -> None:
    """One of them is made to clash with ours above; both are there afterwards."""
    Migrator(old_db, version=VERSION).up()
    with session(old_db):
        legacy = {one.name for one in old_db.get_indexes("legacy_client_user_daily_usage")}
        new = index_names(old_db, "usage_ledger")
        keys = {one.name for one in old_db.get_indexes("client_organizations")}
    assert "legacy_mai_usage_ledger_day" in legacy
    assert "mai_usage_ledger_day" in new
    assert not any(name.endswith("_pkey1") for name in keys)


def test_where_the_prototype_is_still_in_the_host_nothing_is_renamed(old_db: Database) -> None:
    before = tables(old_db)
    with pytest.raises(PrototypePresent, match="client_organizations"):
        Migrator(old_db, version=VERSION, prototype_in_host=True).up()
    assert tables(old_db) == before


def test_a_half_matching_table_stops_us_before_anything_is_renamed(old_db: Database) -> None:
    with transaction(old_db):
        execute(old_db, "DROP TABLE client_daily_usage")
        execute(old_db, "CREATE TABLE client_daily_usage (id INTEGER, client_org_id TEXT)")
    before = tables(old_db)
    with pytest.raises(MigrationFailed, match="the table client_daily_usage exists"):
        Migrator(old_db, version=VERSION).up()
    assert tables(old_db) == before


def test_an_earlier_rename_is_not_overwritten(old_db: Database) -> None:
    with transaction(old_db):
        execute(old_db, "CREATE TABLE legacy_client_organizations (a INTEGER)")
    before = tables(old_db)
    with pytest.raises(MigrationFailed, match="legacy_client_organizations is in the way"):
        Migrator(old_db, version=VERSION).up()
    assert tables(old_db) == before


def test_tables_with_anybodys_names_alone_are_not_the_prototypes(empty_db: Database) -> None:
    with transaction(empty_db):
        execute(
            empty_db,
            "CREATE TABLE global_settings (id TEXT, openrouter_provisioning_key TEXT,"
            " default_markup_rate REAL)",
        )
    Migrator(empty_db, version=VERSION, prototype_in_host=True).up()
    assert "global_settings" in tables(empty_db)


def test_our_own_tables_are_not_taken_for_the_prototypes(db: Database) -> None:
    with session(db):
        assert prototype.find(db) == []

"""mAI's prototype as it is found in the wild, beside our tables or among them, and the import."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from peewee import Database

from mai_usage_ext.maintenance import _legacy_import
from mai_usage_ext.ports import AuditFilter, AuditRecord
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.legacy_report import ImportReport, Result, RowReport
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.legacy import find_legacy, open_host_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.models import all_models
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.sessions import execute, session, transaction
from mai_usage_ext.storage.vault import vault_of

RING = "an-encryption-key-of-tests"
KEY = "sk-or-v1-" + "a1" * 32
MANAGEMENT_KEY = "sk-or-v1-" + "9f" * 32

TABLES = """
CREATE TABLE global_settings (
    id VARCHAR(255) NOT NULL PRIMARY KEY, openrouter_provisioning_key TEXT,
    default_markup_rate {real}, billing_currency VARCHAR(8), created_at BIGINT, updated_at BIGINT);
CREATE TABLE client_organizations (
    id VARCHAR(255) NOT NULL PRIMARY KEY, name TEXT, openrouter_api_key TEXT UNIQUE,
    openrouter_key_hash TEXT, markup_rate {real}, monthly_limit {real}, billing_email TEXT,
    is_active INTEGER, created_at BIGINT, updated_at BIGINT, timezone TEXT);
CREATE TABLE user_client_mapping (
    id VARCHAR(255) NOT NULL PRIMARY KEY, user_id TEXT, client_org_id TEXT,
    openrouter_user_id TEXT, is_active INTEGER, created_at BIGINT, updated_at BIGINT);
CREATE TABLE client_daily_usage (
    id VARCHAR(255) NOT NULL PRIMARY KEY, client_org_id TEXT, usage_date DATE,
    total_tokens BIGINT, total_requests BIGINT, raw_cost {real}, markup_cost {real},
    primary_model TEXT, unique_users INTEGER, created_at BIGINT, updated_at BIGINT);
CREATE TABLE client_user_daily_usage (
    id VARCHAR(255) NOT NULL PRIMARY KEY, client_org_id TEXT, user_id TEXT,
    openrouter_user_id TEXT, usage_date DATE, total_tokens BIGINT, total_requests BIGINT,
    raw_cost {real}, markup_cost {real}, created_at BIGINT, updated_at BIGINT);
CREATE TABLE client_model_daily_usage (
    id VARCHAR(255) NOT NULL PRIMARY KEY, client_org_id TEXT, model_name TEXT, provider TEXT,
    usage_date DATE, total_tokens BIGINT, total_requests BIGINT,
    raw_cost {real}, markup_cost {real}, created_at BIGINT, updated_at BIGINT);
CREATE TABLE client_live_counters (
    client_org_id VARCHAR(255) NOT NULL PRIMARY KEY, "current_date" DATE, today_tokens BIGINT,
    today_requests BIGINT, today_raw_cost {real}, today_markup_cost {real}, last_updated BIGINT);
CREATE TABLE processed_generations (
    id VARCHAR(255) NOT NULL PRIMARY KEY, client_org_id TEXT, generation_date DATE,
    processed_at BIGINT, total_cost {real}, total_tokens BIGINT);
"""
# 1751328000 is the first of July 2025; Zeta's instants are milliseconds.
ROWS = f"""
INSERT INTO global_settings VALUES ('global', '{MANAGEMENT_KEY}', 1.25, 'EUR', 1, 1);
INSERT INTO client_organizations VALUES
    ('client_acme_1751328000', 'Acme', '{KEY}', NULL, 1.3, 100.1, 'bills@acme.example', 1,
     1751328000, 1751328000, 'Europe/Warsaw'),
    ('client_zeta_1751328000', 'Zeta', NULL, NULL, 1.15, NULL, NULL, 0,
     1751328000000, 1751328000000, NULL);
INSERT INTO user_client_mapping VALUES
    ('ada_acme', 'ada', 'client_acme_1751328000', 'u_ada', 1, 1751328000, 1751328000),
    ('ben_zeta', 'ben', 'client_zeta_1751328000', NULL, 0, 1751328000, 1751328000);
INSERT INTO client_daily_usage VALUES
    ('f3b9d0c2', 'client_acme_1751328000', '2025-07-01', 30, 3, 0.1, 0.13, 'm', 1,
     1751328000, 1751328000),
    ('client_acme_1751328000:2025-07-02', 'client_acme_1751328000', '2025-07-02', 20, 2,
     0.30000000000000004, 0.39, 'm', 1, 1751328000, 1751328000),
    ('client_zeta_1751328000_2025-07-01', 'client_zeta_1751328000', '2025-07-01', 5, 1,
     2.5e-07, 3e-07, NULL, NULL, 1751328000000, 1751328000000);
INSERT INTO client_user_daily_usage VALUES
    ('u1', 'client_acme_1751328000', 'ada', 'u_ada', '2025-07-01', 30, 3, 0.1, 0.13, 1, 1),
    ('u2', 'client_acme_1751328000', 'ada', 'u_ada', '2025-07-02', 20, 2,
     0.30000000000000004, 0.39, 1, 1);
INSERT INTO client_model_daily_usage VALUES
    ('m1', 'client_acme_1751328000', 'acme/a', 'Acme', '2025-07-01', 30, 3, 0.1, 0.13, 1, 1),
    ('m2', 'client_acme_1751328000', 'acme/a', NULL, '2025-07-02', 20, 2,
     0.30000000000000004, 0.39, 1, 1);
INSERT INTO client_live_counters VALUES
    ('client_acme_1751328000', '2025-07-03', 7, 1, 0.07, 0.091, 1751500800),
    ('client_zeta_1751328000', '2025-07-01', 5, 1, 2.5e-07, 3e-07, 1751328000);
INSERT INTO processed_generations VALUES
    ('gen-1751328000-a', 'client_acme_1751328000', '2025-07-01', 1751328000, 0.1, 30);
"""
ACME, ZETA = "client_acme_1751328000", "client_zeta_1751328000"


@dataclass
class StoppedClock:
    instant_ms: int

    def now_ms(self) -> int:
        return self.instant_ms


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def make_prototype(url: str) -> None:
    """Its tables and rows, in a database without ours."""
    db = open_database(url)
    real = "REAL" if url.startswith("sqlite") else "DOUBLE PRECISION"
    with transaction(db):
        for statement in (TABLES.format(real=real) + ROWS).split(";"):
            if statement.strip():
                execute(db, statement)
    close_database(db)


@dataclass
class Rig:
    """Our tables in ``db``; ``legacy`` is where the prototype's are, ``prefix`` their names'."""

    db: Database
    legacy_url: str
    prefix: str
    environ: dict[str, str]
    rows: list[RowReport] = field(default_factory=list)

    def run(self, *, dry: bool = False, **environ: str) -> ImportReport:
        self.rows = []
        settings = Settings.from_env({**self.environ, **environ})
        with self.source() as source:
            work = _legacy_import(settings, self.db, source)
            return work.run(is_rehearsal=dry, sink=self.rows.append)

    @contextmanager
    def source(self) -> Iterator[Any]:
        if self.prefix:
            yield find_legacy(self.db)
            return
        with open_host_database(self.legacy_url) as host:
            yield find_legacy(host)

    def change(self, statement: str) -> None:
        """Run on the prototype's tables; ``@`` stands before their names."""
        db = open_database(self.legacy_url)
        with transaction(db):
            execute(db, statement.replace(" @", f" {self.prefix}"))
        close_database(db)

    def result(self, table: str, row_id: str) -> tuple[str, str]:
        (row,) = [one for one in self.rows if (one.table, one.id) == (table, row_id)]
        return row.result.value, row.why

    def problems(self) -> list[tuple[str, str, str]]:
        return [
            (row.table, row.id, row.result.value)
            for row in self.rows
            if row.result not in (Result.IMPORTED, Result.UNCHANGED, Result.SKIPPED)
        ]

    def organization(self, organization_id: str) -> Any:
        rows = OrganizationRows(self.db, vault=vault_of(Settings.from_env(self.environ)))
        return rows.get(organization_id, at_ms=2**52)

    def trail(self) -> list[AuditRecord]:
        audit = Audit(AuditRows(self.db), clock=StoppedClock(0))
        return list(audit.page(AuditFilter(), offset=0, limit=1000)[0])[::-1]

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of ours."""
        found = {}
        with session(self.db):
            for model in all_models():
                table: Any = model.select()
                found[model._meta.table_name] = sorted(
                    map(tuple, table.tuples().bind(self.db)), key=repr
                )
        return found


def make_template(url: str, legacy_url: str) -> None:
    """The prototype with its rows, and our tables beside or among its own."""
    make_prototype(legacy_url)
    db = open_database(url, owned=True)
    Migrator(db, version="0.1.0").up()
    close_database(db)


@contextmanager
def rig_on(url: str, legacy_url: str) -> Iterator[Rig]:
    db = open_database(url, owned=True)
    environ = {"MAI_USAGE_DATABASE_URL": url, "MAI_USAGE_ENCRYPTION_KEYS": RING}
    yield Rig(db, legacy_url, "" if legacy_url != url else "legacy_", environ)
    close_database(db)


def without_vault() -> dict[str, str]:
    return {"MAI_USAGE_ENCRYPTION_KEYS": "", "WEBUI_SECRET_KEY": "", "HOME": os.environ["HOME"]}

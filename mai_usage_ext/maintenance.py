"""An operator's commands on the database, without starting a meter."""

import asyncio
import functools
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from mai_usage_ext.api.services import BillingServices
from mai_usage_ext.bootstrap import database_for, open_workbench
from mai_usage_ext.bootstrap.billing import wire_billing
from mai_usage_ext.bootstrap.debugging import explain_of, validation_of
from mai_usage_ext.bootstrap.exports import exports_of
from mai_usage_ext.bootstrap.health import stored_health
from mai_usage_ext.bootstrap.reconciliation import wire_reconciliation
from mai_usage_ext.errors import NotFound, PrototypePresent, SchemaMismatch
from mai_usage_ext.host.seams import host_database_url, prototype_in_host
from mai_usage_ext.ports import AnybodyIsKnown, SystemClock
from mai_usage_ext.services.audit import Audit, AuditVerdict
from mai_usage_ext.services.day_books import DayResult
from mai_usage_ext.services.explain import Explanation
from mai_usage_ext.services.exports import Exports
from mai_usage_ext.services.health import Check
from mai_usage_ext.services.legacy import LegacyImport, Progress
from mai_usage_ext.services.legacy_report import ImportReport, RowReport
from mai_usage_ext.services.live_settings import LiveSettings
from mai_usage_ext.services.resealing import Resealed, reseal
from mai_usage_ext.services.validation import ValidationReport
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.imports import ImportRows
from mai_usage_ext.storage.legacy import LegacyTables, find_legacy, open_host_database
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.sealed import SealedRows
from mai_usage_ext.storage.sessions import transaction
from mai_usage_ext.storage.settings import SettingRows
from mai_usage_ext.storage.vault import vault_of
from mai_usage_ext.storage.writer import LedgerWriter
from mai_usage_ext.version import __version__

__all__ = [
    "explain",
    "health_checks",
    "import_legacy",
    "open_billing",
    "open_exports",
    "open_migrator",
    "reconcile",
    "reseal_secrets",
    "verify_audit",
]

_DRAIN_S = 10.0


@contextmanager
def open_migrator(environ: Mapping[str, str]) -> Iterator[Migrator]:
    """The migrator of the database the settings name. Raises ``ConfigurationError``."""
    with _opened(environ, migrated=False) as (_, database):
        yield Migrator(database, version=__version__, prototype_in_host=prototype_in_host())


@contextmanager
def _opened(environ: Mapping[str, str], *, migrated: bool = True) -> Iterator[tuple[Settings, Any]]:
    """The settings and their database, whose tables are those of this version."""
    settings = Settings.from_env(environ)
    host_url = None if settings.database_url is not None else host_database_url(environ)
    url, _, setting = database_for(settings, host_url)
    # A command leaves the journal mode as it finds it: the file may be the host's.
    database = open_database(url, owned=False, setting=setting)
    try:
        if migrated:
            _require_tables(database)
        yield settings, database
    finally:
        close_database(database)


def _require_tables(database: Any) -> None:
    waiting = [
        state.name
        for state in Migrator(database, version=__version__).status()
        if state.applied_at_ms is None
    ]
    if waiting:
        raise SchemaMismatch(
            f"the database lacks the migrations {', '.join(waiting)}; run mai-usage migrate up"
        )


def reseal_secrets(
    environ: Mapping[str, str],
    *,
    progress: Callable[[Resealed], None],
    should_stop: Callable[[], bool],
) -> Resealed:
    """Seal every stored secret with the newest key of the ring, while the host goes on.

    Raises ``ConfigurationError`` where there is no key to seal with, ``StorageUnavailable``.
    """
    with _opened(environ) as (settings, database):
        return reseal(SealedRows(database), vault_of(settings), progress, should_stop)


def explain(environ: Mapping[str, str], any_id: str) -> Explanation:
    """Why the numbers of a call are what they are. Raises ``NotFound`` for an unknown id."""
    with _opened(environ) as (_, database):
        return explain_of(database).of(any_id)


def health_checks(environ: Mapping[str, str]) -> Sequence[Check]:
    """What the health page says of the database, jobs, keys and settings, without a meter."""
    with _opened(environ) as (settings, database):
        return stored_health(database, settings).look().checks


def validate(
    environ: Mapping[str, str], *, progress: Callable[[int, int], None]
) -> ValidationReport:
    """Add up counters, sealed days and months anew; nothing is changed."""
    with _opened(environ) as (_, database):
        return validation_of(database).run(progress=progress)


def verify_audit(environ: Mapping[str, str]) -> AuditVerdict:
    """Walk the audit trail from its first row to its end."""
    with _opened(environ) as (_, database):
        return Audit(AuditRows(database), clock=SystemClock()).verify()


@contextmanager
def open_exports(
    environ: Mapping[str, str],
) -> Iterator[tuple[Exports, Callable[[str | None], str | None]]]:
    """Exports, and what finds an organization's id by id or slug; ``None`` stays ``None``.

    Users have no names here, for only the host knows them. Raises ``ConfigurationError``; finding
    raises ``NotFound``.
    """
    with _opened(environ) as (settings, database):
        organizations = OrganizationRows(database, vault=vault_of(settings))
        exports = exports_of(database, organizations=organizations, users=AnybodyIsKnown())
        yield exports, _finder(database)


@contextmanager
def open_billing(
    environ: Mapping[str, str],
) -> Iterator[tuple[BillingServices, Callable[[str | None], str | None]]]:
    """Statements, and what finds an organization's id as ``open_exports`` does."""
    with _opened(environ) as (settings, _):
        host_url = None if settings.database_url is not None else host_database_url(environ)
    bench = open_workbench(settings, host_database_url=host_url, prototype=prototype_in_host())
    try:
        yield wire_billing(bench, settings), _finder(bench.database)
    finally:
        bench.close()


def _finder(database: Any) -> Callable[[str | None], str | None]:
    members = MemberRows(database)

    def client_id(name: str | None) -> str | None:
        if name is None:
            return None
        found = members.organizations_named([name])
        if name not in found:
            raise NotFound(f"there is no organization with the id or slug {name!r}")
        return found[name]

    return client_id


def import_legacy(
    environ: Mapping[str, str],
    *,
    is_rehearsal: bool,
    sink: Callable[[RowReport], None],
    progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> ImportReport:
    """Import what mAI's prototype left, from our database or from the host's.

    Raises ``NotFound`` where it left nothing, ``PrototypePresent`` while it is still in the host,
    ``StorageUnavailable``.
    """
    if prototype_in_host():
        raise PrototypePresent(
            "the host still carries its own metering, which goes on counting; remove it from the "
            "host, then import"
        )
    with _opened(environ) as (settings, database), _legacy(environ, database) as source:
        return _legacy_import(settings, database, source).run(
            is_rehearsal=is_rehearsal, sink=sink, progress=progress, should_stop=should_stop
        )


@contextmanager
def _legacy(environ: Mapping[str, str], database: Any) -> Iterator[LegacyTables]:
    """Where the prototype's tables are. Our migrations rename them where they meet them."""
    found = find_legacy(database)
    if found is not None:
        yield found
        return
    with open_host_database(host_database_url(environ)) as host:
        found = find_legacy(host)
        if found is None:
            raise NotFound(
                "there are no tables of mAI's prototype, neither in our database nor in the host's "
                "(DATABASE_URL)"
            )
        yield found


def _legacy_import(settings: Settings, database: Any, source: LegacyTables) -> LegacyImport:
    clock, vault = SystemClock(), vault_of(settings)
    organizations = OrganizationRows(database, vault=vault)
    audit = Audit(AuditRows(database), clock=clock)

    def unit_of_work() -> Any:
        return transaction(database)

    live = LiveSettings(
        SettingRows(database),
        settings=settings,
        vault=vault,
        organization_exists=lambda one: organizations.get(one, at_ms=clock.now_ms()) is not None,
        audit=audit,
        unit_of_work=unit_of_work,
        clock=clock,
    )
    live.reload()
    return LegacyImport(
        source,
        ImportRows(database, vault),
        organizations=organizations,
        members=MemberRows(database),
        settings=live,
        audit=audit,
        unit_of_work=unit_of_work,
        clock=clock,
    )


def reconcile(
    environ: Mapping[str, str],
    days: Sequence[date],
    *,
    should_stop: Callable[[], bool],
    progress: Callable[[date, int, int], None],
) -> Iterator[DayResult]:
    """Compare these UTC days with OpenRouter's figures one by one, while the host goes on.
    ``progress`` is told how many keys of how many are done of a day.

    Raises as ``Reconciliation.run_day`` does; what was compared before stays.
    """
    with _opened(environ) as (settings, _):
        host_url = None if settings.database_url is not None else host_database_url(environ)
    bench = open_workbench(settings, host_database_url=host_url, prototype=prototype_in_host())
    name = f"reconcile:{os.getpid()}:{secrets.token_hex(4)}"
    ledger = LedgerWriter(bench.database, owner=name, version=__version__)
    ledger.start()
    try:
        reconciliation = wire_reconciliation(bench, settings, ledger)
        for day in days:
            if should_stop():
                return
            told = functools.partial(progress, day)
            yield asyncio.run(reconciliation.run_day(day, progress=told))
    finally:
        ledger.stop(timeout_s=_DRAIN_S)
        bench.close()

"""An operator's commands on the database, without starting a meter."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mai_usage_ext.bootstrap import database_for
from mai_usage_ext.errors import SchemaMismatch
from mai_usage_ext.host.seams import host_database_url, prototype_in_host
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.services.audit import Audit, AuditVerdict
from mai_usage_ext.services.resealing import Resealed, reseal
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.sealed import SealedRows
from mai_usage_ext.storage.vault import vault_of
from mai_usage_ext.version import __version__

__all__ = ["open_migrator", "reseal_secrets", "verify_audit"]


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


def verify_audit(environ: Mapping[str, str]) -> AuditVerdict:
    """Walk the audit trail from its first row to its end."""
    with _opened(environ) as (_, database):
        return Audit(AuditRows(database), clock=SystemClock()).verify()

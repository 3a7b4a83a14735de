"""Opening the database, SQLite or PostgreSQL, on peewee 3.18 and 4 alike.

A ``Database`` may be shared by threads: each gets its own connection where its query runs, see
``sessions``. Opening one does no I/O.
"""

from typing import Any

from peewee import Database, SqliteDatabase

from mai_usage_ext.storage.urls import PostgresTarget, SqliteTarget, parse_database_url

__all__ = ["close_database", "is_sqlite", "open_database"]

_BUSY_TIMEOUT_S = 5.0
_STATEMENT_TIMEOUT_MS = 30_000
_POOL_SIZE = 32
_POOL_WAIT_S = 5
_POOL_STALE_S = 300


def open_database(
    url: str, *, owned: bool = False, setting: str = "MAI_USAGE_DATABASE_URL"
) -> Database:
    """The database behind ``url``; ``setting`` is the variable it came from.

    ``owned`` says that a SQLite file is ours alone, which is when it is put into WAL mode; the
    journal mode of the host's own file is the host's affair. Raises ``ConfigurationError``.
    """
    target = parse_database_url(url, setting=setting)
    if isinstance(target, SqliteTarget):
        return _sqlite(target, owned=owned)
    return _postgres(target)


def close_database(db: Database) -> None:
    """Close this thread's connection and everything that waits in the pool."""
    pool: Any = db
    if not hasattr(pool, "close_idle"):
        pool.close()
        return
    if not pool.is_closed():
        pool.manual_close()
    pool.close_idle()


def is_sqlite(db: Database) -> bool:
    return isinstance(db, SqliteDatabase)


def _sqlite(target: SqliteTarget, *, owned: bool) -> Database:
    # FULL survives a power cut; with commits in groups it costs a few percent.
    pragmas: list[tuple[str, Any]] = [("foreign_keys", 1), ("synchronous", "FULL")]
    if owned:
        pragmas.insert(0, ("journal_mode", "wal"))
    return SqliteDatabase(target.path, pragmas=pragmas, timeout=_BUSY_TIMEOUT_S)


def _postgres(target: PostgresTarget) -> Database:
    parameters: dict[str, Any] = {
        "connect_timeout": "5",
        "application_name": "mai-usage",
        "keepalives_idle": "30",
        # Options of the URL win as a whole, so that a connection pooler which refuses them can be
        # given an empty value.
        "options": f"-c statement_timeout={_STATEMENT_TIMEOUT_MS}",
        **target.parameters,
    }
    db: Database = _pooled_class()(
        target.database,
        max_connections=_POOL_SIZE,
        stale_timeout=_POOL_STALE_S,
        timeout=_POOL_WAIT_S,
        context=_adapters(),
        **parameters,
    )
    return db


def _pooled_class() -> Any:
    """peewee's pool over psycopg 3, which moved between its versions 3 and 4."""
    from playhouse import pool

    old = getattr(pool, "PooledPsycopg3Database", None)
    if old is not None:
        return old

    def preferring_psycopg3(database: str, **options: Any) -> Database:
        made: Database = pool.PooledPostgresqlDatabase(database, prefer_psycopg3=True, **options)
        return made

    return preferring_psycopg3


def _adapters() -> Any:
    """One wire type for every int.

    The driver picks the smallest type that holds each value, and every mix of types is another
    prepared statement: hundreds for a statement of twenty numbers, more than it keeps.
    """
    import psycopg
    from psycopg.adapt import AdaptersMap
    from psycopg.types.numeric import Int8Dumper

    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(int, Int8Dumper)
    return adapters

"""Connections and transactions, and which failures are worth trying again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import peewee
from peewee import Database
from playhouse.pool import MaxConnectionsExceeded

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.storage.database import close_database, is_sqlite
from mai_usage_ext.storage.slow_queries import timed_cursor

__all__ = ["driver_cursor", "execute", "is_transient", "session", "transaction", "write"]

_GONE = (peewee.OperationalError, peewee.InterfaceError, peewee.InternalError)


@contextmanager
def session(db: Database, *, keep: bool = False) -> Iterator[None]:
    """A connection for this thread: the open one, else one that lives as long as the block.

    ``keep`` leaves a new one open for what follows. Raises ``StorageUnavailable`` for what is
    worth trying again.
    """
    opened = False
    try:
        if db.is_closed():
            db.connect()
            opened = True
        yield
    except Exception as error:
        if not is_transient(error):
            raise
        if opened:
            # After a restart of the server every idle connection is dead too.
            close_database(db)
        raise StorageUnavailable(_first_line(error)) from error
    finally:
        if opened and not keep and not db.is_closed():
            db.close()


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """One transaction, in this thread's connection.

    On SQLite it takes the write lock at once: a transaction that first reads and then writes
    fails with "database is locked" without waiting.
    """
    with session(db), db.atomic("IMMEDIATE") if is_sqlite(db) else db.atomic():
        yield


def execute(db: Database, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """The cursor of one statement, run through peewee's connection of this thread."""
    run: Any = db.execute_sql
    return run(sql, parameters)


def write(db: Database, query: Any) -> int:
    """Run an insert, update or delete that is bound to no database; return the number of rows.

    peewee's own ``execute`` cannot insert for a model without a database in its version 3.
    """
    context: Any = db.get_sql_context()
    sql, parameters = context.sql(query).query()
    return int(execute(db, sql, parameters).rowcount)


@contextmanager
def driver_cursor(db: Database) -> Iterator[Any]:
    """The driver's own cursor, whose errors come out as peewee's."""
    translating: Any = getattr(peewee, "__exception_wrapper__")  # noqa: B009 - not in its types
    opened: Any = db.cursor
    with translating:
        cursor = opened()
        try:
            yield timed_cursor(db, cursor)
        finally:
            cursor.close()


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: locked, full, restarting, gone, not migrated."""
    if isinstance(error, StorageUnavailable | MaxConnectionsExceeded):
        return True
    if isinstance(error, peewee.ProgrammingError):
        # Class 42 is a missing table, column or right: the schema's trouble, not the row's.
        driver_error = getattr(error, "orig", None)
        return str(getattr(driver_error, "sqlstate", None) or "").startswith("42")
    if isinstance(error, peewee.IntegrityError | peewee.DataError | peewee.NotSupportedError):
        return False
    return isinstance(error, (*_GONE, peewee.DatabaseError))


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

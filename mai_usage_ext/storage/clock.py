"""The database's clock: one for all machines, while the processes' own may differ by hours."""

from peewee import Database

from mai_usage_ext.ports import Clock
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.sessions import execute, session

__all__ = ["DatabaseClock", "EarlierClock", "now_sql"]

_SQLITE = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
# Not the statement's beginning: one that waited for a row's lock would judge it by an older clock
# than the one it was written by.
_POSTGRES = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


def now_sql(db: Database) -> str:
    """An expression for the present instant, in UTC milliseconds."""
    return _SQLITE if is_sqlite(db) else _POSTGRES


class DatabaseClock:
    """Implements ``ports.Clock``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sql = f"SELECT {now_sql(db)}"

    def now_ms(self) -> int:
        with session(self._db):
            return int(execute(self._db, self._sql).fetchone()[0])


class EarlierClock:
    """The earlier of a process's clock and the database's, for what may be done late but not too
    early, whichever of the two is wrong. Implements ``ports.Clock``; raises ``StorageUnavailable``.
    """

    def __init__(self, db: Database, own: Clock) -> None:
        self._database = DatabaseClock(db)
        self._own = own

    def now_ms(self) -> int:
        return min(self._own.now_ms(), self._database.now_ms())

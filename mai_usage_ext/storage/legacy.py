"""The prototype's tables, read as they are found and never written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from peewee import Database, SqliteDatabase

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.ports import LegacyRow
from mai_usage_ext.storage import prototype
from mai_usage_ext.storage.database import close_database, is_sqlite, open_database
from mai_usage_ext.storage.sessions import execute, session
from mai_usage_ext.storage.urls import SqliteTarget, parse_database_url

__all__ = ["LegacyTables", "find_legacy", "open_host_database"]

_PAGE = 2_000
_ORGANIZATIONS = "client_organizations"
# Its live counters have a row for each organization, and no other key.
_KEYS = {"client_live_counters": "client_org_id"}


@contextmanager
def open_host_database(url: str) -> Iterator[Database]:
    """The host's own database, to be read only: a SQLite file is opened so.

    Raises ``ConfigurationError``, and ``StorageUnavailable`` that says whose database it is.
    """
    target = parse_database_url(url, setting="DATABASE_URL")
    if isinstance(target, SqliteTarget):
        file = f"file:{quote(target.path)}?mode=ro"
        db: Database = SqliteDatabase(file, uri=True, pragmas=[("query_only", 1)])
        name = target.path
    else:
        db, name = open_database(url, setting="DATABASE_URL"), target.database
    try:
        with session(db):
            db.get_tables()
    except StorageUnavailable as error:
        raise StorageUnavailable(
            f"the host's database {name} (DATABASE_URL) cannot be read: {error}"
        ) from error
    try:
        yield db
    finally:
        close_database(db)


def find_legacy(db: Database) -> "LegacyTables | None":
    """The prototype's tables in this database: renamed by our migrations, or as they were."""
    with session(db):
        for prefix in (prototype.PREFIX, ""):
            found = prototype.find(db, prefix=prefix)
            if found:
                return LegacyTables(db, found, prefix=prefix)
    return None


class LegacyTables:
    """Implements ``ports.LegacySource``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database, tables: Sequence[str], *, prefix: str) -> None:
        self._db = db
        self._prefix = prefix
        self._columns = {
            table: [column.name for column in db.get_columns(prefix + table)] for table in tables
        }

    def tables(self) -> Sequence[str]:
        return list(self._columns)

    def count(self, table: str) -> int:
        query = f"SELECT COUNT(*) FROM {self._name(table)}"  # noqa: S608 - names we recognised
        with session(self._db):
            return int(execute(self._db, query).fetchone()[0])

    def rows(self, table: str, *, organization_id: object = None) -> Iterator[LegacyRow]:
        if organization_id is None:
            return self._pages(table, "1 = 1", ())
        return self._pages(table, f"client_org_id = {self._mark}", (organization_id,))

    def strays(self, table: str) -> Iterator[LegacyRow]:
        if _ORGANIZATIONS not in self._columns:
            return self._pages(table, "1 = 1", ())
        known = f"SELECT id FROM {self._name(_ORGANIZATIONS)} WHERE id IS NOT NULL"  # noqa: S608
        return self._pages(table, f"(client_org_id IS NULL OR client_org_id NOT IN ({known}))", ())

    def _pages(
        self, table: str, condition: str, parameters: tuple[object, ...]
    ) -> Iterator[LegacyRow]:
        """Rows in the order of their key, some at a time, each page read in one statement."""
        columns = self._columns[table]
        key = _KEYS.get(table, "id")
        names = ", ".join(f'"{name}"' for name in columns)
        last: tuple[Any, ...] = ()
        while True:
            beyond = f' AND "{key}" > {self._mark}' if last else ""
            query = (
                f"SELECT {names} FROM {self._name(table)} WHERE {condition}{beyond}"  # noqa: S608
                f' ORDER BY "{key}" LIMIT {_PAGE}'
            )
            with session(self._db):
                page = execute(self._db, query, (*parameters, *last)).fetchall()
            for values in page:
                yield dict(zip(columns, values, strict=True))
            if len(page) < _PAGE:
                return
            last = (page[-1][columns.index(key)],)

    @property
    def _mark(self) -> str:
        return "?" if is_sqlite(self._db) else "%s"

    def _name(self, table: str) -> str:
        return f'"{self._prefix}{table}"'

"""The leases of jobs, one row each.

They are measured by the database's clock, because the processes' own may differ by more than a
lease is long. Where it is set back, a lease that would last longer than any is free too.
"""

from typing import Any

from peewee import Database

from mai_usage_ext.ports import JobRecord
from mai_usage_ext.storage.clock import now_sql
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import JobLease
from mai_usage_ext.storage.sessions import execute, session, transaction

__all__ = ["JobLeaseRows"]

_LENGTH_MS = 20_000
_LONGEST_PROBLEM = 500


class JobLeaseRows:
    """Implements ``ports.JobLeases``. ``owner`` names this process."""

    def __init__(self, db: Database, *, owner: str, length_ms: int = _LENGTH_MS) -> None:
        self._db = db
        self._owner = owner
        self._length_ms = length_ms
        self._now = now_sql(db)

    @property
    def length_ms(self) -> int:
        return self._length_ms

    def begin(self, name: str, *, every_ms: int) -> bool:
        may_begin = _MAY_BEGIN.format(now=self._now, length=self._length_ms, every=every_ms)
        # A look first, because on SQLite an upsert that does nothing waits for the write lock too.
        look = f"SELECT {may_begin} FROM job_leases WHERE name = ?"  # noqa: S608 - our own words
        with session(self._db):
            row = self._run(look, name).fetchone()
        if row is not None and not row[0]:
            return False
        take = _TAKE.format(now=self._now, length=self._length_ms, may_begin=may_begin)
        return self._changed(take, name, self._owner) == 1

    def renew(self, name: str) -> bool:
        longer = f"until_ms = {self._now} + {self._length_ms}"
        return self._changed(_UPDATE.format(changes=longer), name, self._owner) == 1

    def end(self, name: str, *, problem: str | None) -> None:
        changes = f"until_ms = {self._now}, ended_ms = {self._now}, problem = ?"
        if problem is None:
            changes += f", succeeded_ms = {self._now}"
        shown = None if problem is None else problem[:_LONGEST_PROBLEM]
        self._changed(_UPDATE.format(changes=changes), shown, name, self._owner)

    def give_back(self, name: str) -> None:
        self._changed(_UPDATE.format(changes=f"until_ms = {self._now}"), name, self._owner)

    def records(self) -> list[JobRecord]:
        with session(self._db):
            rows = list(JobLease.select().order_by(JobLease.name).bind(self._db))
        return [
            JobRecord(
                name=row.name,
                owner=row.owner,
                begun_ms=row.begun_ms,
                succeeded_ms=row.succeeded_ms,
                problem=row.problem,
            )
            for row in rows
        ]

    def _changed(self, sql: str, *parameters: Any) -> int:
        with transaction(self._db):
            return int(self._run(sql, *parameters).rowcount)

    def _run(self, sql: str, *parameters: Any) -> Any:
        sql = sql if is_sqlite(self._db) else sql.replace("?", "%s")
        return execute(self._db, sql, parameters)


_TAKE = (
    "INSERT INTO job_leases (name, owner, until_ms, begun_ms)"
    " VALUES (?, ?, {now} + {length}, {now})"
    " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner,"
    " until_ms = excluded.until_ms, begun_ms = excluded.begun_ms WHERE {may_begin}"
)
_UPDATE = "UPDATE job_leases SET {changes} WHERE name = ? AND owner = ?"
# Free: run out, or of a clock that has been set back since. Due: ended never, or begun long enough
# ago, or begun by such a clock.
_MAY_BEGIN = (
    "((job_leases.until_ms <= {now} OR job_leases.until_ms > {now} + {length})"
    " AND (job_leases.ended_ms IS NULL OR job_leases.ended_ms < job_leases.begun_ms"
    " OR job_leases.begun_ms + {every} <= {now} OR job_leases.begun_ms > {now}))"
)

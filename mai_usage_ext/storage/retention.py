"""Dropping the ledger: whole months on PostgreSQL, an organization's rows bit by bit on SQLite."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from peewee import Database, fn

from mai_usage_ext.guard import tally
from mai_usage_ext.ports.retention import KeptLedger, LedgerPart
from mai_usage_ext.storage.budgets import ORGANIZATION
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import (
    ClientLiveCounter,
    ClientMonthTotal,
    ClientOrganization,
    UsageHold,
    UsageLedger,
)
from mai_usage_ext.storage.partitions import LEDGER, make_months, months_of
from mai_usage_ext.storage.sessions import execute, session, transaction, write
from mai_usage_ext.storage.statements import Reads

__all__ = ["Batch", "RetentionRows"]

_DAY = timedelta(days=1)
# Everybody waits while a month is dropped. Who cannot have it at once asks again next time.
_LOCK_WAIT_MS = 200


class Batch:
    """How many rows to take at once, so that taking them needs about ``aim_s``.

    It shrinks at once and grows slowly: no transaction may hold SQLite's lock for 50 ms, and the
    commit, which fewer rows hardly make faster, needs its part of that.
    """

    _LEAST, _MOST = 20, 1_000

    def __init__(self, *, aim_s: float = 0.010, size: int = 100) -> None:
        self.size = size
        self._aim_s = aim_s

    def adapt(self, took_s: float) -> None:
        factor = min(self._aim_s / max(took_s, 1e-9), 1.25)
        self.size = min(self._MOST, max(self._LEAST, int(self.size * factor)))


class _HasChanged(Exception):
    """A part has got something to keep since it was looked at."""


class RetentionRows:
    """Implements ``ports.retention.RetentionStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._reads = Reads(db)
        self._is_sqlite = is_sqlite(db)
        self.batch, self.hold_batch = Batch(), Batch()
        self.longest_s = 0.0

    def make_months(self, *, at: date) -> int:
        return make_months(self._db, at=at)

    def kept(self) -> list[KeptLedger]:
        """One look into each index for each organization."""
        organization = ClientOrganization
        entry, cell = UsageLedger.alias(), ClientLiveCounter.alias()
        first, live = (
            table.select(fn.MIN(table.day)).where(table.organization_id == organization.id)
            for table in (entry, cell)
        )
        query: Any = organization.select(
            organization.id,
            organization.timezone,
            organization.next_timezone,
            organization.next_timezone_from_ms,
            first,
            live,
        ).order_by(organization.id)
        with session(self._db):
            rows = list(query.tuples().bind(self._db))
        return [
            KeptLedger(
                organization_id=row[0],
                time_zone=row[1],
                next_time_zone=row[2],
                next_from_ms=row[3],
                first_day=_date(row[4]),
                oldest_live=None if row[5] is None else _date(row[5]),
            )
            for row in rows
            if row[4] is not None
        ]

    def parts(self, through: Mapping[str, date]) -> list[LedgerPart]:
        if not through:
            return []
        if self._is_sqlite:
            return [LedgerPart(name=one, through={one: day}) for one, day in through.items()]
        latest = max(through.values())
        found = []
        for name, first in months_of(self._db, LEDGER).items():
            if (first + 32 * _DAY).replace(day=1) > latest:
                break
            with session(self._db):
                last_days = self._last_days(name)
            if all(day <= through.get(one, date.min) for one, day in last_days.items()):
                found.append(LedgerPart(name=name, through=last_days))
        return found

    def drop(self, part: LedgerPart) -> bool:
        if self._is_sqlite:
            return self._drop_rows(part)
        with suppress(_HasChanged):
            self._drop_month(part)
        return False

    def drop_holds(self, through: Mapping[str, date], *, after: str) -> str | None:
        hold = UsageHold
        size = self.hold_batch.size
        # A hold's id begins with its instant, so the key is in order of time.
        query: Any = hold.select(hold.id, hold.organization_id, hold.day, hold.closed_at_ms)
        query = query.where((hold.id > after) & (hold.id < _first_id_after(through.values())))
        with session(self._db):
            rows = list(query.order_by(hold.id).limit(size).tuples().bind(self._db))
        ids = [
            row[0]
            for row in rows
            if row[3] is not None and _date(row[2]) <= through.get(row[1], date.min)
        ]
        if ids:
            self._delete_holds(ids)
        return rows[-1][0] if len(rows) == size else None

    def _delete_holds(self, ids: list[str]) -> None:
        among = "IN (SELECT value FROM json_each(?))" if self._is_sqlite else "= ANY(%s)"
        given = json.dumps(ids) if self._is_sqlite else ids
        with self._bounded_transaction(self.hold_batch):
            deletion = f"DELETE FROM usage_holds WHERE id {among}"  # noqa: S608 - a constant
            execute(self._db, deletion, (given,)).close()
        tally.add("holds dropped", len(ids))

    def _drop_rows(self, part: LedgerPart) -> bool:
        [(organization_id, day)] = part.through.items()
        with self._bounded_transaction(self.batch) as size:
            if self._has_live(part.through):
                return False
            self._mark(part.through)
            some = (
                "DELETE FROM usage_ledger WHERE rowid IN (SELECT rowid FROM usage_ledger"
                " WHERE organization_id = ? AND day <= ? ORDER BY day LIMIT ?)"
            )
            cursor = execute(self._db, some, (organization_id, day.isoformat(), size))
            deleted = int(cursor.rowcount)
        tally.add("ledger entries dropped", deleted)
        return deleted == size

    def _drop_month(self, part: LedgerPart) -> None:
        """The table of a month goes in the transaction that marks all of its days."""
        with transaction(self._db):
            execute(self._db, f"SET LOCAL lock_timeout = {_LOCK_WAIT_MS}").close()
            # Months before the ledger, as the writer locks them.
            self._mark(part.through)
            execute(
                self._db, f"LOCK TABLE ONLY {LEDGER}, ONLY {part.name} IN ACCESS EXCLUSIVE MODE"
            ).close()
            if self._has_live(part.through) or self._last_days(part.name) != part.through:
                raise _HasChanged
            execute(self._db, f"DROP TABLE {part.name}").close()

    def _last_days(self, month: str) -> dict[str, date]:
        """The last day of each organization's entries in a month's table."""
        last = f"SELECT MAX(day) FROM {month} WHERE organization_id = id"  # noqa: S608 - our own
        all_of_them = f"SELECT id, ({last}) FROM client_organizations"  # noqa: S608 - our own
        rows = execute(self._db, all_of_them).fetchall()
        return {row[0]: row[1] for row in rows if row[1] is not None}

    def _has_live(self, through: Mapping[str, date]) -> bool:
        """Whether one of these days is not sealed any more, or not yet."""
        cell: Any = ClientLiveCounter
        for organization_id, day in through.items():
            query = cell.select(cell.day).where(
                (cell.organization_id == organization_id) & (cell.day <= day)
            )
            if query.limit(1).tuples().bind(self._db).first() is not None:
                return True
        return False

    def _mark(self, through: Mapping[str, date]) -> None:
        """Lock the months of these days and say on each, where the writer sees it, how far its
        ledger is gone."""
        total: Any = ClientMonthTotal
        is_theirs = (total.organization_id.in_(sorted(through))) & (total.user_id == ORGANIZATION)
        query = total.select(total.organization_id, total.month).where(is_theirs)
        keys = {
            (organization_id, month, ORGANIZATION)
            for organization_id, month in query.tuples().bind(self._db)
            if month <= f"{through[organization_id]:%Y-%m}"
        }
        for organization_id, month, *_, dropped in sorted(self._reads.months(keys)):
            day = min(through[organization_id], _last_of(month))
            if dropped is None or _date(dropped) < day:
                row = (total.organization_id == organization_id) & (total.month == month)
                mark = total.update(dropped_through=day)
                write(self._db, mark.where(row & (total.user_id == ORGANIZATION)))

    @contextmanager
    def _bounded_transaction(self, batch: Batch) -> Iterator[int]:
        """A transaction that has SQLite's lock from its beginning to the end of its commit, and
        the number of rows that it may take."""
        with session(self._db), _unhurried(self._db):
            with transaction(self._db):
                begun = time.perf_counter()
                yield batch.size
                batch.adapt(time.perf_counter() - begun)
            self.longest_s = max(self.longest_s, time.perf_counter() - begun)


@contextmanager
def _unhurried(db: Database) -> Iterator[None]:
    """Commits of this connection do not wait for the disk, where a power cut then loses no more
    than the last deletions, which are made again: with SQLite's write-ahead log."""
    is_logged = is_sqlite(db) and execute(db, "PRAGMA journal_mode").fetchone()[0] == "wal"
    if is_logged:
        execute(db, "PRAGMA synchronous = NORMAL").close()
    try:
        yield
    finally:
        if is_logged:
            execute(db, "PRAGMA synchronous = FULL").close()


def _first_id_after(days: Iterable[date]) -> str:
    """What the ids of all holds of these days are below, in whatever zone."""
    end = datetime.combine(max(days) + 2 * _DAY, datetime.min.time(), tzinfo=UTC)
    return f"{int(end.timestamp() * 1000):012x}"


def _last_of(month: str) -> date:
    first = date.fromisoformat(f"{month}-01")
    return (first + 32 * _DAY).replace(day=1) - _DAY


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)

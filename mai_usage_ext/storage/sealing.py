"""Sealing: the daily rows of a day, added up from the ledger, in the place of its live cells."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from peewee import Case, Database, fn

from mai_usage_ext.guard import tally as counts
from mai_usage_ext.metering.daily import SUMS, DayPart, DayTally, Sums, tally_of
from mai_usage_ext.metering.days import month_of
from mai_usage_ext.metering.purposes import is_task
from mai_usage_ext.ports import LiveDay, Outcome
from mai_usage_ext.storage.budgets import ORGANIZATION
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import (
    ClientLiveCounter,
    ClientOrganization,
    UsageLedger,
)
from mai_usage_ext.storage.partitions import with_months
from mai_usage_ext.storage.sealed_day_events import tell_of
from mai_usage_ext.storage.sealed_days import DayKey, SealedDays, is_of
from mai_usage_ext.storage.sessions import execute, session, transaction, write
from mai_usage_ext.storage.statements import Reads
from mai_usage_ext.storage.watermark import dropped_through

__all__ = ["LEDGER_SUMS", "SealRows"]

_IMPORTED = "imported"
# Less than a lease is renewed for, so that it ends before another process begins.
_LONGEST_READING_MS = 600_000


class SealRows:
    """Implements ``ports.SealStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._reads = Reads(db)
        self._days = SealedDays(db)

    def oldest_live_days(self) -> list[LiveDay]:
        """One look into an index for each organization, however many cells it has."""
        organization, cell = ClientOrganization, ClientLiveCounter.alias()
        oldest = cell.select(fn.MIN(cell.day)).where(cell.organization_id == organization.id)
        query: Any = organization.select(
            organization.id,
            organization.timezone,
            organization.next_timezone,
            organization.next_timezone_from_ms,
            oldest,
        )
        with session(self._db):
            rows = list(query.tuples().bind(self._db))
        return sorted(
            (
                LiveDay(
                    organization_id=organization_id,
                    day=day if isinstance(day, date) else date.fromisoformat(day),
                    time_zone=time_zone,
                    next_time_zone=next_time_zone,
                    next_from_ms=next_from_ms,
                )
                for organization_id, time_zone, next_time_zone, next_from_ms, day in rows
                if day is not None
            ),
            key=lambda live: (live.day, live.organization_id),
        )

    def seal(self, organization_id: str, day: date, *, now_ms: int) -> bool:
        """The month's row is locked while the rows are written, not while the ledger is added up.

        The cells tell under the lock whether the ledger has changed since it was read; if so it is
        read again.
        """
        return with_months(self._db, lambda: self._seal(organization_id, day, now_ms=now_ms))

    def _seal(self, organization_id: str, day: date, *, now_ms: int) -> bool:
        key = organization_id, day.isoformat()
        with _patient(self._db):
            tally = self._ledger(key)
        with transaction(self._db):
            # As the writer does, so that no entry of this month is booked meanwhile.
            [month] = self._reads.months({(organization_id, month_of(day), ORGANIZATION)})
            users = self._users(key)
            if not users:
                return False
            source = self._days.source(key)
            now_ms = self._days.version(key, now_ms=now_ms)
            if source == _IMPORTED or (source is not None and day <= _dropped_through(month)):
                # The ledger holds at most what came afterwards.
                self._days.add(key, self._cells(key, tally), now_ms=now_ms)
            else:
                if users != tally.users:
                    tally = self._ledger(key)
                if users != tally.users and source is None:
                    _complain(key, users, tally)
                self._days.replace(key, tally, now_ms=now_ms)
            tell_of(self._db, key, is_reseal=source is not None)
            write(self._db, ClientLiveCounter.delete().where(is_of(ClientLiveCounter, key)))
        return True

    def _ledger(self, key: DayKey) -> DayTally:
        entry = UsageLedger
        groups = (entry.user_id, entry.model, entry.provider, entry.purpose)
        query: Any = entry.select(
            *groups, fn.MIN(entry.at_ms), fn.MAX(entry.at_ms), *LEDGER_SUMS
        ).where(is_of(entry, key))
        rows = query.group_by(*groups).tuples().bind(self._db)
        return tally_of(_part(row) for row in rows)

    def _users(self, key: DayKey) -> dict[str, Sums]:
        """The live cells by user, added up by the database because everybody waits."""
        cell = ClientLiveCounter
        sums = [fn.SUM(getattr(cell, name)) for name in SUMS]
        query: Any = cell.select(cell.user_id, *sums).where(is_of(cell, key))
        rows = query.group_by(cell.user_id).tuples().bind(self._db)
        return {user_id: tuple(map(int, sums)) for user_id, *sums in rows}

    def _cells(self, key: DayKey, tally: DayTally) -> DayTally:
        """The live cells, which know no instants: those of the whole day stand in for them."""
        cell = ClientLiveCounter
        columns = (cell.user_id, cell.model, cell.provider, cell.purpose)
        sums = [getattr(cell, name) for name in SUMS]
        query: Any = cell.select(*columns, *sums).where(is_of(cell, key))
        instants = tally.first_at_ms or 0, tally.last_at_ms or 0
        rows = query.tuples().bind(self._db)
        return tally_of(_part((*row[:4], *instants, *row[4:])) for row in rows)


@contextmanager
def _patient(db: Database) -> Iterator[None]:
    """A connection for a long reading that nobody waits for, which PostgreSQL would break off where
    it does so with others."""
    if is_sqlite(db):
        with session(db):
            yield
        return
    with transaction(db):
        execute(db, f"SET LOCAL statement_timeout = {_LONGEST_READING_MS}").close()
        yield


def _dropped_through(month: tuple[Any, ...]) -> date:
    return dropped_through([month]).get((month[0], month[1]), date.min)


def _complain(key: DayKey, users: Mapping[str, Sums], tally: DayTally) -> None:
    had = tuple(map(sum, zip(*users.values(), strict=True)))
    counts.warn(
        "live counters that were wrong",
        f"{key[0]} on {key[1]}: the ledger has {tally.sums} of {SUMS},"
        f" the live counters had {had}; the ledger holds",
    )


def _count_if(condition: Any) -> Any:
    return fn.SUM(Case(None, [(condition, 1)], 0))


# What an entry adds to each of SUMS, as ``folding.amounts`` says it of one.
LEDGER_SUMS = (
    fn.COUNT(UsageLedger.generation_id),
    _count_if(UsageLedger.outcome == Outcome.FAILED.value),
    _count_if(UsageLedger.outcome == Outcome.CANCELLED.value),
    fn.SUM(UsageLedger.prompt_tokens),
    fn.SUM(UsageLedger.completion_tokens),
    fn.SUM(UsageLedger.cached_tokens),
    fn.SUM(UsageLedger.reasoning_tokens),
    fn.SUM(UsageLedger.raw_pusd),
    fn.SUM(UsageLedger.billed_pusd),
    fn.COALESCE(fn.SUM(UsageLedger.first_byte_ms), 0),
    fn.COUNT(UsageLedger.first_byte_ms),
    fn.COALESCE(fn.SUM(UsageLedger.duration_ms), 0),
)


def _part(row: tuple[Any, ...]) -> DayPart:
    user_id, model, provider, purpose, first_at_ms, last_at_ms, *sums = row
    return DayPart(
        user_id=user_id,
        model=model,
        provider=provider,
        is_task=is_task(purpose),
        first_at_ms=int(first_at_ms),
        last_at_ms=int(last_at_ms),
        sums=tuple(map(int, sums)),
    )

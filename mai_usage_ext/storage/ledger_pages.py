"""The ledger page by page, each one statement in a connection of its own.

A page begins behind the last key of the one before, never at an offset. A day's entries come in the
order of the ledger's primary key: where a day is most of the table PostgreSQL walks along that,
else it takes the index of organizations and days.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from peewee import Database, Tuple, Value, fn

from mai_usage_ext.ports import LedgerEntry, Outcome, Source
from mai_usage_ext.ports.ledger_pages import LedgerDay
from mai_usage_ext.ports.usage import UsageQuery
from mai_usage_ext.storage.ledger_reach import check_reach
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientLiveCounter,
    ClientOrganization,
    UsageLedger,
)
from mai_usage_ext.storage.sessions import session

__all__ = ["LedgerPageRows"]

_ROWS_IN_A_PAGE = 5_000
_COLUMNS = (
    "generation_id",
    "sequence",
    "organization_id",
    "user_id",
    "model",
    "provider",
    "purpose",
    "day",
    "at_ms",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "raw_pusd",
    "billed_pusd",
    "rate_micro",
    "fee_pusd",
    "outcome",
    "source",
    "first_byte_ms",
    "duration_ms",
    "booked_at_ms",
)


class LedgerPageRows:
    """Implements ``ports.ledger_pages.LedgerPages``."""

    def __init__(self, db: Database, *, rows_in_a_page: int = _ROWS_IN_A_PAGE) -> None:
        self._db = db
        self._rows_in_a_page = rows_in_a_page

    def days(self, query: UsageQuery) -> Sequence[LedgerDay]:
        # Every entry is in a cell or in a sealed day, and of those there are few.
        union = _requests(ClientDailyUsage, query) + _requests(ClientLiveCounter, query)
        is_wanted: Any = Value(1) == 1
        if query.organization_id is not None:
            is_wanted = ClientOrganization.id == query.organization_id
        with session(self._db):
            check_reach(self._db, query, is_wanted)
            rows = list(union.bind(self._db).tuples())
        found: dict[tuple[str, date], int] = {}
        for organization_id, day, requests in rows:
            key = organization_id, _date(day)
            found[key] = found.get(key, 0) + int(requests)
        return [
            LedgerDay(organization_id=organization_id, day=day, requests=requests)
            for (organization_id, day), requests in sorted(found.items())
        ]

    def newest_ms(self, query: UsageQuery) -> int:
        entry = UsageLedger
        newest: Any = entry.select(fn.COALESCE(fn.MAX(entry.booked_at_ms), 0))
        with session(self._db):
            row = newest.where(_is_asked_for(entry, query)).tuples().bind(self._db).get()
        return int(row[0])

    def entries(
        self, day: LedgerDay, *, user_id: str | None, until_ms: int
    ) -> Iterator[LedgerEntry]:
        entry = UsageLedger
        is_wanted = (entry.organization_id == day.organization_id) & (entry.day == day.day)
        is_wanted &= entry.booked_at_ms <= until_ms
        if user_id is not None:
            is_wanted &= entry.user_id == user_id
        after: tuple[str, int] | None = None
        while True:
            page = self._page(is_wanted, after)
            yield from page
            if len(page) < self._rows_in_a_page:
                return
            after = page[-1].generation_id, page[-1].sequence

    def first_day(self) -> date | None:
        sealed: Any = ClientDailyUsage.select(fn.MIN(ClientDailyUsage.day))
        live: Any = ClientLiveCounter.select(fn.MIN(ClientLiveCounter.day))
        with session(self._db):
            rows = [*sealed.tuples().bind(self._db), *live.tuples().bind(self._db)]
        return min((_date(day) for (day,) in rows if day is not None), default=None)

    def _page(self, is_wanted: Any, after: tuple[str, int] | None) -> list[LedgerEntry]:
        entry = UsageLedger
        query: Any = entry.select(*(getattr(entry, name) for name in _COLUMNS)).where(is_wanted)
        if after is not None:
            query = query.where(Tuple(entry.generation_id, entry.sequence) > Tuple(*after))
        query = query.order_by(entry.generation_id, entry.sequence).limit(self._rows_in_a_page)
        with session(self._db):
            return [_entry(row) for row in query.tuples().bind(self._db)]


def _requests(table: Any, query: UsageQuery) -> Any:
    select = table.select(table.organization_id, table.day, fn.SUM(table.requests))
    is_wanted = _is_asked_for(table, query)
    return select.where(is_wanted).group_by(table.organization_id, table.day)


def _is_asked_for(table: Any, query: UsageQuery) -> Any:
    is_wanted = table.day.between(query.first, query.last)
    if query.organization_id is not None:
        is_wanted &= table.organization_id == query.organization_id
    return is_wanted


def _entry(row: tuple[Any, ...]) -> LedgerEntry:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["user_id"] = values["user_id"] or None
    values["day"] = _date(values["day"])
    values["outcome"] = Outcome(values["outcome"])
    values["source"] = Source(values["source"])
    return LedgerEntry(**values)


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)

"""Single calls by the million, a page at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mai_usage_ext.ports.calls import LedgerEntry
from mai_usage_ext.ports.usage import UsageQuery

__all__ = ["LedgerDay", "LedgerPages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDay:
    """A day on which an organization had calls; ``requests`` counts everybody's."""

    organization_id: str
    day: date
    requests: int


class LedgerPages(Protocol):
    """Reads page by page, so that nothing is held while a slow reader takes the entries.

    Raises ``StorageUnavailable``, and ``BadInput`` for days that the ledger does not reach.
    """

    def days(self, query: UsageQuery) -> Sequence[LedgerDay]:
        """By organization and day. The query's grouping does not matter here."""
        ...

    def newest_ms(self, query: UsageQuery) -> int:
        """When the last of the query's entries was booked: what comes later is another export's."""
        ...

    def entries(
        self, day: LedgerDay, *, user_id: str | None, until_ms: int
    ) -> Iterator[LedgerEntry]:
        """That day's, booked until that instant, by generation; ``user_id`` is ``UsageQuery``'s."""
        ...

    def first_day(self) -> date | None:
        """The first day that anything was used on, whoever counted it."""
        ...

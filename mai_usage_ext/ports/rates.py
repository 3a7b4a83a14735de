"""Rates of currencies: units of a currency for one USD, by day and source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

__all__ = ["FxRate", "QuotedRate", "RateKind", "RateSource", "RateStore"]


class RateKind(StrEnum):
    """Where a rate comes from: an admin, the European Central Bank, Narodowy Bank Polski."""

    MANUAL = "manual"
    ECB = "ecb"
    NBP = "nbp"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedRate:
    """What a source published. ``day`` is the day it is of; ``note`` says where to look it up."""

    currency: str
    day: date
    rate: Decimal
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRate:
    """A stored rate. ``rate`` is exact; ``entered_by`` is an admin's id, ``""`` for a source."""

    currency: str
    day: date
    source: RateKind
    rate: Decimal
    note: str
    fetched_at_ms: int
    entered_by: str = ""


class RateSource(Protocol):
    async def published(
        self, currencies: Sequence[str], *, since: date, today: date
    ) -> Sequence[QuotedRate]:
        """What was published of these currencies from ``since`` to ``today``, at most ninety days.

        Days without a publication are left out, and so is a currency that it does not quote.
        Raises ``UpstreamError``.
        """
        ...


class RateStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def put(self, rates: Sequence[FxRate]) -> None:
        """A later rate of the same currency, day and source takes the earlier one's place."""
        ...

    def get(self, currency: str, day: date, source: RateKind) -> FxRate | None: ...

    def remove(self, currency: str, day: date, source: RateKind) -> bool: ...

    def latest(self, currency: str, *, through: date, sources: Sequence[RateKind]) -> FxRate | None:
        """The last one of a day up to ``through``; an admin's goes before others of its day."""
        ...

    def page(
        self,
        *,
        currency: str | None,
        source: RateKind | None,
        offset: int,
        limit: int,
    ) -> tuple[Sequence[FxRate], int]:
        """Newest day first."""
        ...

    def currencies(self) -> Sequence[str]:
        """The billing currencies of all organizations but USD, in their order."""
        ...

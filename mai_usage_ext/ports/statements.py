"""Statements: what an organization owes for a month, and what was stated before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from mai_usage_ext.ports.rates import FxRate

__all__ = [
    "Amounts",
    "Booking",
    "Buyer",
    "ClosedMark",
    "LineKind",
    "Seller",
    "Statement",
    "StatementFilter",
    "StatementLine",
    "StatementPrinter",
    "StatementStore",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Requests, tokens and billed picodollars. Differences of them may be negative."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    billed_pusd: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            billed_pusd=self.billed_pusd + other.billed_pusd,
        )

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            requests=self.requests - other.requests,
            prompt_tokens=self.prompt_tokens - other.prompt_tokens,
            completion_tokens=self.completion_tokens - other.completion_tokens,
            billed_pusd=self.billed_pusd - other.billed_pusd,
        )


class LineKind(StrEnum):
    """``USAGE`` is of the statement's month, ``CORRECTION`` of one that was stated before."""

    USAGE = "usage"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """``month`` is ``YYYY-MM``; ``reason`` says of a correction what came after the closing."""

    kind: LineKind
    month: str
    model: str
    amounts: Amounts
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Who asks for the money, as it stands on statements; everything may be empty."""

    name: str = ""
    address: str = ""
    tax_id: str = ""
    email: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Who pays: the organization as it was."""

    name: str
    email: str = ""
    contacts: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A month's statement. A draft has neither ``id`` nor ``number`` and is never stored.

    ``net_pusd`` is what its lines add up to, exactly; ``total`` the same in ``currency``, rounded
    once. ``rate`` is ``None`` in USD, and in a draft whose rate is not known yet: then ``total``
    is ``None`` too, and ``obstacles`` say so. ``obstacles`` are what a draft cannot be closed for
    now, ``notes`` what a reader has to know; ``forced_reason`` is why it was closed all the same.
    """

    organization_id: str
    month: str
    time_zone: str
    issued_on: date
    at_ms: int
    currency: str
    seller: Seller
    buyer: Buyer
    lines: Sequence[StatementLine]
    net_pusd: int
    total: Decimal | None
    rate: FxRate | None
    id: str = ""
    number: str = ""
    closed_by: str = ""
    forced_reason: str = ""
    notes: Sequence[str] = ()
    obstacles: Sequence[str] = field(default=())

    @property
    def is_draft(self) -> bool:
        return not self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFilter:
    """What is ``None`` does not matter; ``month`` is ``YYYY-MM``."""

    organization_id: str | None = None
    month: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedMark:
    """How far an organization is stated. ``at_ms`` is when the last statement was computed."""

    first_month: str
    last_month: str
    count: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What was booked on one day of a month after an instant, by model and kind of source."""

    model: str
    day: date
    is_adjustment: bool
    entries: int


class StatementStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def mark(self, organization_id: str) -> ClosedMark | None:
        """``None`` for an organization that has no statement."""
        ...

    def stated(self, organization_id: str) -> Mapping[tuple[str, str], Amounts]:
        """All that was ever stated, by month and model, corrections included."""
        ...

    def next_number(self, year: int) -> int:
        """Take the year's next number, in the caller's transaction: without it there is no gap.

        Whoever else wants one waits until that transaction ends.
        """
        ...

    def add(self, statement: Statement, *, year: int, serial: int) -> None:
        """In the caller's transaction. Raises ``Conflict`` where the month has its statement."""
        ...

    def get(self, statement_id: str) -> Statement | None: ...

    def page(
        self, wanted: StatementFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[Statement], int]:
        """Newest month first, with their lines."""
        ...

    def live_days(self, organization_id: str, *, first: date, last: date) -> int:
        """How many of these days are not sealed yet."""
        ...

    def bookings(
        self, organization_id: str, *, first: date, last: date, since_ms: int
    ) -> Sequence[Booking]:
        """What the ledger still tells of entries of these days that were booked since then."""
        ...

    def reopenings(self, organization_id: str, *, since_ms: int) -> Sequence[date]:
        """The days of which the audit trail says that they were added to since then."""
        ...


class StatementPrinter(Protocol):
    def pdf(self, statement: Statement) -> bytes:
        """The same bytes for the same statement."""
        ...

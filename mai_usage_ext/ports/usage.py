"""What a report asks for, and the lines it is answered with."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Protocol

from mai_usage_ext.metering.measures import UsageTally

__all__ = [
    "Dimension",
    "SealedState",
    "UsageLine",
    "UsageLines",
    "UsagePlace",
    "UsageQuery",
    "UsageSource",
]


class Dimension(StrEnum):
    """What lines are told apart by. A week is ISO's, from Monday on."""

    ORGANIZATION = "organization"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    USER = "user"
    MODEL = "model"
    PROVIDER = "provider"
    PURPOSE = "purpose"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """The days from ``first`` to ``last``, both included, each of its organization's own zone.

    ``organization_id`` is ``None`` for every organization; ``user_id`` is ``""`` for calls of
    nobody that is known, and ``None`` for everybody's; ``model`` and ``provider`` are names, and
    ``None`` for all of them. ``group_by`` has at most two dimensions besides ``ORGANIZATION``.
    """

    first: date
    last: date
    organization_id: str | None = None
    user_id: str | None = None
    model: str | None = None
    provider: str | None = None
    group_by: tuple[Dimension, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """``key`` has one text for each dimension of the query, in its order: ids and names as they are
    stored, ISO days, ``2026-W48`` and ``2026-11``. ``days`` counts the days with any of it, those
    of several organizations one by one."""

    key: tuple[str, ...]
    sums: UsageTally
    days: int = 0

    def __add__(self, other: "UsageLine") -> "UsageLine":
        """Two lines of one key that are about different days."""
        return replace(self, sums=self.sums + other.sums, days=self.days + other.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedState:
    """Days before ``live_from`` are sealed, all of them where it is ``None``. ``version`` is
    another one as soon as any of them has changed."""

    live_from: date | None
    version: str


class UsageLines(Protocol):
    """Raises ``StorageUnavailable``, and ``BadInput`` for days that the ledger does not reach."""

    def lines(self, query: UsageQuery) -> Iterator[UsageLine]:
        """Ordered by key; sealed days and live cells, never both for one day."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePlace:
    """An organization as reports name it; ``time_zone`` is the one in force (IANA name)."""

    id: str
    name: str
    is_active: bool
    time_zone: str


class UsageSource(UsageLines, Protocol):
    """What reports are made of."""

    def sealed(self, query: UsageQuery) -> SealedState:
        """How much of what the query asks for nobody adds to any more, except late entries.

        Raises ``BadInput`` as ``lines`` does.
        """
        ...

    def places(
        self, *, at_ms: int, only: Collection[str] | None = None
    ) -> Mapping[str, UsagePlace]:
        """Organizations by their ids: those of ``only`` that exist, or all."""
        ...

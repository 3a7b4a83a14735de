"""Importing what mAI's in-tree prototype had counted: where it is read, and where it goes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

__all__ = [
    "ImportMark",
    "ImportStore",
    "ImportedGeneration",
    "ImportedOrganization",
    "ImportedUsage",
    "LegacyRow",
    "LegacySource",
    "UsageKind",
    "UsageSums",
]

LegacyRow = Mapping[str, object]
"""A row as its driver gave it: floats, texts and ``None`` included. Columns it lacks are absent."""


class UsageKind(StrEnum):
    """The three daily tables, which the prototype called what we call them."""

    DAY = "client_daily_usage"
    USER = "client_user_daily_usage"
    MODEL = "client_model_daily_usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSums:
    """Money in picodollars. Prompt and completion tokens were never kept apart there."""

    requests: int = 0
    tokens: int = 0
    raw_pusd: int = 0
    billed_pusd: int = 0

    def __add__(self, other: "UsageSums") -> "UsageSums":
        return UsageSums(
            requests=self.requests + other.requests,
            tokens=self.tokens + other.tokens,
            raw_pusd=self.raw_pusd + other.raw_pusd,
            billed_pusd=self.billed_pusd + other.billed_pusd,
        )

    def __sub__(self, other: "UsageSums") -> "UsageSums":
        return UsageSums(
            requests=self.requests - other.requests,
            tokens=self.tokens - other.tokens,
            raw_pusd=self.raw_pusd - other.raw_pusd,
            billed_pusd=self.billed_pusd - other.billed_pusd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedUsage:
    """A day's sums: of the organization, of one user, or of one model at one provider.

    ``distinct_users`` and ``distinct_models`` are for the organization's own row only.
    """

    day: date
    sums: UsageSums
    user_id: str = ""
    openrouter_user_id: str | None = None
    model: str = ""
    provider: str = ""
    distinct_users: int = 0
    distinct_models: int = 0

    @property
    def key(self) -> tuple[date, str, str, str]:
        return self.day, self.user_id, self.model, self.provider


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedOrganization:
    id: str
    name: str
    time_zone: str
    billing_currency: str
    rate_micro: int
    monthly_limit_pusd: int | None
    billing_email: str
    is_active: bool
    created_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportMark:
    """What a row became here. ``lacks`` names what it came without, ``""`` where nothing."""

    kind: str  # "organization" or "mapping"
    source_id: str
    target_id: str
    lacks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedGeneration:
    id: str
    day: date
    cost_pusd: int
    tokens: int


class LegacySource(Protocol):
    """The prototype's tables. Nothing is ever written there."""

    def tables(self) -> Sequence[str]:
        """Their names, as the prototype had them."""
        ...

    def count(self, table: str) -> int: ...

    def rows(self, table: str, *, organization_id: object = None) -> Iterator[LegacyRow]:
        """All rows of a table, or those of one of the prototype's organizations."""
        ...

    def strays(self, table: str) -> Iterator[LegacyRow]:
        """Rows whose organization is in no table."""
        ...


class ImportStore(Protocol):
    """Where imported rows go; what several calls do is one transaction inside a unit of work."""

    def mark(self, kind: str, source_id: str) -> ImportMark | None: ...

    def put_mark(self, mark: ImportMark, *, now_ms: int) -> None: ...

    def has_organization(self, organization_id: str) -> bool: ...

    def add_organization(self, organization: ImportedOrganization, *, now_ms: int) -> None:
        """With a slug made from its name, and its markup as a pricing rule from now on."""
        ...

    def seal_key(self, organization_id: str, secret: str, *, key_hash: str) -> bool:
        """Give it the key; false where another organization has it, or this one has any.

        Raises ``ConfigurationError`` when there is no key to seal with.
        """
        ...

    def own_days(self, organization_id: str) -> set[date]:
        """Days with entries, counters or open holds of ours, sealed or not; imported ones too, once
        an entry of ours has been added to them."""
        ...

    def imported(
        self, kind: UsageKind, organization_id: str
    ) -> Mapping[tuple[date, str, str, str], ImportedUsage]:
        """What an earlier import put there, of days that nothing of ours was added to."""
        ...

    def put_usage(
        self, kind: UsageKind, organization_id: str, usage: Sequence[ImportedUsage], *, now_ms: int
    ) -> None:
        """Write rows of sealed days, in place of those with the same keys."""
        ...

    def add_to_month(
        self, organization_id: str, month: str, pusd: int, *, sealed_through: date
    ) -> None:
        """Let a month's limit know what was billed in it, and the writer which days are sealed."""
        ...

    def sums(self, kind: UsageKind, organization_id: str) -> UsageSums:
        """Of the imported days that nothing of ours was added to."""
        ...

    def known_generations(self, generation_ids: Sequence[str]) -> Mapping[str, str]:
        """Where each is known: ``ledger``, or ``imported``; what is in neither is left out."""
        ...

    def add_generations(
        self, organization_id: str, generations: Sequence[ImportedGeneration]
    ) -> None: ...

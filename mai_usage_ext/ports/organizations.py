"""Client organizations, their members and their prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

from mai_usage_ext.metering.pricing import Price, PriceRule, price_of

__all__ = [
    "DEFAULT_ID",
    "UNASSIGNED",
    "KeyRecord",
    "KeyState",
    "Member",
    "MemberStore",
    "Membership",
    "Organization",
    "OrganizationKey",
    "OrganizationQuery",
    "OrganizationRecord",
    "OrganizationStore",
    "PriceStore",
    "Role",
]

# Calls of users that no organization claims are metered here, where only the admins look.
UNASSIGNED = "unassigned"
DEFAULT_ID = "default"


class Role(StrEnum):
    MEMBER = "member"
    MANAGER = "manager"


class KeyState(StrEnum):
    """Of an organization's own OpenRouter key.

    ``NONE`` it has none and uses the host's · ``ACTIVE`` its calls carry it · ``DISABLED`` switched
    off here · ``LOST`` OpenRouter does not know it any more · ``UNREADABLE`` stored, but no key of
    the ring opens it: it has to be entered again. The last one is never stored, but found.
    """

    NONE = "none"
    ACTIVE = "active"
    DISABLED = "disabled"
    LOST = "lost"
    UNREADABLE = "needs_reentry"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationKey:
    """The key an organization's calls carry; ``secret`` is there in state ``ACTIVE`` only, with
    OpenRouter's hash of it."""

    state: KeyState
    secret: str | None = field(default=None, repr=False)
    hash: str | None = None


NO_KEY = OrganizationKey(state=KeyState.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """What a call needs of its organization, at the instant it was asked for.

    ``rate_micro`` and ``fee_pusd`` are the price of a model that no pattern names; ``rules`` are
    all that may apply to its calls.
    """

    id: str
    name: str
    slug: str
    time_zone: str
    billing_currency: str
    is_active: bool
    rate_micro: int
    fee_pusd: int
    monthly_limit_pusd: int | None = None
    on_limit: str = "block"  # or "alert"
    on_meter_failure: str | None = None  # "block", "allow", or None for the default
    rules: Sequence[PriceRule] = ()
    key: OrganizationKey = NO_KEY

    @property
    def blocks_on_meter_failure(self) -> bool:
        """A limited organization may not spend unchecked unless it says so itself."""
        if self.on_meter_failure is not None:
            return self.on_meter_failure == "block"
        return self.monthly_limit_pusd is not None and self.on_limit == "block"

    def price_of(self, model: str, *, at_ms: int) -> Price:
        if not self.rules:
            return Price(rate_micro=self.rate_micro, fee_pusd=self.fee_pusd)
        return price_of(self.rules, model, at_ms=at_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What is known of an organization's key, the secret left out."""

    state: KeyState = KeyState.NONE
    hash: str | None = None
    label: str | None = None  # masked by OpenRouter itself
    problem: str | None = None  # why the last attempt failed, one sentence
    checked_at_ms: int | None = None
    pending_name: str | None = None  # a key of this name may have been made at OpenRouter
    pending_at_ms: int | None = None
    retiring_hash: str | None = None  # replaced, to be switched off at ``retire_at_ms``
    retire_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRecord:
    """Everything an admin sees of an organization. ``version`` counts its changes."""

    id: str
    name: str
    slug: str
    status: str  # "active" or "deactivated"
    time_zone: str
    next_time_zone: str | None
    next_time_zone_from_ms: int | None
    billing_currency: str
    monthly_limit_pusd: int | None
    on_limit: str
    on_meter_failure: str | None
    billing_email: str
    contacts: Sequence[Mapping[str, str]]
    notes: str
    created_at_ms: int
    updated_at_ms: int
    deactivated_at_ms: int | None
    version: int
    rate_micro: int
    fee_pusd: int
    key: KeyRecord
    members: int = 0
    spent_pusd: int = 0  # billed in ``month``
    held_pusd: int = 0
    month: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationQuery:
    """``search`` looks into name, slug and billing e-mail. ``sort`` is one of ``SORTS``. With
    ``ids`` it is about these alone."""

    search: str = ""
    status: str | None = None
    ids: Sequence[str] | None = None
    sort: str = "name"
    is_descending: bool = False
    offset: int = 0
    limit: int = 50

    SORTS = ("name", "slug", "status", "created_at", "updated_at", "monthly_limit", "timezone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Where a user belongs at an instant."""

    organization_id: str
    user_id: str
    role: Role
    openrouter_user_id: str | None = None
    monthly_limit_pusd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Membership):
    """One stretch of a user's history. ``valid_to_ms`` is ``None`` while it has no end.

    ``source`` says who put them there: ``admin``, ``rule``, ``default``, ``unmapped`` or
    ``imported``.
    """

    valid_from_ms: int
    valid_to_ms: int | None
    source: str
    created_at_ms: int


class OrganizationStore(Protocol):
    """Organizations. What several calls do is one transaction inside a unit of work."""

    def ensure_builtin(
        self,
        *,
        default_name: str | None,
        time_zone: str,
        rate_micro: int,
        billing_currency: str,
        now_ms: int,
    ) -> str | None:
        """Make ``unassigned`` and, with a name, the default organization, once; return the
        default's id. Safe when several processes start at once."""
        ...

    def create(
        self,
        *,
        name: str,
        time_zone: str,
        rate_micro: int,
        billing_currency: str,
        now_ms: int,
        slug: str | None = None,
        **columns: Any,
    ) -> Organization:
        """Make an organization and its pricing rule in one transaction.

        A slug that is given and taken raises ``Conflict``; one made from the name is made unique.
        """
        ...

    def get(self, organization_id: str, *, at_ms: int) -> Organization | None:
        """What a call needs of it at that instant."""
        ...

    def record(self, organization_id: str, *, at_ms: int) -> OrganizationRecord | None: ...

    def records(
        self, wanted: OrganizationQuery, *, at_ms: int
    ) -> tuple[Sequence[OrganizationRecord], int]:
        """One page, and how many there are in all."""
        ...

    def change(
        self, organization_id: str, changes: Mapping[str, Any], *, version: int, now_ms: int
    ) -> bool:
        """Set columns if the row still has ``version``, and count the version up."""
        ...

    def slug_is_taken(self, slug: str) -> bool: ...

    def membership(self, user_id: str, *, at_ms: int) -> Membership | None: ...


class PriceStore(Protocol):
    def rules(self, organization_id: str | None) -> Sequence[PriceRule]:
        """An organization's own rules; with ``None``, those for everybody."""
        ...

    def all_rules(self) -> Sequence[PriceRule]: ...

    def rule(self, rule_id: int) -> PriceRule | None: ...

    def add(
        self,
        *,
        organization_id: str | None,
        model_pattern: str | None,
        effective_from_ms: int,
        rate_micro: int,
        fee_pusd: int,
        now_ms: int,
    ) -> PriceRule:
        """Raises ``Conflict`` where a rule of the same three stands already."""
        ...

    def remove(self, rule_id: int) -> bool: ...

    def month_by_model(
        self, organization_id: str, month: str
    ) -> Mapping[str, tuple[int, int, int]]:
        """Requests, raw and billed picodollars of a month, by model."""
        ...


class MemberStore(Protocol):
    """Who belongs where and when. History is ended, never rewritten."""

    def current(self, user_id: str, *, at_ms: int) -> Member | None: ...

    def history(self, user_id: str) -> Sequence[Member]:
        """Every stretch of one user, oldest first, planned ones included."""
        ...

    def page(
        self,
        *,
        organization_id: str | None,
        role: Role | None,
        search: Sequence[str] | None,
        text: str = "",
        at_ms: int,
        offset: int,
        limit: int,
    ) -> tuple[Sequence[Member], int]:
        """Members at an instant, by user id; ``search`` keeps those user ids only, and with
        ``text`` those as well whose id contains it."""
        ...

    def user_ids(self) -> Sequence[str]:
        """Everybody who belongs somewhere now or will."""
        ...

    def seen_user_ids(self, since: date) -> Sequence[str]:
        """Everybody with open holds, live counters, or sealed days from ``since`` on."""
        ...

    def lock(self) -> None:
        """Hold off everybody else who changes members, until the transaction ends."""
        ...

    def histories(self, user_ids: Sequence[str]) -> dict[str, list[Member]]:
        """The histories of those users that have one."""
        ...

    def holder_of(self, openrouter_user_id: str) -> str | None:
        """The user who has or had this OpenRouter user id."""
        ...

    def organizations_named(self, names: Sequence[str]) -> dict[str, str]:
        """The ids of organizations by id or slug; what fits none is left out."""
        ...

    def add(self, member: Member) -> None:
        """Raises ``Conflict`` when the user has an open stretch already."""
        ...

    def end(self, member: Member, *, at_ms: int) -> None: ...

    def add_many(self, members: Sequence[Member]) -> None: ...

    def end_many(self, ends: Sequence[tuple[Member, int]]) -> None:
        """End stretches of different users, each at its instant."""
        ...

    def remove(self, member: Member) -> None:
        """Take back a stretch that has not begun."""
        ...

    def change(self, member: Member, changes: Mapping[str, Any]) -> None:
        """Set role, monthly limit or OpenRouter user id of one stretch."""
        ...

    def reopen(self, member: Member) -> None:
        """Let a stretch that was to end go on without an end."""
        ...

    def pseudonymise(self, user_id: str, pseudonym: str, *, user_hash: str, now_ms: int) -> int:
        """Put a pseudonym in a user's place everywhere; return how many rows had the user."""
        ...

"""Organizations' own OpenRouter keys: what is stored of them, and what OpenRouter says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mai_usage_ext.metering.pricing import PriceRule
from mai_usage_ext.ports.organizations import KeyRecord, KeyState

__all__ = [
    "KeyFacts",
    "KeyManagement",
    "KeyStore",
    "KeyTerms",
    "NewKey",
    "OwnKey",
    "RemoteKey",
    "SealedSecret",
    "SealedStore",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """What a key is to be at OpenRouter; the rest is always the same: a limit that starts anew
    with each UTC month and counts the upstream part of calls with an own provider key."""

    name: str
    limit_pusd: int | None
    is_disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteKey:
    """A key as OpenRouter describes it. ``limit_pusd`` is raw money, ``None`` without a limit
    and −1 where it is no amount; ``counts_byok`` is ``None`` where it does not say."""

    hash: str
    name: str
    label: str | None
    is_disabled: bool
    limit_pusd: int | None
    limit_reset: str | None
    counts_byok: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made, and its secret, which OpenRouter shows this once."""

    key: RemoteKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKey:
    """What a key may know of itself."""

    label: str | None
    is_management: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """What the terms of an organization's key follow from, and the key's own columns.

    ``key.state`` is what an admin sees, ``stored_state`` what the row says: they differ where the
    secret cannot be opened. ``rules`` are all prices that may apply to its calls.
    """

    organization_id: str
    slug: str
    is_active: bool
    time_zone: str
    next_time_zone: str | None
    next_time_zone_from_ms: int | None
    monthly_limit_pusd: int | None
    on_limit: str
    rules: Sequence[PriceRule]
    key: KeyRecord
    stored_state: KeyState

    def time_zone_at(self, at_ms: int) -> str:
        planned_from = self.next_time_zone_from_ms
        if self.next_time_zone is None or planned_from is None or at_ms < planned_from:
            return self.time_zone
        return self.next_time_zone


class KeyStore(Protocol):
    """The key columns of the organizations. What several calls do is one transaction inside a
    unit of work; what changes takes the state it was decided on and does nothing in another."""

    def facts(self, organization_id: str) -> KeyFacts | None: ...

    def all_facts(self) -> Sequence[KeyFacts]:
        """Of every organization that has, had or may have a key."""
        ...

    def secret(self, organization_id: str) -> str | None:
        """The key's secret, or ``None`` where there is none or it cannot be opened."""
        ...

    def can_seal(self) -> None:
        """Raises ``ConfigurationError`` when nothing could be stored."""
        ...

    def holder_of(self, key_hash: str) -> str | None:
        """The organization whose key has this hash, a replaced key's included."""
        ...

    def claim(self, facts: KeyFacts, *, name: str, now_ms: int) -> bool:
        """Note that a key of this name is about to be made, if nobody else did since ``facts``."""
        ...

    def give_up(self, organization_id: str, *, name: str, at_ms: int, aged_ms: int) -> bool:
        """Make a claim as old as ``aged_ms``: its maker has failed, others may clean up."""
        ...

    def release(self, organization_id: str, *, name: str, at_ms: int) -> bool:
        """Take a claim back: no key of that name is left."""
        ...

    def keep(
        self,
        facts: KeyFacts,
        *,
        secret: str,
        key_hash: str,
        label: str | None,
        pending: tuple[str, int] | None,
        retire_at_ms: int | None,
        now_ms: int,
    ) -> bool:
        """Store a key, sealed, as the active one, and end the claim ``pending``. False when that
        claim or the key it replaces is not there any more, or the organization is deactivated. The
        replaced one is kept as retiring until ``retire_at_ms``, without one it is forgotten. Raises
        ``Conflict`` when another organization has this key."""
        ...

    def set_state(self, facts: KeyFacts, state: KeyState) -> bool: ...

    def set_problem(self, organization_id: str, problem: str | None) -> None: ...

    def set_trouble(self, organization_id: str, problem: str) -> bool:
        """The same; false where it is the key's problem already."""
        ...

    def set_checked(
        self, organization_ids: Sequence[str], *, problem: str | None, now_ms: int
    ) -> None: ...

    def retired(self, organization_id: str, key_hash: str) -> bool:
        """Forget a replaced key that is gone at OpenRouter."""
        ...

    def overlap_raw_pusd(
        self,
        organization_id: str,
        *,
        window_from_ms: int,
        before_month: str,
        is_whole_month: bool,
        rate_micro: int,
    ) -> int:
        """Raw money that OpenRouter counts since ``window_from_ms`` and that is booked, or held,
        on months before ``before_month``. ``is_whole_month`` allows the month's total, billed at
        ``rate_micro`` at least, to stand for it."""
        ...


class KeyManagement(Protocol):
    """OpenRouter's keys. Every method raises ``UpstreamError`` with a sentence for a person."""

    async def keys(self, *, management_key: str) -> Sequence[RemoteKey]:
        """Every key of the account's default workspace, disabled ones included."""
        ...

    async def key(self, key_hash: str, *, management_key: str) -> RemoteKey | None: ...

    async def create(self, terms: KeyTerms, *, management_key: str) -> NewKey: ...

    async def change(
        self, key_hash: str, changes: Mapping[str, object], *, management_key: str
    ) -> RemoteKey | None:
        """Set fields by OpenRouter's names, money as ``Decimal`` of USD; ``None`` if it is gone."""
        ...

    async def delete(self, key_hash: str, *, management_key: str) -> bool:
        """False when it was gone already."""
        ...

    async def own_key(self, secret: str) -> OwnKey | None:
        """What a key knows of itself; ``None`` when OpenRouter does not accept it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """A sealed text, where it stands, and the row it is bound to."""

    table: str
    id: str
    bound_to: str
    sealed: str = field(repr=False)


class SealedStore(Protocol):
    """Everything in the database that a vault has sealed."""

    def count(self) -> int: ...

    def after(self, last: SealedSecret | None, *, limit: int) -> Sequence[SealedSecret]:
        """The next ones, in a fixed order."""
        ...

    def replace(self, secret: SealedSecret, sealed: str) -> bool:
        """Put another text in its place, if it is still the one that was read."""
        ...

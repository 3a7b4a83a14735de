"""What an admin's action and the regular check both do to keys at OpenRouter."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from mai_usage_ext.errors import Conflict, UpstreamError
from mai_usage_ext.ports import (
    Actor,
    Clock,
    KeyFacts,
    KeyManagement,
    KeyState,
    KeyStore,
    RemoteKey,
    UnitOfWork,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.key_events import KeyEvents
from mai_usage_ext.services.key_terms import KeyPolicy, differences

__all__ = [
    "ELSEWHERE",
    "LOST",
    "NOT_THERE",
    "KeyUpkeep",
    "audited",
    "is_refusal",
    "require_active_organization",
    "short",
]

NOT_THERE = (
    "OpenRouter does not know this key, and its secret cannot be opened to ask with it: "
    "enter the key again, or provision a new one"
)
ELSEWHERE = (
    "The key works, but it is not in the account of OPENROUTER_PROVISIONING_KEY: "
    "its limit and state cannot be managed"
)
LOST = "OpenRouter does not know this key any more: enter another one, or provision a new one"


class KeyUpkeep:
    """Steps that may be done twice, or by two processes at once. All raise ``UpstreamError``.

    ``changed`` is told the organization whose calls have to look at their key again.
    """

    def __init__(
        self,
        store: KeyStore,
        management: KeyManagement,
        *,
        policy: KeyPolicy,
        audit: Audit,
        events: KeyEvents,
        unit_of_work: UnitOfWork,
        clock: Clock,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._management = management
        self._policy = policy
        self._audit = audit
        self._events = events
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._changed = changed

    async def push(
        self,
        facts: KeyFacts,
        remote: RemoteKey,
        *,
        action: str,
        actor: Actor,
        management_key: str,
    ) -> Mapping[str, object] | None:
        """Make OpenRouter's key what it is to be; return what was changed, ``None`` if it is gone.

        ``action`` is what a change is audited as.
        """
        terms = await asyncio.to_thread(self._policy.terms, facts, name=remote.name)
        changes = differences(terms, remote)
        if not changes:
            return {}
        done = await self._management.change(remote.hash, changes, management_key=management_key)
        if done is None:
            return None
        await asyncio.to_thread(
            self._note,
            facts.organization_id,
            action,
            actor,
            before=_readable(_as_is(remote, changes)),
            after=_readable(changes),
        )
        return changes

    async def push_afresh(
        self, facts: KeyFacts, remote: RemoteKey, *, action: str, actor: Actor, management_key: str
    ) -> Mapping[str, object] | None:
        """As ``push``, where ``facts`` may be minutes old: they are read again before a change."""
        terms = await asyncio.to_thread(self._policy.terms, facts, name=remote.name)
        if not differences(terms, remote):
            return {}
        fresh = await asyncio.to_thread(self._store.facts, facts.organization_id)
        if fresh is None or fresh.key.hash != remote.hash:
            return {}
        return await self.push(
            fresh, remote, action=action, actor=actor, management_key=management_key
        )

    async def missing(self, facts: KeyFacts, *, actor: Actor) -> str:
        """What it means that the management key does not see a key; a sentence.

        A management key of another account sees none of our keys, so the key itself is asked
        before an organization's calls are stopped.
        """
        secret = await asyncio.to_thread(self._store.secret, facts.organization_id)
        if secret is None:
            return NOT_THERE
        if await self._management.own_key(secret) is not None:
            return ELSEWHERE
        if await asyncio.to_thread(self._set_lost, facts, actor):
            self._changed(facts.organization_id)
        return LOST

    async def retire(self, facts: KeyFacts, *, actor: Actor, management_key: str) -> None:
        """Switch the replaced key off and delete it."""
        key_hash = facts.key.retiring_hash
        if key_hash is None:
            return
        # A key that cannot be deleted for the moment must at least not be used any more.
        await self._management.change(key_hash, {"disabled": True}, management_key=management_key)
        await self._management.delete(key_hash, management_key=management_key)
        await asyncio.to_thread(self._set_retired, facts.organization_id, key_hash, actor)

    async def delete_leftovers(
        self,
        facts: KeyFacts,
        listed: Iterable[RemoteKey],
        *,
        name: str,
        actor: Actor,
        management_key: str,
    ) -> int:
        """Delete keys of exactly this name whose secret nobody has; return how many."""
        kept = (facts.key.hash, facts.key.retiring_hash)
        leftovers = [key for key in listed if key.name == name and key.hash not in kept]
        for leftover in leftovers:
            await self._management.delete(leftover.hash, management_key=management_key)
            await asyncio.to_thread(
                self._note,
                facts.organization_id,
                "key.leftover_deleted",
                actor,
                before={"key_hash": short(leftover.hash), "key_label": leftover.label},
            )
        return len(leftovers)

    def set_found(self, facts: KeyFacts, remote: RemoteKey, actor: Actor) -> bool:
        """A key that was lost is there again: another management key was set for a while."""
        state = KeyState.DISABLED if remote.is_disabled else KeyState.ACTIVE
        with self._unit_of_work():
            if not self._store.set_state(facts, state):
                return False
            self._audit.record(
                actor=actor,
                action="key.found",
                target_kind="organization",
                target_id=facts.organization_id,
                before=audited(facts.stored_state, facts.key.hash, facts.key.label),
                after=audited(state, facts.key.hash, facts.key.label),
            )
        self._changed(facts.organization_id)
        return True

    def note_trouble(self, organization_id: str, *, kind: str, problem: str) -> None:
        """Keep what is wrong with a key, and tell of it unless that was known already."""
        with self._unit_of_work():
            if self._store.set_trouble(organization_id, problem):
                self._events.trouble(organization_id, kind=kind, problem=problem)

    def _set_lost(self, facts: KeyFacts, actor: Actor) -> bool:
        with self._unit_of_work():
            if not self._store.set_state(facts, KeyState.LOST):
                return False
            self._store.set_problem(facts.organization_id, LOST)
            self._events.trouble(facts.organization_id, kind="lost", problem=LOST)
            self._audit.record(
                actor=actor,
                action="key.lost",
                target_kind="organization",
                target_id=facts.organization_id,
                before=audited(facts.stored_state, facts.key.hash, facts.key.label),
                after=audited(KeyState.LOST, facts.key.hash, facts.key.label),
            )
        return True

    def _set_retired(self, organization_id: str, key_hash: str, actor: Actor) -> None:
        with self._unit_of_work():
            if self._store.retired(organization_id, key_hash):
                self._note(
                    organization_id, "key.retired", actor, before={"key_hash": short(key_hash)}
                )

    def _note(
        self,
        organization_id: str,
        action: str,
        actor: Actor,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        with self._unit_of_work():
            self._audit.record(
                actor=actor,
                action=action,
                target_kind="organization",
                target_id=organization_id,
                before=before,
                after=after,
            )


def short(key_hash: str | None) -> str | None:
    """Enough of a key's hash to tell it from others."""
    return None if key_hash is None else key_hash[:12]


def audited(state: KeyState, key_hash: str | None, label: str | None) -> dict[str, object]:
    return {"key_state": state.value, "key_hash": short(key_hash), "key_label": label}


def require_active_organization(facts: KeyFacts) -> None:
    if not facts.is_active:
        raise Conflict("the organization is deactivated: reactivate it first", field="status")


def is_refusal(error: UpstreamError) -> bool:
    """Whether an error says for certain that the request did nothing."""
    return 400 <= error.status < 500 and error.status != 408


def _as_is(remote: RemoteKey, changes: Mapping[str, object]) -> Mapping[str, object]:
    limit = remote.limit_pusd
    present = {
        "name": remote.name,
        "disabled": remote.is_disabled,
        "limit": None if limit is None else Decimal(limit) / 10**12,
        "limit_reset": remote.limit_reset,
        "include_byok_in_limit": remote.counts_byok,
    }
    return {name: present[name] for name in changes}


def _readable(fields: Mapping[str, object]) -> dict[str, object]:
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value in fields.items()
    }

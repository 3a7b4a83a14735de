"""Organizations' own keys: what an admin does with them."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace

from mai_usage_ext.errors import BadInput, Conflict, NotFound, UpstreamError
from mai_usage_ext.ports import (
    SYSTEM,
    Actor,
    Clock,
    KeyFacts,
    KeyManagement,
    KeyState,
    KeyStore,
    OrganizationRecord,
    OrganizationStore,
    OwnKey,
    UnitOfWork,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.key_events import KeyEvents
from mai_usage_ext.services.key_making import CHANGED_MEANWHILE, KeyMaker
from mai_usage_ext.services.key_upkeep import (
    LOST,
    KeyUpkeep,
    audited,
    require_active_organization,
)

__all__ = ["Keys"]

_SHORTEST_SECRET, _LONGEST_SECRET = 20, 200
_MOST_PUSHES = 3
_NOT_SHOWN = "(not shown)"


class Keys:
    """Actions of an admin. The database is asked in threads.

    Every method raises ``NotFound`` for an unknown organization, ``ConfigurationError`` where no
    management key is set and one is needed, and, but for ``sync`` and ``disable``,
    ``UpstreamError`` with a sentence that is also kept as the key's ``problem``.
    """

    def __init__(
        self,
        store: KeyStore,
        management: KeyManagement,
        *,
        organizations: OrganizationStore,
        upkeep: KeyUpkeep,
        maker: KeyMaker,
        management_key: Callable[[], str | None],
        audit: Audit,
        events: KeyEvents,
        unit_of_work: UnitOfWork,
        clock: Clock,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._management = management
        self._organizations = organizations
        self._upkeep = upkeep
        self._maker = maker
        self._management_key = management_key
        self._audit = audit
        self._events = events
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._changed = changed

    async def provision(self, organization_id: str, *, actor: Actor) -> OrganizationRecord:
        """Give it a key of its own. ``Conflict`` when it has one that works or is switched off."""
        facts = await self._facts(organization_id)
        if facts.key.state in (KeyState.ACTIVE, KeyState.DISABLED):
            raise Conflict(
                f"the organization has a key already, which is {facts.key.state.value}", field="key"
            )
        return await self._make(facts, action="key.provisioned", actor=actor)

    async def rotate(self, organization_id: str, *, actor: Actor) -> OrganizationRecord:
        """Replace its key by a new one; the old one is deleted a minute later."""
        facts = await self._facts(organization_id)
        if facts.stored_state is not KeyState.ACTIVE:
            raise Conflict(
                f"only an active key can be rotated, this one is {facts.key.state.value}",
                field="key",
            )
        return await self._make(facts, action="key.rotated", actor=actor)

    async def disable(self, organization_id: str, *, actor: Actor) -> OrganizationRecord:
        """Switch its key off: here at once, which stops its calls, then at OpenRouter.

        What OpenRouter does not accept now stays as the key's problem, and the check repeats it.
        """
        facts = await self._facts(organization_id)
        if facts.stored_state not in (KeyState.ACTIVE, KeyState.DISABLED):
            raise Conflict("the organization has no key to switch off", field="key")
        if facts.stored_state is KeyState.ACTIVE:
            await self._set_state(facts, KeyState.DISABLED, action="key.disabled", actor=actor)
        if self._management_key() is None:
            problem = (
                "The key is switched off here, not at OpenRouter: "
                "OPENROUTER_PROVISIONING_KEY is not set"
            )
            await asyncio.to_thread(self._store.set_problem, organization_id, problem)
            return await self._record(organization_id)
        return await self.sync(organization_id)

    async def enable(self, organization_id: str, *, actor: Actor) -> OrganizationRecord:
        """Switch its key on: at OpenRouter first, then here, so that no call meets a dead key."""
        facts = await self._facts(organization_id)
        require_active_organization(facts)
        if facts.key.state is KeyState.ACTIVE:
            return await self._record(organization_id)
        if facts.key.state is not KeyState.DISABLED:
            raise Conflict(
                f"only a disabled key can be enabled, this one is {facts.key.state.value}",
                field="key",
            )
        try:
            is_known = await self._switch_on(facts)
        except UpstreamError as error:
            await asyncio.to_thread(self._store.set_problem, organization_id, str(error))
            raise
        if not is_known:
            await self._upkeep.missing(facts, actor=actor)
            raise Conflict(LOST, field="key")
        await self._set_state(facts, KeyState.ACTIVE, action="key.enabled", actor=actor)
        return await self._record(organization_id)

    async def adopt(self, organization_id: str, secret: str, *, actor: Actor) -> OrganizationRecord:
        """Take a key that exists, entered by hand; also how a lost or unreadable one comes back.

        What the key spent this month before counts at OpenRouter and not here, so until the next
        month OpenRouter may refuse before our limit does. Raises ``BadInput`` and ``Conflict``
        with the field ``key``; neither repeats the secret.
        """
        _require_shape(secret)
        facts = await self._facts(organization_id)
        require_active_organization(facts)
        await asyncio.to_thread(self._store.can_seal)
        own = await self._asked_itself(facts, secret)
        key_hash = await self._hash_of(facts, secret, own)
        holder = await asyncio.to_thread(self._store.holder_of, key_hash)
        if holder not in (None, organization_id) or key_hash == facts.key.retiring_hash:
            raise Conflict("another organization has this key, or it was replaced", field="key")
        is_new = key_hash != facts.key.hash
        if is_new and facts.key.state is KeyState.ACTIVE:
            raise Conflict(
                "the organization has an active key: rotate it, or disable it first", field="key"
            )
        if is_new and facts.key.retiring_hash is not None:
            await self._maker.clear_replaced(facts, actor=actor)
            facts = await self._facts(organization_id)
        kept = await self._maker.keep(
            facts,
            secret=secret,
            key_hash=key_hash,
            label=own.label,
            claim=None,
            action="key.adopted",
            actor=actor,
        )
        if not kept:
            raise Conflict(CHANGED_MEANWHILE, field="key")
        return await self.sync(organization_id)

    async def sync(self, organization_id: str) -> OrganizationRecord:
        """Push name, limit and state after a change of the organization.

        Raises nothing of OpenRouter's: that stays as the key's problem, and the check repeats it.
        """
        facts = await self._facts(organization_id)
        management_key = self._management_key()
        is_lost = facts.stored_state is KeyState.LOST
        if facts.key.hash is None or is_lost or management_key is None:
            return await self._record(organization_id)
        try:
            problem = await self._pushed_at_last(facts, management_key)
        except UpstreamError as error:
            problem = str(error)
        await asyncio.to_thread(self._store.set_problem, organization_id, problem)
        return await self._record(organization_id)

    async def _pushed_at_last(self, facts: KeyFacts, management_key: str) -> str | None:
        """Push until nothing has changed meanwhile: of two who push at once the one whose request
        comes last must not leave behind what the other has overtaken."""
        problem = None
        for _ in range(_MOST_PUSHES):
            if facts.key.hash is None:
                break
            problem = await self._pushed(facts, facts.key.hash, management_key)
            again = await self._facts(facts.organization_id)
            if replace(again, key=facts.key) == facts and again.key.hash == facts.key.hash:
                break
            facts = again
        return problem

    async def _pushed(self, facts: KeyFacts, key_hash: str, management_key: str) -> str | None:
        remote = await self._management.key(key_hash, management_key=management_key)
        if remote is not None:
            changes = await self._upkeep.push(
                facts, remote, action="key.synced", actor=SYSTEM, management_key=management_key
            )
            if changes is not None:
                return None
        return await self._upkeep.missing(facts, actor=SYSTEM)

    async def _make(self, facts: KeyFacts, *, action: str, actor: Actor) -> OrganizationRecord:
        require_active_organization(facts)
        if facts.key.retiring_hash is not None:
            await self._maker.clear_replaced(facts, actor=actor)
            facts = await self._facts(facts.organization_id)
        await self._maker.make(facts, action=action, actor=actor)
        return await self._record(facts.organization_id)

    async def _switch_on(self, facts: KeyFacts) -> bool:
        """Enable a key at OpenRouter with its present terms; false when it is not known there."""
        management_key = self._management_key()
        if management_key is None or facts.key.hash is None:
            secret = await asyncio.to_thread(self._store.secret, facts.organization_id)
            return secret is not None and await self._management.own_key(secret) is not None
        remote = await self._management.key(facts.key.hash, management_key=management_key)
        if remote is None:
            return False
        changes = await self._upkeep.push(
            replace(facts, stored_state=KeyState.ACTIVE),
            remote,
            action="key.synced",
            actor=SYSTEM,
            management_key=management_key,
        )
        return changes is not None

    async def _asked_itself(self, facts: KeyFacts, secret: str) -> OwnKey:
        try:
            own = await self._management.own_key(secret)
        except UpstreamError as error:
            await asyncio.to_thread(self._store.set_problem, facts.organization_id, str(error))
            raise
        if own is None:
            raise _bad_key("a key that OpenRouter knows and that is not switched off there")
        if own.is_management:
            raise _bad_key("a key for calls; this is a management key")
        return own

    async def _hash_of(self, facts: KeyFacts, secret: str, own: OwnKey) -> str:
        """The hash is the secret's SHA-256; with a management key OpenRouter confirms it."""
        key_hash = hashlib.sha256(secret.encode()).hexdigest()
        management_key = self._management_key()
        if management_key is None:
            return key_hash
        try:
            if await self._management.key(key_hash, management_key=management_key) is not None:
                return key_hash
            listed = await self._management.keys(management_key=management_key)
        except UpstreamError as error:
            await asyncio.to_thread(self._store.set_problem, facts.organization_id, str(error))
            raise
        alike = [key.hash for key in listed if own.label is not None and key.label == own.label]
        if len(alike) != 1:
            raise _bad_key("a key of the account that OPENROUTER_PROVISIONING_KEY belongs to")
        return alike[0]

    async def _set_state(
        self, facts: KeyFacts, state: KeyState, *, action: str, actor: Actor
    ) -> None:
        def commit() -> bool:
            with self._unit_of_work():
                if not self._store.set_state(facts, state):
                    return False
                self._store.set_problem(facts.organization_id, None)
                if state is KeyState.DISABLED:
                    self._events.disabled(facts)
                self._audit.record(
                    actor=actor,
                    action=action,
                    target_kind="organization",
                    target_id=facts.organization_id,
                    before=audited(facts.stored_state, facts.key.hash, facts.key.label),
                    after=audited(state, facts.key.hash, facts.key.label),
                )
            return True

        if not await asyncio.to_thread(commit):
            raise Conflict(CHANGED_MEANWHILE, field="key")
        self._changed(facts.organization_id)

    async def _facts(self, organization_id: str) -> KeyFacts:
        facts = await asyncio.to_thread(self._store.facts, organization_id)
        if facts is None:
            raise NotFound(f"there is no organization {organization_id!r}")
        return facts

    async def _record(self, organization_id: str) -> OrganizationRecord:
        now_ms = self._clock.now_ms()
        record = await asyncio.to_thread(self._organizations.record, organization_id, at_ms=now_ms)
        if record is None:
            raise NotFound(f"there is no organization {organization_id!r}")
        return record


def _bad_key(expected: str) -> BadInput:
    return BadInput("key", got=_NOT_SHOWN, expected=expected)


def _require_shape(secret: object) -> None:
    if (
        not isinstance(secret, str)
        or not _SHORTEST_SECRET <= len(secret) <= _LONGEST_SECRET
        or not secret.isascii()
        or not secret.isprintable()
        or " " in secret
        or not secret.startswith("sk-or-")
    ):
        raise _bad_key("an OpenRouter key, which begins with sk-or-")

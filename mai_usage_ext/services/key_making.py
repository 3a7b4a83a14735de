"""Making a key, so that none is lost whatever happens in between.

Three steps: commit the name it is about to have, make it, commit its sealed secret. OpenRouter
shows a secret once, so a key whose maker died or heard no answer after the second step is of no use
to anybody: it is found by its name and deleted, by the next attempt or by the check. Whoever claims
the name last wins; a maker that was overtaken deletes its own key.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from mai_usage_ext.errors import ConfigurationError, Conflict, StorageUnavailable, UpstreamError
from mai_usage_ext.ports import (
    Actor,
    Clock,
    KeyFacts,
    KeyManagement,
    KeyState,
    KeyStore,
    NewKey,
    UnitOfWork,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.key_events import KeyEvents
from mai_usage_ext.services.key_terms import KeyPolicy, new_name
from mai_usage_ext.services.key_upkeep import KeyUpkeep, audited, is_refusal

__all__ = ["CHANGED_MEANWHILE", "RETIRE_AFTER_MS", "TAKE_OVER_MS", "KeyMaker", "required"]

RETIRE_AFTER_MS = 60_000
"""A replaced key goes on working this long: other workers remember it for some seconds, and calls
under way are asked about with it."""

TAKE_OVER_MS = 60_000
"""A claim this old belongs to nobody: the request it stands for ends within 20 seconds."""

CHANGED_MEANWHILE = "the organization's key was changed meanwhile: look at it, then try again"


class KeyMaker:
    """Raises ``UpstreamError`` with a sentence that is also kept as the key's ``problem``."""

    def __init__(
        self,
        store: KeyStore,
        management: KeyManagement,
        *,
        upkeep: KeyUpkeep,
        policy: KeyPolicy,
        management_key: Callable[[], str | None],
        audit: Audit,
        events: KeyEvents,
        unit_of_work: UnitOfWork,
        clock: Clock,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._management = management
        self._upkeep = upkeep
        self._policy = policy
        self._management_key = management_key
        self._audit = audit
        self._events = events
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._changed = changed

    async def make(self, facts: KeyFacts, *, action: str, actor: Actor) -> None:
        """Make a key and store it as the organization's. Raises ``Conflict`` where somebody else
        is at it, or has changed the key meanwhile."""
        management_key = required(self._management_key())
        await asyncio.to_thread(self._store.can_seal)
        claim = await self._claim(facts, actor=actor, management_key=management_key)
        made = await self._created(facts, claim, management_key)
        try:
            kept = await self.keep(
                facts,
                secret=made.secret,
                key_hash=made.key.hash,
                label=made.key.label,
                claim=claim,
                action=action,
                actor=actor,
            )
        except Exception:
            await self._discard(facts, made, claim, management_key)
            raise
        if not kept:
            await self._discard(facts, made, claim, management_key)
            raise Conflict(CHANGED_MEANWHILE, field="key")

    async def keep(
        self,
        facts: KeyFacts,
        *,
        secret: str,
        key_hash: str,
        label: str | None,
        claim: tuple[str, int] | None,
        action: str,
        actor: Actor,
    ) -> bool:
        """Store a key, sealed; false when what it was decided on has changed. ``claim`` is the
        name and the instant that ``make`` has noted, ``None`` for a key that exists already."""
        now_ms = self._clock.now_ms()
        is_replaced = facts.key.hash not in (None, key_hash)
        # What OpenRouter has lost needs no deleting.
        retires = is_replaced and facts.stored_state is not KeyState.LOST

        def commit() -> bool:
            with self._unit_of_work():
                if not self._store.keep(
                    facts,
                    secret=secret,
                    key_hash=key_hash,
                    label=label,
                    pending=claim,
                    retire_at_ms=now_ms + RETIRE_AFTER_MS if retires else None,
                    now_ms=now_ms,
                ):
                    return False
                self._events.made(
                    facts, key_hash=key_hash, label=label, is_new=action != "key.rotated"
                )
                self._audit.record(
                    actor=actor,
                    action=action,
                    target_kind="organization",
                    target_id=facts.organization_id,
                    before=audited(facts.stored_state, facts.key.hash, facts.key.label),
                    after=audited(KeyState.ACTIVE, key_hash, label),
                )
            return True

        kept = await asyncio.to_thread(commit)
        if kept:
            self._changed(facts.organization_id)
        return kept

    async def clear_replaced(self, facts: KeyFacts, *, actor: Actor) -> None:
        """There is one place for a replaced key: delete what is in it, once its time is over."""
        if self._clock.now_ms() < (facts.key.retire_at_ms or 0):
            raise Conflict(
                "the key was replaced less than a minute ago: try again in a minute", field="key"
            )
        management_key = required(self._management_key())
        try:
            await self._upkeep.retire(facts, actor=actor, management_key=management_key)
        except UpstreamError as error:
            await asyncio.to_thread(self._store.set_problem, facts.organization_id, str(error))
            raise

    async def _claim(
        self, facts: KeyFacts, *, actor: Actor, management_key: str
    ) -> tuple[str, int]:
        """The name the key will have, and since when it is ours to make.

        A name that somebody claimed and gave up is kept, so that a key that appears late still
        has the name we know; what is there of it is deleted first.
        """
        now_ms = self._clock.now_ms()
        left_over = facts.key.pending_name
        if left_over is not None and now_ms - (facts.key.pending_at_ms or 0) < TAKE_OVER_MS:
            raise Conflict(
                "a key is being made for this organization: try again in a minute", field="key"
            )
        claim = (left_over or new_name(facts), now_ms)
        if not await asyncio.to_thread(self._store.claim, facts, name=claim[0], now_ms=claim[1]):
            raise Conflict(CHANGED_MEANWHILE, field="key")
        if left_over is None:
            return claim
        try:
            await self._upkeep.delete_leftovers(
                facts,
                await self._management.keys(management_key=management_key),
                name=left_over,
                actor=actor,
                management_key=management_key,
            )
        except UpstreamError as error:
            await asyncio.to_thread(self._failed, facts, claim, error)
            raise
        return claim

    async def _created(
        self, facts: KeyFacts, claim: tuple[str, int], management_key: str
    ) -> NewKey:
        terms = await asyncio.to_thread(self._policy.terms, facts, name=claim[0])
        try:
            return await self._management.create(
                replace(terms, name=claim[0]), management_key=management_key
            )
        except UpstreamError as error:
            await asyncio.to_thread(self._failed, facts, claim, error)
            raise

    def _failed(self, facts: KeyFacts, claim: tuple[str, int], error: UpstreamError) -> None:
        name, at_ms = claim
        with self._unit_of_work():
            if is_refusal(error) and facts.key.pending_name is None:
                self._store.release(facts.organization_id, name=name, at_ms=at_ms)
            else:
                # Nobody knows whether a key of that name was made, or still is there.
                self._store.give_up(
                    facts.organization_id, name=name, at_ms=at_ms, aged_ms=TAKE_OVER_MS
                )
            self._store.set_problem(facts.organization_id, str(error))

    async def _discard(
        self, facts: KeyFacts, made: NewKey, claim: tuple[str, int], management_key: str
    ) -> None:
        """Delete a key that could not be stored. What fails here the check does later."""
        name, at_ms = claim
        with suppress(UpstreamError, StorageUnavailable):
            await self._management.delete(made.key.hash, management_key=management_key)
            await asyncio.to_thread(
                self._store.release, facts.organization_id, name=name, at_ms=at_ms
            )


def required(management_key: str | None) -> str:
    """Raises ``ConfigurationError`` where no management key is set."""
    if management_key is None:
        raise ConfigurationError.of(
            "OPENROUTER_PROVISIONING_KEY",
            got="",
            expected="an OpenRouter management key, which making and changing keys needs",
        )
    return management_key

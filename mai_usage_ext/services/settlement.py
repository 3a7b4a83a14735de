"""Settling what ended without a price: ``GET /generation``, until it knows.

The job looks at the data, not at the tick: every pending hold whose time has come is asked for, by
whichever process claims it first. Two that ask at once do no harm: a generation is booked once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mai_usage_ext.errors import GenerationNotFound, UpstreamError
from mai_usage_ext.guard import shielded, tally
from mai_usage_ext.ports import (
    Clock,
    Generation,
    Generations,
    Hold,
    HoldState,
    HoldStore,
    Ledger,
    LookupKeys,
    Outcome,
    PendingHold,
    Source,
)
from mai_usage_ext.services.backoff import next_attempt_ms
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.entries import Timing, entry_of

__all__ = ["Settlement", "SettlementRound"]

# A claim outlives nearly every answer, so that few holds are asked about twice; one that was asked
# by a process that died waits no longer than this.
_CLAIM_MS = 20_000
_BATCH = 64
_PARALLEL = 8

# After this many answers without a usable cost it is the provider who has no price for the call.
_UNPRICED_AFTER = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRound:
    """What one round did: holds asked about, entries booked, holds that wait on."""

    asked: int = 0
    booked: int = 0
    waiting: int = 0


class Settlement:
    """Asks for what is due. One round at a time in a process, any number of processes."""

    def __init__(
        self,
        holds: HoldStore,
        ledger: Ledger,
        generations: Generations,
        *,
        call_keys: CallKeys,
        other_keys: LookupKeys,
        clock: Clock,
    ) -> None:
        self._holds = holds
        self._ledger = ledger
        self._generations = generations
        self._call_keys = call_keys
        self._other_keys = other_keys
        self._clock = clock

    async def run_once(self) -> SettlementRound:
        """Ask once for every pending hold that is due."""
        due = await asyncio.to_thread(self._holds.due, now_ms=self._clock.now_ms(), limit=_BATCH)
        gate = asyncio.Semaphore(_PARALLEL)
        results = await asyncio.gather(*(self._settle_one(pending, gate) for pending in due))
        booked = sum(result is True for result in results)
        return SettlementRound(asked=len(due), booked=booked, waiting=len(due) - booked)

    async def _settle_one(self, pending: PendingHold, gate: asyncio.Semaphore) -> bool:
        async with gate:
            with shielded("settling a pending hold"):
                claimed = await asyncio.to_thread(
                    self._holds.claim,
                    pending,
                    next_attempt_ms=self._clock.now_ms() + _CLAIM_MS,
                )
                return claimed and await self._ask(pending)
        return False

    async def _ask(self, pending: PendingHold) -> bool:
        try:
            generation = await self._fetch(pending)
        except UpstreamError as error:
            if not isinstance(error, GenerationNotFound):
                tally.warn("generation look-ups failed", f"GET /generation failed: {error}")
            await self._wait_on(pending, reason=str(error))
            return False
        if generation.usage is None:
            await self._without_price(pending, generation)
            return False
        return await self._book(pending, generation)

    async def _fetch(self, pending: PendingHold) -> Generation:
        """Try the call's own key first, then the others. The last error stands for all."""
        error: UpstreamError = UpstreamError("no key to ask with", status=0)
        for key in await self._keys_for(pending.hold):
            try:
                return await self._generations.fetch(pending.generation_id, key=key)
            except UpstreamError as failed:
                error = failed
                # Another key would be told the same, unless it was the key that was wrong.
                if failed.status not in (401, 403, 404):
                    break
        raise error

    async def _keys_for(self, hold: Hold) -> Sequence[str]:
        own = self._call_keys.of(hold.id)
        others = await self._other_keys.for_hold(hold)
        keys = ([own] if own else []) + list(others)
        return list(dict.fromkeys(keys))

    async def _book(self, pending: PendingHold, generation: Generation) -> bool:
        assert generation.usage is not None  # noqa: S101 - the caller looked
        outcome = Outcome.CANCELLED if generation.cancelled else pending.outcome
        entry = entry_of(
            pending.hold,
            generation_id=pending.generation_id,
            model=generation.model,
            provider=generation.provider,
            usage=generation.usage,
            outcome=outcome,
            source=Source.GENERATION,
            timing=Timing(first_byte_ms=pending.first_byte_ms, duration_ms=pending.duration_ms),
            booked_at_ms=self._clock.now_ms(),
        )
        booked = await asyncio.wrap_future(self._ledger.settle(pending.hold, entry))
        self._call_keys.forget(pending.hold.id)
        tally.add("holds settled from /generation")
        return booked

    async def _without_price(self, pending: PendingHold, generation: Generation) -> None:
        """The provider knows the call and names no usable cost: never booked at zero."""
        tally.warn(
            "generations without usable cost",
            f"generation {pending.generation_id} cannot be booked: {generation.problem}",
        )
        unpriced = pending.attempts + 1 >= _UNPRICED_AFTER
        state = HoldState.UNPRICED if unpriced else HoldState.PENDING
        await self._wait_on(pending, reason=generation.problem or "no usable cost", state=state)

    async def _wait_on(
        self, pending: PendingHold, *, reason: str, state: HoldState = HoldState.PENDING
    ) -> None:
        next_ms = next_attempt_ms(
            self._clock.now_ms(), attempts=pending.attempts + 1, seed=pending.hold.id
        )
        future = self._ledger.defer(
            pending.hold,
            state=state,
            outcome=pending.outcome,
            generation_id=pending.generation_id,
            reason=reason,
            next_attempt_ms=next_ms if state is HoldState.PENDING else None,
            first_byte_ms=pending.first_byte_ms,
            duration_ms=pending.duration_ms,
        )
        await asyncio.wrap_future(future)

"""OpenRouter's Broadcast as a second source: what the ledger lacks is booked, what differs is said.

A call is kept the moment it is told, and judged later: its own answer may still be on its way to
the ledger. The judging looks at the data, so it may run twice and be killed; a generation is booked
once whoever books it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from mai_usage_ext.errors import ConfigurationError, StorageUnavailable, UpstreamError
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day, month_of
from mai_usage_ext.ports import (
    UNASSIGNED,
    Clock,
    Hold,
    HoldState,
    Ledger,
    OrganizationStore,
    Source,
)
from mai_usage_ext.ports.broadcast import (
    BroadcastCall,
    BroadcastFinding,
    BroadcastRecord,
    BroadcastStore,
    HeldCall,
    Known,
)
from mai_usage_ext.services.broadcast_judgement import (
    AFTER_MS,
    BEFORE_MS,
    Step,
    Verdict,
    fitting,
    judge,
)
from mai_usage_ext.services.entries import Timing, entry_of

__all__ = ["PURPOSE", "Broadcast", "Comparisons"]

PURPOSE = "broadcast"
# An answer that is read to its end is in the ledger long before.
_SETTLE_MS = 60_000
_BATCH = 500
_DAY_MS = 86_400_000

_Keys = Mapping[str, tuple[str, str | None]]


class Comparisons(Protocol):
    """What the day's reconciliation is asked for."""

    def has_taken(self, day: date) -> bool: ...

    async def look_at_counters(self) -> None: ...


class Broadcast:
    def __init__(
        self,
        store: BroadcastStore,
        ledger: Ledger,
        *,
        organizations: OrganizationStore,
        comparisons: Comparisons,
        keep_days: int,
        clock: Clock,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._organizations = organizations
        self._comparisons = comparisons
        self._keep_days = keep_days
        self._clock = clock
        self._asked_for: set[str] = set()

    def receive(self, calls: Sequence[BroadcastCall]) -> int:
        """Keep them all, or none; how many are new. Raises ``StorageUnavailable``."""
        now_ms = self._clock.now_ms()
        once = list({call.generation_id: call for call in reversed(calls)}.values())
        if not once:
            return 0
        new = self._store.add(once, now_ms=now_ms, due_at_ms=now_ms + _SETTLE_MS)
        tally.add("broadcasts received", new)
        return new

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def page(
        self, finding: BroadcastFinding | None, *, offset: int, limit: int
    ) -> tuple[Sequence[BroadcastRecord], int]:
        """What was found, newest first, and how much there is in all."""
        return self._store.page(finding, offset=offset, limit=limit)

    async def run_once(self) -> int:
        """Judge what is due; how many calls are judged. What has to wait is tried again."""
        judged = 0
        try:
            while True:
                found = await asyncio.to_thread(self._due)
                ready = [await self._judged(*one) for one in found]
                judged += sum(ready)
                if len(found) < _BATCH or not any(ready):
                    break
            before_ms = self._clock.now_ms() - self._keep_days * _DAY_MS
            await asyncio.to_thread(self._store.forget_older, before_ms)
        except (UpstreamError, StorageUnavailable) as error:
            tally.warn("broadcasts postponed", f"judging OpenRouter's broadcasts waits: {error}")
        return judged

    def _due(self) -> Sequence[tuple[BroadcastRecord, Verdict, Known]]:
        """What is left to do for each call that is due, once those that agree are forgotten."""
        now_ms = self._clock.now_ms()
        records = self._store.due(now_ms=now_ms, limit=_BATCH)
        known = self._store.known([record.call.generation_id for record in records])
        agreeing: list[str] = []
        left: list[tuple[BroadcastRecord, Verdict, Known]] = []
        taken: dict[date, bool] = {}
        for record in records:
            call = record.call
            day = billing_day(call.at_ms, "UTC")
            if day not in taken:
                taken[day] = self._comparisons.has_taken(day)
            here = known.get(call.generation_id, Known())
            waited_ms = now_ms - record.received_at_ms
            verdict = judge(call, here, waited_ms=waited_ms, is_taken=taken[day])
            if verdict.step is Step.AGREE:
                agreeing.append(call.generation_id)
            else:
                left.append((record, verdict, here))
        self._store.forget(agreeing)
        tally.add("broadcasts that agree", len(agreeing))
        return left

    async def _judged(self, record: BroadcastRecord, verdict: Verdict, known: Known) -> bool:
        """Do what was decided; whether the call is done with."""
        call = record.call
        match verdict.step:
            case Step.WAIT:
                return await self._wait(call)
            case Step.SETTLE:
                assert known.held is not None  # noqa: S101 - it is what is settled
                return await self._settle(call, known.held)
            case Step.BOOK:
                return await self._book(call)
            case Step.DIFFER:
                tally.warn("broadcasts that differ", f"{call.generation_id}: {verdict.reason}")
                return await self._keep(call, BroadcastFinding.DIFFERS, verdict.reason)
            case Step.LATE:
                return await self._keep(call, BroadcastFinding.LATE, verdict.reason)
            case _:
                return await self._keep(call, BroadcastFinding.BOOKED, "the ledger lacked it")

    async def _wait(self, call: BroadcastCall) -> bool:
        due_at_ms = self._clock.now_ms() + _SETTLE_MS
        await asyncio.to_thread(self._store.postpone, [call.generation_id], due_at_ms=due_at_ms)
        return False

    async def _keep(self, call: BroadcastCall, finding: BroadcastFinding, reason: str) -> bool:
        await asyncio.to_thread(self._store.judge, call.generation_id, finding, reason)
        return True

    async def _book(self, call: BroadcastCall) -> bool:
        """For a hold that lost sight of its call, else for whoever made it as far as is known."""
        keys = await self._keys(call.key_name)
        key_hash, owner = keys.get(call.key_name, ("", None))
        held, hold = await asyncio.to_thread(self._hold_for, call, key_hash, owner)
        if held is None:
            return await self._settle(call, _stand_in_for(hold))
        # One that is still in flight may name its generation yet.
        return await (
            self._wait(call) if held.state is HoldState.OPEN else self._settle(call, held)
        )

    async def _keys(self, name: str) -> _Keys:
        keys = await asyncio.to_thread(self._store.keys)
        if name and name not in keys and name not in self._asked_for:
            try:
                await self._comparisons.look_at_counters()
            except ConfigurationError:
                return keys
            # Keys of others in the account stay unknown however often one asks.
            self._asked_for.add(name)
            keys = await asyncio.to_thread(self._store.keys)
        return keys

    def _hold_for(
        self, call: BroadcastCall, key_hash: str, owner: str | None
    ) -> tuple[HeldCall | None, Hold]:
        """A hold that fits, if there is one, and what stands in for one otherwise."""
        members = self._store.members(call.user, at_ms=call.at_ms) if call.user else []
        holds = self._store.nameless_holds(
            from_ms=call.at_ms - BEFORE_MS, until_ms=call.at_ms + AFTER_MS + 1
        )
        holds = [one for one in holds if not key_hash or one.hold.key_hash in ("", key_hash)]
        held = fitting(call, holds, {user for _, user in members})
        if owner is None and len(members) == 1:
            owner = members[0][0]
        users = [user for organization, user in members if organization == owner]
        user_id = users[0] if len(users) == 1 else None
        return held, self._stand_in(call, key_hash, owner or UNASSIGNED, user_id)

    def _stand_in(
        self, call: BroadcastCall, key_hash: str, organization_id: str, user_id: str | None
    ) -> Hold:
        organization = self._organizations.get(organization_id, at_ms=call.at_ms)
        if organization is None:
            organization = self._organizations.get(UNASSIGNED, at_ms=call.at_ms)
        assert organization is not None  # noqa: S101 - made before anything else
        price = organization.price_of(call.model, at_ms=call.at_ms)
        day = billing_day(call.at_ms, organization.time_zone)
        return Hold(
            id=f"{PURPOSE}:{call.generation_id}",
            organization_id=organization.id,
            user_id=user_id,
            model=call.model,
            purpose=PURPOSE,
            estimate_pusd=0,
            rate_micro=price.rate_micro,
            fee_pusd=price.fee_pusd,
            day=day,
            month=month_of(day),
            at_ms=call.at_ms,
            owner=PURPOSE,
            key_hash=key_hash,
        )

    async def _settle(self, call: BroadcastCall, held: HeldCall) -> bool:
        entry = entry_of(
            held.hold,
            generation_id=call.generation_id,
            model=call.model,
            provider=call.provider,
            usage=call.usage,
            outcome=held.outcome or call.outcome,
            source=Source.BROADCAST,
            timing=Timing(
                first_byte_ms=held.first_byte_ms,
                duration_ms=call.duration_ms if held.duration_ms is None else held.duration_ms,
            ),
            booked_at_ms=self._clock.now_ms(),
        )
        if not await asyncio.wrap_future(self._ledger.settle(held.hold, entry)):
            # Somebody else has booked it meanwhile: the next look compares.
            return await self._wait(call)
        tally.warn("broadcasts booked", f"the ledger lacked {call.generation_id}")
        return await self._keep(call, BroadcastFinding.BOOKED, "the ledger lacked it")


def _stand_in_for(hold: Hold) -> HeldCall:
    """No table has it: the ledger takes an entry with the hold that says whose it is."""
    return HeldCall(
        hold=hold, state=HoldState.OPEN, outcome=None, first_byte_ms=None, duration_ms=None
    )

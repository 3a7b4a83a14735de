"""The simulator's own account of every call: the truth that others are compared with.

Nothing here is parsed back from an answer. A record is opened when generation begins and closed
when it ends, with a cost that was computed exactly (`charge.py`). Money is `Decimal` USD; instants
are aware UTC datetimes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Any

from mai_usage_ext.simulator.catalogue import ZERO, Model
from mai_usage_ext.simulator.charge import Charge, Tokens, picodollars
from mai_usage_ext.simulator.switches import Switches

Clock = Callable[[], datetime]


@dataclass(slots=True, kw_only=True)
class Record:
    """One upstream inference call that was begun.

    `cost` is what the account's credits paid; `spend` adds the upstream part of a BYOK call and is
    what a ledger must show. `delivered` says that the whole answer, usage included, was sent.
    """

    sequence: int
    generation_id: str
    key_hash: str
    user: str | None
    endpoint: str
    model_asked: str
    model_answered: str
    provider: str
    streamed: bool
    created_at: datetime
    model: Model
    switches: Switches
    tokens: Tokens = field(default_factory=Tokens)
    charge: Charge | None = None
    cancelled: bool = False
    delivered: bool = False
    failed: int | None = None
    finish_reason: str | None = None
    first_byte_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def cost(self) -> Decimal:
        return self.charge.cost if self.charge else ZERO

    @property
    def upstream_cost(self) -> Decimal:
        return self.charge.upstream if self.charge else ZERO

    @property
    def byok_cost(self) -> Decimal:
        """What the caller's own provider key paid; zero without one."""
        return self.upstream_cost if self.switches.byok else ZERO

    @property
    def spend(self) -> Decimal:
        return self.cost + self.byok_cost

    @property
    def day(self) -> date:
        """The UTC day that the counters book the call on."""
        ended = self.ended_at or self.created_at
        return (ended if self.switches.activity_day == "end" else self.created_at).date()

    def row(self) -> dict[str, Any]:
        """The record as JSON: costs as strings in USD and as whole picodollars."""
        return {
            "sequence": self.sequence,
            "generation_id": self.generation_id,
            "key_hash": self.key_hash,
            "user": self.user,
            "endpoint": self.endpoint,
            "model_asked": self.model_asked,
            "model_answered": self.model_answered,
            "provider": self.provider,
            "tokens": {
                "prompt": self.tokens.prompt,
                "completion": self.tokens.completion,
                "cached": self.tokens.cached,
                "reasoning": self.tokens.reasoning,
            },
            "is_byok": self.switches.byok,
            **_money("cost", self.cost),
            **_money("upstream_cost", self.upstream_cost),
            **_money("spend", self.spend),
            "streamed": self.streamed,
            "cancelled": self.cancelled,
            "delivered": self.delivered,
            "failed": self.failed,
            "created_at": stamp(self.created_at),
            "ended_at": None if self.ended_at is None else stamp(self.ended_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A call that was turned away before any work: no generation and no cost."""

    status: int
    message: str
    endpoint: str
    key_hash: str | None
    user: str | None
    model_asked: str | None
    created_at: datetime

    def row(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "message": self.message,
            "endpoint": self.endpoint,
            "key_hash": self.key_hash,
            "user": self.user,
            "model_asked": self.model_asked,
            "generation_id": None,
            "cost": "0",
            "cost_pusd": 0,
            "created_at": stamp(self.created_at),
        }


class Bill:
    """All records and refusals since the last reset, with running sums per key and day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sequence = 0
        self._changed = asyncio.Event()
        self.on_finish: list[Callable[[Record], None]] = []
        self.reset()

    def reset(self) -> None:
        """Forget everything; calls that are still open stay off the new bill."""
        self.records: list[Record] = []
        self.refused: list[Refusal] = []
        self._by_id: dict[str, Record] = {}
        self._cost: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self._byok: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))

    def begin(self, record: Record) -> Record:
        """Open a record; it takes the next sequence number."""
        self._sequence += 1
        record.sequence = self._sequence
        self.records.append(record)
        self._by_id[record.generation_id] = record
        self._wake()
        return record

    def finish(self, record: Record, tokens: Tokens, charge: Charge) -> None:
        """Close a record. Closing it again replaces what it cost before."""
        booked = self._by_id.get(record.generation_id) is record
        if booked and record.ended_at is not None:
            self._book(record, sign=-1)
        record.tokens = tokens
        record.charge = charge
        record.ended_at = self._clock()
        if booked:
            self._book(record, sign=1)
        for told in self.on_finish:
            told(record)
        self._wake()

    def refuse(self, refusal: Refusal) -> None:
        """Note a call that was turned away."""
        self.refused.append(refusal)
        self._wake()

    async def until(self, holds: Callable[[Bill], object]) -> None:
        """Wait until `holds(bill)` is true; only on the loop that serves."""
        while not holds(self):
            await self._changed.wait()

    def generation(self, generation_id: str) -> Record | None:
        return self._by_id.get(generation_id)

    def ended(self) -> Iterator[Record]:
        """The records whose cost is final."""
        return (record for record in self.records if record.ended_at is not None)

    def total_cost(self) -> Decimal:
        """What the account's credits paid."""
        return sum((sum(days.values(), ZERO) for days in self._cost.values()), ZERO)

    def total_spend(self) -> Decimal:
        """What a ledger of these calls must add up to."""
        return sum((record.spend for record in self.records), ZERO)

    def key_usage(self, key_hash: str, since: date | None = None) -> Decimal:
        """The credits a key used, of all time or from a UTC day on."""
        return _sum_since(self._cost.get(key_hash), since)

    def key_byok_usage(self, key_hash: str, since: date | None = None) -> Decimal:
        """What a key's calls cost at the caller's own providers."""
        return _sum_since(self._byok.get(key_hash), since)

    def lagging_cost(self, key_hash: str, seconds: float) -> Decimal:
        """The credits of a key's calls that ended in the last so many seconds."""
        known = self._clock() - timedelta(seconds=seconds)
        recent = (r for r in self.ended() if r.ended_at and r.ended_at > known)
        return sum((r.cost for r in recent if r.key_hash == key_hash), ZERO)

    def statement(self, *, since: int = 0) -> dict[str, Any]:
        """The whole bill as JSON: `records`, `refused`, `totals`, `counts`.

        `since` leaves out the records up to that sequence number, but not their money.
        """
        recent = takewhile(lambda record: record.sequence > since, reversed(self.records))
        return {
            "records": [record.row() for record in recent][::-1],
            "refused": [refusal.row() for refusal in self.refused],
            "totals": self.totals(),
            "counts": self.counts(),
        }

    def counts(self) -> dict[str, int]:
        """How many calls there are of each kind."""
        records = self.records
        return {
            "records": len(records),
            "open": sum(record.ended_at is None for record in records),
            "delivered": sum(record.delivered for record in records),
            "cancelled": sum(record.cancelled for record in records),
            "failed": sum(record.failed is not None for record in records),
            "streamed": sum(record.streamed for record in records),
            "refused": len(self.refused),
        }

    def totals(self) -> dict[str, Any]:
        """Sums over all records: money twice (string and picodollars) and tokens."""
        records = self.records
        return {
            **_money("cost", sum((record.cost for record in records), ZERO)),
            **_money("upstream_cost", sum((record.upstream_cost for record in records), ZERO)),
            **_money("spend", self.total_spend()),
            "tokens": {
                "prompt": sum(record.tokens.prompt for record in records),
                "completion": sum(record.tokens.completion for record in records),
                "cached": sum(record.tokens.cached for record in records),
                "reasoning": sum(record.tokens.reasoning for record in records),
            },
        }

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _book(self, record: Record, *, sign: int) -> None:
        self._cost[record.key_hash][record.day] += sign * record.cost
        self._byok[record.key_hash][record.day] += sign * record.byok_cost


def stamp(instant: datetime) -> str:
    """An instant as OpenRouter's inference side writes it: `2026-01-31T09:30:00.123Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sum_since(days: dict[date, Decimal] | None, since: date | None) -> Decimal:
    if not days:
        return ZERO
    return sum((cost for day, cost in days.items() if since is None or day >= since), ZERO)


def _money(name: str, amount: Decimal) -> dict[str, Any]:
    return {name: format(amount, "f"), f"{name}_pusd": picodollars(amount)}

"""Calls that OpenRouter told of by itself, in the database."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peewee import Database, fn

from mai_usage_ext.metering.usage import Usage
from mai_usage_ext.ports import HoldState, Outcome, Source
from mai_usage_ext.ports.broadcast import (
    Booked,
    BroadcastCall,
    BroadcastFinding,
    BroadcastRecord,
    HeldCall,
    Known,
)
from mai_usage_ext.storage import reconciliation_models as models
from mai_usage_ext.storage.holds import hold_of
from mai_usage_ext.storage.models import (
    ImportedGeneration,
    UsageHold,
    UsageLedger,
    UserClientMapping,
)
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["BroadcastRows"]

# SQLite takes a thousand parameters in a statement for certain.
_MOST_ROWS, _MOST_IDS = 40, 500


class BroadcastRows:
    """Implements ``ports.broadcast.BroadcastStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, calls: Sequence[BroadcastCall], *, now_ms: int, due_at_ms: int) -> int:
        rows = [_columns(call, now_ms, due_at_ms) for call in calls]
        new = 0
        with transaction(self._db):
            for begin in range(0, len(rows), _MOST_ROWS):
                query = models.BroadcastCall.insert_many(rows[begin : begin + _MOST_ROWS])
                new += write(self._db, query.on_conflict(action="IGNORE"))
        return new

    def due(self, *, now_ms: int, limit: int) -> Sequence[BroadcastRecord]:
        call = models.BroadcastCall
        query = call.select().where(call.due_at_ms <= now_ms)
        query = query.order_by(call.due_at_ms, call.generation_id).limit(limit)
        with session(self._db):
            return [_record(row) for row in query.bind(self._db)]

    def known(self, generation_ids: Sequence[str]) -> Mapping[str, Known]:
        held: dict[str, HeldCall] = {}
        booked: dict[str, Booked] = {}
        imported: set[str] = set()
        with session(self._db):
            for begin in range(0, len(generation_ids), _MOST_IDS):
                some = list(generation_ids[begin : begin + _MOST_IDS])
                held |= dict(self._held(some))
                booked |= dict(self._booked(some))
                row: Any = ImportedGeneration.generation_id
                query: Any = ImportedGeneration.select(row).where(row.in_(some))
                imported |= {one[0] for one in query.tuples().bind(self._db)}
        return {
            one: Known(booked=booked.get(one), held=held.get(one), is_imported=one in imported)
            for one in generation_ids
        }

    def nameless_holds(self, *, from_ms: int, until_ms: int) -> Sequence[HeldCall]:
        hold = UsageHold
        query = hold.select().where(
            hold.closed_at_ms.is_null()
            & hold.generation_id.is_null()
            & (hold.at_ms >= from_ms)
            & (hold.at_ms < until_ms)
        )
        with session(self._db):
            return [_held(row) for row in query.order_by(hold.at_ms, hold.id).bind(self._db)]

    def keys(self) -> Mapping[str, tuple[str, str | None]]:
        counter = models.KeyCounter
        query: Any = counter.select(counter.name, fn.MAX(counter.key_hash))
        query = query.where(counter.name != "").group_by(counter.name)
        query = query.having(fn.COUNT(counter.key_hash) == 1)
        owners = ReconciliationRows(self._db).owners()
        with session(self._db):
            found = list(query.tuples().bind(self._db))
        return {name: (key_hash, owners.get(key_hash)) for name, key_hash in found}

    def members(self, openrouter_user_id: str, *, at_ms: int) -> Sequence[tuple[str, str]]:
        row = UserClientMapping
        query: Any = row.select(row.organization_id, row.user_id).where(
            (row.openrouter_user_id == openrouter_user_id)
            & (row.valid_from_ms <= at_ms)
            & (row.valid_to_ms.is_null() | (row.valid_to_ms > at_ms))
        )
        with session(self._db):
            return list(query.order_by(row.user_id).tuples().bind(self._db))

    def postpone(self, generation_ids: Sequence[str], *, due_at_ms: int) -> None:
        call = models.BroadcastCall
        query = call.update(due_at_ms=due_at_ms)
        self._write_to(query.where(call.due_at_ms.is_null(is_null=False)), generation_ids)

    def judge(self, generation_id: str, finding: BroadcastFinding, reason: str) -> None:
        query = models.BroadcastCall.update(due_at_ms=None, finding=finding.value, reason=reason)
        self._write_to(query, [generation_id])

    def forget(self, generation_ids: Sequence[str]) -> None:
        self._write_to(models.BroadcastCall.delete(), generation_ids)

    def forget_older(self, before_ms: int) -> int:
        call = models.BroadcastCall
        query = call.delete().where(call.due_at_ms.is_null() & (call.received_at_ms < before_ms))
        with transaction(self._db):
            return write(self._db, query)

    def page(
        self, finding: BroadcastFinding | None, *, offset: int, limit: int
    ) -> tuple[Sequence[BroadcastRecord], int]:
        call = models.BroadcastCall
        query = call.select()
        if finding is not None:
            query = query.where(call.finding == finding.value)
        page = query.order_by(call.received_at_ms.desc(), call.generation_id)
        with session(self._db):
            total = int(query.bind(self._db).count())
            return [_record(row) for row in page.offset(offset).limit(limit).bind(self._db)], total

    def _write_to(self, query: Any, generation_ids: Sequence[str]) -> None:
        with transaction(self._db):
            for begin in range(0, len(generation_ids), _MOST_IDS):
                some = list(generation_ids[begin : begin + _MOST_IDS])
                write(self._db, query.where(models.BroadcastCall.generation_id.in_(some)))

    def _held(self, generation_ids: Sequence[str]) -> Iterable[tuple[str, HeldCall]]:
        hold = UsageHold
        query = hold.select().where(
            hold.closed_at_ms.is_null() & hold.generation_id.in_(generation_ids)
        )
        return [(row.generation_id or "", _held(row)) for row in query.bind(self._db)]

    def _booked(self, generation_ids: Sequence[str]) -> Iterable[tuple[str, Booked]]:
        entry = UsageLedger
        query = entry.select().where(entry.generation_id.in_(generation_ids))
        found: dict[str, Booked] = {}
        for row in query.order_by(entry.generation_id, entry.sequence).bind(self._db):
            before = found.get(row.generation_id)
            found[row.generation_id] = Booked(
                source=Source(row.source) if before is None else before.source,
                prompt_tokens=row.prompt_tokens + (before.prompt_tokens if before else 0),
                completion_tokens=row.completion_tokens
                + (before.completion_tokens if before else 0),
                raw_pusd=row.raw_pusd + (before.raw_pusd if before else 0),
            )
        return found.items()


def _held(row: UsageHold) -> HeldCall:
    return HeldCall(
        hold=hold_of(row),
        state=HoldState(row.state),
        outcome=None if row.outcome is None else Outcome(row.outcome),
        first_byte_ms=row.first_byte_ms,
        duration_ms=row.duration_ms,
    )


def _columns(call: BroadcastCall, now_ms: int, due_at_ms: int) -> dict[str, Any]:
    usage = call.usage
    return {
        "generation_id": call.generation_id,
        "received_at_ms": now_ms,
        "due_at_ms": due_at_ms,
        "at_ms": call.at_ms,
        "duration_ms": call.duration_ms,
        "model": call.model,
        "provider": call.provider,
        "openrouter_user": call.user,
        "key_name": call.key_name,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "raw_pusd": usage.raw_pusd,
        "outcome": call.outcome.value,
        "finding": BroadcastFinding.WAITING.value,
        "reason": "",
    }


def _record(row: Any) -> BroadcastRecord:
    usage = Usage(
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
        reasoning_tokens=row.reasoning_tokens,
        raw_pusd=row.raw_pusd,
    )
    call = BroadcastCall(
        generation_id=row.generation_id,
        at_ms=row.at_ms,
        duration_ms=row.duration_ms,
        model=row.model,
        provider=row.provider,
        user=row.openrouter_user,
        key_name=row.key_name,
        usage=usage,
        outcome=Outcome(row.outcome),
    )
    return BroadcastRecord(
        call=call,
        received_at_ms=row.received_at_ms,
        finding=BroadcastFinding(row.finding),
        reason=row.reason,
    )

"""The reading side of holds, and what recovery does to them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, TypeVar

from peewee import Database, fn

from mai_usage_ext.guard import tally
from mai_usage_ext.ports import Hold, HoldState, Outcome, PendingHold
from mai_usage_ext.storage.models import UsageHold, UsageProcess
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["HoldRows", "hold_of", "readable"]

_T = TypeVar("_T")

_IS_KEPT = UsageHold.closed_at_ms.is_null()


class HoldRows:
    """Implements ``ports.HoldStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def due(self, *, now_ms: int, limit: int) -> Sequence[PendingHold]:
        is_due = (UsageHold.state == HoldState.PENDING.value) & (
            UsageHold.next_attempt_ms <= now_ms
        )
        query = UsageHold.select().where(is_due & _IS_KEPT)
        query = query.order_by(UsageHold.next_attempt_ms, UsageHold.at_ms, UsageHold.id)
        found: list[PendingHold] = []
        offset = 0
        with session(self._db):
            # What cannot be read stays in front for ever, so it must not fill every batch.
            while not found and (rows := list(query.limit(limit).offset(offset).bind(self._db))):
                found = readable(rows, _pending)
                offset += limit
        return found

    def claim(self, pending: PendingHold, *, next_attempt_ms: int) -> bool:
        unchanged = (
            (UsageHold.id == pending.hold.id)
            & (UsageHold.state == HoldState.PENDING.value)
            & (UsageHold.attempts == pending.attempts)
            & (UsageHold.next_attempt_ms == pending.next_attempt_ms)
        )
        query = UsageHold.update(
            attempts=UsageHold.attempts + 1, next_attempt_ms=next_attempt_ms
        ).where(unchanged)
        with transaction(self._db):
            return write(self._db, query) == 1

    def adopt_orphans(self, *, now_ms: int) -> dict[HoldState, int]:
        alive = UsageProcess.select(UsageProcess.id).where(UsageProcess.lease_until_ms > now_ms)
        is_orphan = (
            (UsageHold.state == HoldState.OPEN.value) & _IS_KEPT & UsageHold.owner.not_in(alive)
        )
        # Whoever read the answer died with the process, so nobody got all of it.
        ended = {"outcome": Outcome.CANCELLED.value, "reason": "its process ended"}
        identified = UsageHold.update(
            state=HoldState.PENDING.value, next_attempt_ms=now_ms, **ended
        ).where(is_orphan & ~UsageHold.generation_id.is_null())
        unidentified = UsageHold.update(state=HoldState.UNIDENTIFIED.value, **ended).where(
            is_orphan & UsageHold.generation_id.is_null()
        )
        with transaction(self._db):
            return {
                HoldState.PENDING: write(self._db, identified),
                HoldState.UNIDENTIFIED: write(self._db, unidentified),
            }

    def counts(self) -> dict[HoldState, int]:
        query: Any = UsageHold.select(UsageHold.state, fn.COUNT(UsageHold.id)).where(_IS_KEPT)
        query = query.group_by(UsageHold.state).tuples()
        with session(self._db):
            counts = dict(query.bind(self._db))
        return {state: counts[state.value] for state in HoldState if state.value in counts}

    def unsettled_on(self, organization_id: str, day: date) -> int:
        is_theirs = (UsageHold.organization_id == organization_id) & (UsageHold.day == day)
        query = UsageHold.select(fn.COUNT(UsageHold.id)).where(is_theirs & _IS_KEPT)
        with session(self._db):
            return int(query.bind(self._db).scalar())


def readable(rows: Iterable[UsageHold], read: Callable[[UsageHold], _T]) -> list[_T]:
    """What ``read`` makes of the rows; one that somebody has spoiled is named and left alone.

    Its money stays held until it is put right, and the rest of the holds do not wait for that.
    """
    found: list[_T] = []
    for row in rows:
        try:
            found.append(read(row))
        except (ValueError, TypeError) as error:
            tally.warn("holds that cannot be read", f"the hold {row.id} cannot be read: {error}")
    return found


def _pending(row: UsageHold) -> PendingHold:
    # A check constraint of the table: what is pending has a generation id.
    assert row.generation_id is not None  # noqa: S101 - for the type checker
    return PendingHold(
        hold=hold_of(row),
        generation_id=row.generation_id,
        outcome=Outcome(row.outcome or Outcome.CANCELLED),
        attempts=row.attempts,
        next_attempt_ms=row.next_attempt_ms or 0,
        first_byte_ms=row.first_byte_ms,
        duration_ms=row.duration_ms,
    )


def hold_of(row: UsageHold) -> Hold:
    return Hold(
        id=row.id,
        organization_id=row.organization_id,
        user_id=row.user_id or None,
        model=row.model,
        purpose=row.purpose,
        estimate_pusd=row.estimate_pusd,
        rate_micro=row.rate_micro,
        fee_pusd=row.fee_pusd,
        day=row.day,
        month=row.month,
        at_ms=row.at_ms,
        owner=row.owner,
        key_hash=row.key_hash,
    )

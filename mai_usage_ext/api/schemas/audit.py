"""The audit trail and the limits' events on the wire."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from mai_usage_ext.api.schemas.values import Amount, Answer, Instant, instant
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import AuditRecord, LimitEventRecord
from mai_usage_ext.services.audit import AuditVerdict

__all__ = ["AuditOut", "AuditVerdictOut", "LimitEventsOut"]


class ActorOut(BaseModel):
    """Who did it: a user of the host, the command line, or the system itself."""

    kind: str
    id: str
    address: str


class AuditRecordOut(BaseModel):
    """One change: only what changed, money as decimal strings of USD, secrets masked."""

    seq: int
    at: Instant
    actor: ActorOut
    action: str
    target_kind: str
    target_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str

    @classmethod
    def of(cls, record: AuditRecord) -> "AuditRecordOut":
        actor = record.actor
        return cls(
            seq=record.seq,
            at=instant(record.at_ms),
            actor=ActorOut(kind=actor.kind, id=actor.id, address=actor.address),
            action=record.action,
            target_kind=record.target_kind,
            target_id=record.target_id,
            before=None if record.before is None else dict(record.before),
            after=None if record.after is None else dict(record.after),
            hash=record.hash,
        )


class AuditOut(Answer):
    """One page of the trail, newest first."""

    records: list[AuditRecordOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, records: Sequence[AuditRecord], total: int, *, offset: int, limit: int
    ) -> "AuditOut":
        shown = [AuditRecordOut.of(record) for record in records]
        return cls(records=shown, total=total, offset=offset, limit=limit)


class AuditVerdictOut(Answer):
    """``rows`` fit, from the first on; ``seq`` is the first that does not. Note ``head_hash``
    elsewhere: only with it can a chain that was forged as a whole be told from the real one."""

    is_intact: bool
    rows: int
    seq: int | None
    reason: str
    head_seq: int
    head_hash: str

    @classmethod
    def of(cls, verdict: AuditVerdict) -> "AuditVerdictOut":
        return cls(
            message=verdict.reason or f"All {verdict.rows} records are as they were written.",
            is_intact=verdict.is_intact,
            rows=verdict.rows,
            seq=verdict.seq,
            reason=verdict.reason,
            head_seq=verdict.head_seq,
            head_hash=verdict.head_hash,
        )


class LimitEventOut(BaseModel):
    """A mark in percent of a monthly limit that was reached; ``user_id`` is null where it is the
    organization's own limit."""

    id: int
    kind: str
    client_id: str
    user_id: str | None
    month: str
    percent: int
    monthly_limit: Amount
    spent: Amount
    at: Instant

    @classmethod
    def of(cls, event: LimitEventRecord) -> "LimitEventOut":
        return cls(
            id=event.id,
            kind=event.kind,
            client_id=event.organization_id,
            user_id=event.user_id,
            month=event.month,
            percent=event.percent,
            monthly_limit=usd_from_pusd(event.limit_pusd),
            spent=usd_from_pusd(event.spent_pusd),
            at=instant(event.at_ms),
        )


class LimitEventsOut(Answer):
    """One page of events, newest first."""

    events: list[LimitEventOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, events: Sequence[LimitEventRecord], total: int, *, offset: int, limit: int
    ) -> "LimitEventsOut":
        shown = [LimitEventOut.of(event) for event in events]
        return cls(events=shown, total=total, offset=offset, limit=limit)

"""The routes of the audit trail, and of limits that were reached."""

from typing import Annotated

from fastapi import APIRouter, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.pages import Limit, Offset
from mai_usage_ext.api.schemas.audit import AuditOut, AuditVerdictOut, LimitEventsOut
from mai_usage_ext.api.schemas.values import ms_of
from mai_usage_ext.ports import Actor, AuditFilter

__all__ = ["add_audit_routes"]

_Word = Annotated[str | None, Query(max_length=200)]
_When = Annotated[
    str | None, Query(max_length=40, description="An instant with its offset, or a date in UTC")
]


def add_audit_routes(router: APIRouter, door: Door) -> None:
    @router.get("/audit", response_model=AuditOut, responses=problems(404))
    def read_audit(
        actor: _Word = None,
        action: _Word = None,
        target: Annotated[
            str | None, Query(max_length=200, description="`kind`, or `kind:id`")
        ] = None,
        since: Annotated[_When, Query(alias="from")] = None,
        until: Annotated[_When, Query(alias="to")] = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> AuditOut:
        """Every change, newest first. A date as `to` is included, an instant is not."""
        kind, _, target_id = (target or "").partition(":")
        wanted = AuditFilter(
            actor_id=actor or None,
            action=action or None,
            target_kind=kind or None,
            target_id=target_id or None,
            from_ms=ms_of(since, field="from") if since else None,
            until_ms=ms_of(until, field="to", is_end=True) if until else None,
        )
        records, total = door.services().audit.page(wanted, offset=offset, limit=limit)
        return AuditOut.of(records, total, offset=offset, limit=limit)

    @router.get("/audit/verify", response_model=AuditVerdictOut, responses=problems(404))
    def verify_audit(_actor: Actor = door.admin) -> AuditVerdictOut:
        """Walk the whole chain of hashes, and name the first record that does not fit."""
        return AuditVerdictOut.of(door.services().audit.verify())

    @router.get("/limits/events", response_model=LimitEventsOut, responses=problems(404))
    def list_limit_events(
        client_id: _Word = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> LimitEventsOut:
        """Marks of monthly limits that were reached, newest first."""
        events, total = door.services().limit_events.page(
            organization_id=client_id or None, offset=offset, limit=limit
        )
        return LimitEventsOut.of(events, total, offset=offset, limit=limit)

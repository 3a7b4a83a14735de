"""The routes of comparisons with OpenRouter's own figures."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import body_of, problems
from mai_usage_ext.api.pages import Limit, Offset
from mai_usage_ext.api.schemas.captures import CaptureDaysOut
from mai_usage_ext.api.schemas.reconciliation import (
    CountersOut,
    ReconciliationsOut,
    RunIn,
    RunOut,
)
from mai_usage_ext.api.usage_ranges import GivenRange
from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports import Actor
from mai_usage_ext.ports.reconciliation import Finding, LineFilter
from mai_usage_ext.services.usage_ranges import range_of

__all__ = ["add_reconciliation_routes"]

_DAYS = 30
_Word = Annotated[str | None, Query(max_length=200)]
_Day = Annotated[str | None, Query(max_length=10, description="A UTC day")]


def add_reconciliation_routes(router: APIRouter, door: Door) -> None:
    @router.get("/reconciliations", response_model=ReconciliationsOut, responses=problems(404))
    def list_reconciliations(
        since: Annotated[_Day, Query(alias="from")] = None,
        until: Annotated[_Day, Query(alias="to")] = None,
        client_id: _Word = None,
        status: Finding | None = None,
        is_below: bool | None = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> ReconciliationsOut:
        """Ours beside OpenRouter's figures, by key and UTC day, newest first."""
        wanted = LineFilter(
            first=_day(since, "from") if since else None,
            last=_day(until, "to") if until else None,
            organization_id=client_id or None,
            finding=status,
            is_below=is_below,
        )
        found = door.services().reconciliation
        lines, total = found.page(wanted, offset=offset, limit=limit)
        troubled = found.problems()
        return ReconciliationsOut.of(lines, total, troubled, offset=offset, limit=limit)

    @router.get("/reconciliations/days", response_model=CaptureDaysOut, responses=problems(404))
    def list_capture_days(
        given: GivenRange, client_id: _Word = None, _actor: Actor = door.admin
    ) -> CaptureDaysOut:
        """The same by UTC day, all keys together, of the last thirty days or any others."""
        first, last = range_of(given, today=datetime.now(UTC).date(), days=_DAYS)
        days = door.services().usage.captures.days(
            first=first, last=last, organization_id=client_id or None
        )
        return CaptureDaysOut.of(days, first=first, last=last)

    @router.get("/reconciliations/keys", response_model=CountersOut, responses=problems(404))
    def list_key_counters(
        offset: Offset = 0, limit: Limit = 50, _actor: Actor = door.admin
    ) -> CountersOut:
        """OpenRouter's lifetime counters of the keys, and what was added since the look before."""
        looks, total = door.services().reconciliation.counters(offset=offset, limit=limit)
        return CountersOut.of(looks, total, offset=offset, limit=limit)

    @router.post(
        "/reconciliations/run",
        response_model=RunOut,
        responses=problems(404, 409, 502, has_body=True),
        openapi_extra=body_of(RunIn),
    )
    async def run_reconciliation(
        fields: dict[str, Any] = door.body(RunIn), _actor: Actor = door.admin
    ) -> RunOut:
        """Compare one completed UTC day now. What is missing is booked, once."""
        day = _day(fields["date"], "date")
        return RunOut.of(await door.services().reconciliation.run_day(day))


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(field, got=text, expected="a day such as 2026-01-31") from None

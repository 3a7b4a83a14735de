"""How far back single calls can be told."""

from datetime import date, timedelta
from typing import Any

from peewee import Database, fn

from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports.usage import UsageQuery
from mai_usage_ext.storage.budgets import ORGANIZATION
from mai_usage_ext.storage.models import ClientDailyUsage, ClientMonthTotal, ClientOrganization

__all__ = ["check_reach"]


def check_reach(db: Database, query: UsageQuery, is_wanted: Any) -> None:
    """Raises ``BadInput`` where the ledger lacks some of the query's days: they were dropped, or
    another system counted them. ``is_wanted`` chooses among ``client_organizations``; the caller
    has a session."""
    lacking = _last_lacking(db, query, is_wanted)
    if lacking is None:
        return
    raise BadInput(
        "from",
        got=query.first.isoformat(),
        expected=f"{lacking + timedelta(days=1)} or later: by purpose, or by user and model"
        " together, only single calls can tell, and before that day they are not kept any more",
    )


def _last_lacking(db: Database, query: UsageQuery, is_wanted: Any) -> date | None:
    total, day = ClientMonthTotal, ClientDailyUsage
    ids = ClientOrganization.select(ClientOrganization.id).where(is_wanted)
    dropped: Any = total.select(fn.MAX(total.dropped_through)).where(
        total.organization_id.in_(ids)
        & (total.user_id == ORGANIZATION)
        & (total.dropped_through >= query.first)
    )
    imported: Any = day.select(fn.MAX(day.day)).where(
        day.organization_id.in_(ids)
        & day.day.between(query.first, query.last)
        & (day.source == "imported")
    )
    found = [
        value if isinstance(value, date) else date.fromisoformat(value)
        for question in (dropped, imported)
        for (value,) in question.tuples().bind(db)
        if value is not None
    ]
    return max(found, default=None)

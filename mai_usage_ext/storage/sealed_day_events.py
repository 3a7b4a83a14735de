"""What is told of a day when it is sealed: what the client pays, never what it cost."""

from typing import Any

from peewee import Database

from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.models import ClientDailyUsage
from mai_usage_ext.storage.sealed_days import DayKey, is_of

__all__ = ["tell_of"]

_COUNTS = (
    "requests",
    "failures",
    "cancelled",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "task_requests",
    "distinct_users",
    "distinct_models",
)


def tell_of(db: Database, key: DayKey, *, is_reseal: bool) -> None:
    """In the transaction that sealed it, or added to it; ``version`` is higher each time."""
    organization_id, day = key
    query: Any = ClientDailyUsage.select().where(is_of(ClientDailyUsage, key))
    row = query.bind(db).get()
    version = int(row.sealed_at_ms)
    EventRows(db).add(
        EventKind.DAY_SEALED,
        subject=f"{organization_id}/{day}/{version}",
        at_ms=version,
        data={
            "client_id": organization_id,
            "day": day,
            "version": version,
            "is_reseal": is_reseal,
            **{name: int(getattr(row, name)) for name in _COUNTS},
            "cost": usd_from_pusd(int(row.billed_pusd)),
            "task_cost": usd_from_pusd(int(row.task_billed_pusd)),
            "currency": "USD",
        },
        organization_id=organization_id,
    )

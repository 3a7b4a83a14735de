"""Whether the totals that limits are compared with are what they are made of.

Nothing is put right: a total that differs is a fault to be found, and is told until it is.
"""

import asyncio
from datetime import date, timedelta

from mai_usage_ext.errors import StorageError
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import Clock
from mai_usage_ext.ports.months import MonthDifference, MonthTotalStore

__all__ = ["MonthCheck", "month_before"]


class MonthCheck:
    """Users' own totals are looked at for this month and the one before."""

    def __init__(self, store: MonthTotalStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run_once(self) -> int:
        """Look at every organization, one after another; return how many there are.

        Raises ``StorageError`` at the end where a total differs, which makes the job one that
        fails: every process's health says so until a run finds nothing.
        """
        since = month_before(billing_day(self._clock.now_ms(), "UTC"))
        organizations = await asyncio.to_thread(self._store.organizations)
        found: list[MonthDifference] = []
        for organization_id in organizations:
            found += await asyncio.to_thread(
                self._store.differences, organization_id, users_since=since
            )
        for difference in found:
            tally.warn("month totals that differ", str(difference))
        if found:
            raise StorageError(f"{len(found)} month totals differ; {found[0]}")
        return len(organizations)


def month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)

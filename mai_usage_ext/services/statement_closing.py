"""Closing statements by themselves, as soon as everything that they need is there."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta

from mai_usage_ext.errors import Conflict
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day, month_of
from mai_usage_ext.ports import (
    SYSTEM,
    UNASSIGNED,
    Clock,
    OrganizationQuery,
    OrganizationRecord,
    OrganizationStore,
)
from mai_usage_ext.services.statement_months import days_of, month_after
from mai_usage_ext.services.statements import Statements

__all__ = ["StatementClosing"]

_PAGE = 200
# OpenRouter's figures are final three days after a day at the latest.
_PATIENCE = timedelta(days=7)


class StatementClosing:
    """``since`` is the first month to close, ``None`` where an admin closes by hand."""

    def __init__(
        self,
        statements: Statements,
        *,
        organizations: OrganizationStore,
        since: Callable[[], str | None],
        clock: Clock,
    ) -> None:
        self._statements = statements
        self._organizations = organizations
        self._since = since
        self._clock = clock

    async def run_once(self) -> int:
        """Close what can be closed of each organization, month by month; return how many."""
        since = self._since()
        return 0 if since is None else await asyncio.to_thread(self._run, since)

    def _run(self, since: str) -> int:
        return sum(self._close_all(record, since) for record in self._records())

    def _close_all(self, record: OrganizationRecord, since: str) -> int:
        now_ms, closed = self._clock.now_ms(), 0
        today = billing_day(now_ms, record.time_zone)
        month = self._next(record, since)
        # Months that lie before the first one to close are the admin's.
        while month >= since and days_of(month)[1] < today and self._is_stated(record, month):
            try:
                self._statements.close(record.id, month, actor=SYSTEM)
            except Conflict as error:
                if today - days_of(month)[1] > _PATIENCE:
                    tally.warn("statements that wait", f"{record.name}: {error}")
                break
            closed += 1
            month = month_after(month)
        return closed

    def _next(self, record: OrganizationRecord, since: str) -> str:
        mark = self._statements.mark(record.id)
        if mark is not None:
            return month_after(mark.last_month)
        return max(since, month_of(billing_day(record.created_at_ms, record.time_zone)))

    def _is_stated(self, record: OrganizationRecord, month: str) -> bool:
        """A month of zero is stated too, but for an organization that has ended before it."""
        if record.deactivated_at_ms is None:
            return True
        ended = month_of(billing_day(record.deactivated_at_ms, record.time_zone))
        if month <= ended or self._statements.is_used(record.id, month):
            return True
        return bool(self._statements.draft(record.id, month).lines)

    def _records(self) -> Iterator[OrganizationRecord]:
        offset = 0
        while True:
            wanted = OrganizationQuery(sort="created_at", offset=offset, limit=_PAGE)
            page, total = self._organizations.records(wanted, at_ms=self._clock.now_ms())
            yield from (record for record in page if record.id != UNASSIGNED)
            offset += _PAGE
            if offset >= total:
                return

"""Dropping the detail of days that are sealed, reconciled, and older than anybody disputes.

The daily rows stay, so every report of those days does too; what goes is one row for each call.

A day that OpenRouter's figures could not be compared with is kept twice as long, for whoever wants
to know why. Where there is no management key nothing is ever compared, and nothing waits for it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import Clock
from mai_usage_ext.ports.reconciliation import ReconciliationStore, RunRecord
from mai_usage_ext.ports.retention import KeptLedger, LedgerPart, RetentionStore

__all__ = ["Retention"]

_DAY = timedelta(days=1)
# Whoever waits for SQLite's lock asks for it again within this time.
_PAUSE_S = 0.03
# What is left goes on with the next run, before another process takes this one for stuck.
_LONGEST_S = 600


class Retention:
    """``ledger_days`` is how many days before today are kept. ``clock`` must not run ahead, because
    what is dropped does not come back; it may ask the database."""

    def __init__(
        self,
        store: RetentionStore,
        runs: ReconciliationStore,
        *,
        ledger_days: int,
        management_key: Callable[[], str | None],
        clock: Clock,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._store = store
        self._runs = runs
        self._ledger_days = ledger_days
        self._management_key = management_key
        self._clock = clock
        self._pause_s = pause_s

    async def run_once(self) -> int:
        """Make room for what comes, then drop what is due; return how many parts are gone."""
        now_ms = await asyncio.to_thread(self._clock.now_ms)
        await asyncio.to_thread(self._store.make_months, at=billing_day(now_ms, "UTC"))
        through = await asyncio.to_thread(self._through, now_ms)
        parts = await asyncio.to_thread(self._store.parts, through)
        if not parts:
            return 0
        give_up_at = time.monotonic() + _LONGEST_S
        # Holds first: an entry without its hold is met by its replay all the same.
        await self._drop_holds(through, give_up_at)
        dropped = 0
        for part in parts:
            dropped += await self._drop(part, give_up_at)
        tally.add("parts of the ledger dropped", dropped)
        return dropped

    def _through(self, now_ms: int) -> Mapping[str, date]:
        """The last day that may go, of each organization that has such days."""
        missing = self._first_unreconciled(billing_day(now_ms, "UTC"))
        found: dict[str, date] = {}
        for kept in self._store.kept():
            last = _day_of(kept, now_ms) - (self._ledger_days + 1) * _DAY
            if kept.oldest_live is not None:
                last = min(last, kept.oldest_live - _DAY)
            if missing is not None:
                # A day of theirs may reach into the UTC days on both sides of its own.
                last = min(last, missing - 2 * _DAY)
            if last >= kept.first_day:
                found[kept.organization_id] = last
        return found

    def _first_unreconciled(self, today: date) -> date | None:
        """The first UTC day that still waits for a comparison, or waited in vain not long ago."""
        if self._management_key() is None:
            return None
        longest = today - 2 * self._ledger_days * _DAY
        first = max(longest, self._runs.beginning() + _DAY)
        last = today - _DAY
        runs = self._runs.runs(first=first, last=last)
        days = (first + offset * _DAY for offset in range((last - first).days + 1))
        return next((day for day in days if not _is_done(runs.get(day))), None)

    async def _drop_holds(self, through: Mapping[str, date], give_up_at: float) -> None:
        after: str | None = ""
        while after is not None and time.monotonic() < give_up_at:
            after = await asyncio.to_thread(self._store.drop_holds, through, after=after)
            await asyncio.sleep(self._pause_s)

    async def _drop(self, part: LedgerPart, give_up_at: float) -> bool:
        """Whether all of it is gone."""
        while time.monotonic() < give_up_at:
            if not await asyncio.to_thread(self._store.drop, part):
                return True
            await asyncio.sleep(self._pause_s)
        return False


def _day_of(kept: KeptLedger, now_ms: int) -> date:
    changed = kept.next_from_ms is not None and kept.next_from_ms <= now_ms
    zone = kept.next_time_zone if changed else None
    return billing_day(now_ms, zone or kept.time_zone)


def _is_done(run: RunRecord | None) -> bool:
    return (
        run is not None
        and run.finished_at_ms is not None
        and run.problem is None
        and run.next_at_ms is None
    )

"""One group of changes, one transaction."""

from collections.abc import Callable, Sequence
from typing import Any

from peewee import Database

from mai_usage_ext.metering.limits import Marks
from mai_usage_ext.ports import Hold, HoldState, LedgerEntry, Outcome
from mai_usage_ext.storage.alert_marks import MarkRows
from mai_usage_ext.storage.budgets import ORGANIZATION, Budget, MonthKey
from mai_usage_ext.storage.changes import Change, Place, Settle
from mai_usage_ext.storage.folding import (
    CellKey,
    EntryKey,
    HoldRow,
    Plan,
    Result,
    fold,
    month_keys,
)
from mai_usage_ext.storage.late_entries import LateEntries, SealedThrough, sealed_through
from mai_usage_ext.storage.models import CELL_KEY, CELL_SUMS
from mai_usage_ext.storage.partition import partition_day
from mai_usage_ext.storage.partitions import with_months
from mai_usage_ext.storage.parts import Parts
from mai_usage_ext.storage.sessions import transaction
from mai_usage_ext.storage.statements import Reads, Writes
from mai_usage_ext.storage.watermark import below, dropped_through, moved, owed, presumed_booked

__all__ = ["GroupCommit"]


class GroupCommit:
    """Writes groups through one thread's connection.

    The order is always the same, and sorted within: month rows, holds, ledger, cells, and last the
    sealed rows and the audit trail where an entry's day is sealed already. Whoever touches a hold
    or a counter has its month's row locked first, so that processes wait for each other there and
    never deadlock further down. On SQLite the transaction itself is the lock.

    Limits are read under that lock, so that no process admits past one that another has filled.
    So are ``marks`` found crossed: whoever crosses one notes it, in the same transaction.
    """

    def __init__(self, db: Database, *, marks: Callable[[], Marks] = Marks) -> None:
        self._db = db
        self._marks = marks
        self._reads = Reads(db)
        self._writes = Writes(db)
        self._parts = Parts(self._reads)
        self._noted = MarkRows(db)
        self._late = LateEntries(db)

    def commit(
        self,
        changes: Sequence[Change],
        *,
        now_ms: int,
        is_retry: bool = False,
        in_doubt: bool = False,
    ) -> list[Result]:
        """Commit all of ``changes`` or none; return their results.

        ``is_retry`` looks up holds that are placed here too; ``in_doubt`` says that the commit
        may have gone through before without an answer.
        """
        try:
            results = with_months(
                self._db,
                lambda: self._attempt(changes, now_ms=now_ms, is_retry=is_retry, in_doubt=in_doubt),
            )
        except BaseException:
            self._parts.forget()
            raise
        return results

    def _attempt(
        self, changes: Sequence[Change], *, now_ms: int, is_retry: bool, in_doubt: bool
    ) -> list[Result]:
        with transaction(self._db):
            # First of all, because reading the months locks them.
            months = self._reads.months(month_keys(changes))
            rows = self._known_holds(changes, is_retry=is_retry)
            dropped = dropped_through(months)
            gone = below(changes, dropped)
            late = owed(gone, changes, rows)
            if not late:
                plan = fold(
                    changes,
                    budgets=self._budgets(changes, months, now_ms),
                    rows=rows,
                    booked=self._known_entries(changes) | presumed_booked(self._db, changes, gone),
                    now_ms=now_ms,
                    in_doubt=in_doubt,
                )
                self._write(plan, sealed_through(months), now_ms)
                return plan.results
            changes = moved(self._db, changes, late, dropped, now_ms=now_ms)
        # From the start, because other months have to be locked.
        return self._attempt(changes, now_ms=now_ms, is_retry=is_retry, in_doubt=in_doubt)

    def _budgets(
        self, changes: Sequence[Change], months: Sequence[tuple[Any, ...]], now_ms: int
    ) -> dict[MonthKey, Budget]:
        budgets = {(row[0], row[1], row[2]): Budget(row[3], row[4]) for row in months}
        limits = {
            row[0]: row[1:] for row in self._reads.limits(sorted({key[0] for key in budgets}))
        }
        for key, budget in budgets.items():
            if key[2] == ORGANIZATION and key[0] in limits:
                budget.limit_pusd, on_limit = limits[key[0]]
                budget.is_hard = on_limit == "block"
        self._add_users_limits(changes, budgets, now_ms)
        return budgets

    def _add_users_limits(
        self, changes: Sequence[Change], budgets: dict[MonthKey, Budget], now_ms: int
    ) -> None:
        """Users' own limits, where a hold asks for them or the month is counted already; a month
        that has no row yet is added up."""
        asking = [c.hold for c in changes if isinstance(c, Place) and c.has_user_limit]
        counted = [key for key in budgets if key[2] != ORGANIZATION]
        users = {hold.user_id for hold in asking if hold.user_id} | {key[2] for key in counted}
        limits = self._reads.users_limits(sorted(users), at_ms=now_ms)
        for key in counted:
            budgets[key].limit_pusd = limits.get((key[0], key[2]))
        for hold in asking:
            key = (hold.organization_id, hold.month, hold.user_id or ORGANIZATION)
            limit = limits.get((key[0], key[2]))
            if limit is not None and key not in budgets:
                budgets[key] = Budget(*self._reads.used_by(*key), limit, is_stored=False)

    def _known_holds(self, changes: Sequence[Change], *, is_retry: bool) -> dict[str, HoldRow]:
        placed = set() if is_retry else {c.hold.id for c in changes if isinstance(c, Place)}
        ids = sorted({change.hold.id for change in changes} - placed)
        return {row[0]: _hold_row(row) for row in self._reads.holds(ids)}

    def _known_entries(self, changes: Sequence[Change]) -> set[EntryKey]:
        ids = sorted({c.entry.generation_id for c in changes if isinstance(c, Settle)})
        return {(row[0], row[1]) for row in self._reads.entries(ids)}

    def _write(self, plan: Plan, sealed: SealedThrough, now_ms: int) -> None:
        writes = self._writes
        late = self._late.among([entry for _, entry in plan.booked], sealed)
        cells = [item for item in sorted(plan.cells.items()) if item[0][:2] not in late]
        writes.add_to_month.run([_month(key, sums) for key, sums in plan.budgets.changed()])
        writes.insert_hold.run([_new_hold(hold, row) for hold, row in plan.placed])
        writes.update_hold.run([_hold_state(row) for _, row in sorted(plan.changed.items())])
        plan.booked.sort(key=lambda booked: booked[1].generation_id)
        writes.insert_entry.run([_entry(hold, entry) for hold, entry in plan.booked])
        writes.add_to_cell.run([_cell(key, sums) for key, sums in cells])
        self._late.book(late, now_ms=now_ms)
        marks = self._marks()
        events = [*plan.budgets.events(marks), *self._parts.events(plan, marks)]
        self._noted.add(events, now_ms=now_ms)


def _month(key: MonthKey, sums: tuple[int, int]) -> dict[str, Any]:
    organization_id, month, user_id = key
    spent, held = sums
    return {
        "organization_id": organization_id,
        "month": month,
        "user_id": user_id,
        "spent_pusd": spent,
        "held_pusd": held,
    }


def _cell(key: CellKey, sums: list[int]) -> dict[str, Any]:
    return dict(zip((*CELL_KEY, *CELL_SUMS), (*key, *sums), strict=True))


def _hold_row(row: tuple[Any, ...]) -> HoldRow:
    known = HoldRow(*row)
    known.state = HoldState(known.state)
    known.outcome = None if known.outcome is None else Outcome(known.outcome)
    return known


def _hold_state(row: HoldRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state.value,
        "generation_id": row.generation_id,
        "outcome": None if row.outcome is None else row.outcome.value,
        "reason": row.reason,
        "next_attempt_ms": row.next_attempt_ms,
        "first_byte_ms": row.first_byte_ms,
        "duration_ms": row.duration_ms,
        "closed_at_ms": row.closed_at_ms,
    }


def _new_hold(hold: Hold, row: HoldRow) -> dict[str, Any]:
    return {
        **_hold_state(row),
        "organization_id": hold.organization_id,
        "user_id": hold.user_id or "",
        "model": hold.model,
        "purpose": hold.purpose,
        "estimate_pusd": row.estimate_pusd,
        "rate_micro": hold.rate_micro,
        "fee_pusd": hold.fee_pusd,
        "day": hold.day.isoformat(),
        "month": hold.month,
        "at_ms": hold.at_ms,
        "owner": hold.owner,
        "key_hash": hold.key_hash,
        "attempts": 0,
    }


def _entry(hold: Hold, entry: LedgerEntry) -> dict[str, Any]:
    return {
        "generation_id": entry.generation_id,
        "sequence": entry.sequence,
        "partition_day": partition_day(entry.generation_id, hold.at_ms).isoformat(),
        "organization_id": entry.organization_id,
        "user_id": entry.user_id or "",
        "model": entry.model,
        "provider": entry.provider,
        "purpose": entry.purpose,
        "day": entry.day.isoformat(),
        "at_ms": entry.at_ms,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "cached_tokens": entry.cached_tokens,
        "reasoning_tokens": entry.reasoning_tokens,
        "raw_pusd": entry.raw_pusd,
        "billed_pusd": entry.billed_pusd,
        "rate_micro": entry.rate_micro,
        "fee_pusd": entry.fee_pusd,
        "outcome": entry.outcome.value,
        "source": entry.source.value,
        "first_byte_ms": entry.first_byte_ms,
        "duration_ms": entry.duration_ms,
        "booked_at_ms": entry.booked_at_ms,
        "key_hash": entry.key_hash,
    }

"""The rules of a group of changes, without a database: what was known, plus changes, is a plan.

Every change is judged in order against the state that the changes before it left, and the plan adds
up what touches one row, so that each row is written once. Three things hold after every fold:

* ``held`` of a month is the sum of the estimates of the holds of it that are not closed;
* ``spent`` of a month is the sum of what its ledger entries billed;
* a hold that was granted found ``spent + held + estimate ≤ limit``, ten at once as one by one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mai_usage_ext.metering.days import month_of
from mai_usage_ext.ports import Hold, HoldState, LedgerEntry, Outcome, Verdict
from mai_usage_ext.storage.budgets import ORGANIZATION, Budget, Budgets, MonthKey
from mai_usage_ext.storage.changes import Change, Defer, Identify, Insist, Place, Settle, Void

__all__ = [
    "CellKey",
    "HoldRow",
    "Plan",
    "Result",
    "amounts",
    "cell_key",
    "entry_key",
    "fold",
    "month_keys",
]

Result = bool | Verdict | None
"""What the one who waits is told: a verdict on a hold, whether an entry is new, or nothing."""
CellKey = tuple[str, str, str, str, str, str]
"""Organization, ISO day, user, model, provider, purpose: in the order of the table's key."""
EntryKey = tuple[str, int]
"""Generation id and sequence."""


@dataclass(slots=True)
class HoldRow:
    """The part of a hold's row that changes, and the money it holds, in the order of
    ``statements.HOLD_ROW``."""

    id: str
    organization_id: str
    user_id: str
    month: str
    estimate_pusd: int
    state: HoldState = HoldState.OPEN
    generation_id: str | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    next_attempt_ms: int | None = None
    first_byte_ms: int | None = None
    duration_ms: int | None = None
    closed_at_ms: int | None = None


@dataclass(slots=True)
class Plan:
    """What one transaction has to write. ``results`` are those of the changes, in order."""

    placed: list[tuple[Hold, HoldRow]] = field(default_factory=list)
    changed: dict[str, HoldRow] = field(default_factory=dict)
    booked: list[tuple[Hold, LedgerEntry]] = field(default_factory=list)
    cells: dict[CellKey, list[int]] = field(default_factory=dict)
    budgets: Budgets = field(default_factory=Budgets)
    results: list[Result] = field(default_factory=list)


def entry_key(entry: LedgerEntry) -> EntryKey:
    return entry.generation_id, entry.sequence


def cell_key(entry: LedgerEntry) -> CellKey:
    return (
        entry.organization_id,
        entry.day.isoformat(),
        entry.user_id or "",
        entry.model,
        entry.provider,
        entry.purpose,
    )


def month_keys(changes: Iterable[Change]) -> set[MonthKey]:
    """Every month row that these changes may touch, users' own included."""
    keys: set[MonthKey] = set()
    for change in changes:
        hold = change.hold
        keys.add((hold.organization_id, hold.month, ORGANIZATION))
        keys.add((hold.organization_id, hold.month, hold.user_id or ORGANIZATION))
        if isinstance(change, Settle):
            entry, month = change.entry, month_of(change.entry.day)
            keys.add((entry.organization_id, month, ORGANIZATION))
            keys.add((entry.organization_id, month, entry.user_id or ORGANIZATION))
    return keys


def fold(
    changes: Iterable[Change],
    *,
    rows: Mapping[str, HoldRow],
    booked: set[EntryKey],
    budgets: Mapping[MonthKey, Budget],
    now_ms: int,
    in_doubt: bool = False,
) -> Plan:
    """What ``changes`` do to the holds in ``rows``, the ledger entries in ``booked`` and the money
    in ``budgets``, which are used up by it.

    ``in_doubt`` says that these very changes may have been committed before, by a commit whose
    answer never came: then a settlement that finds itself done is told so.
    """
    plan = Plan(budgets=Budgets(dict(budgets)))
    folding = _Folding(plan, dict(rows), set(booked), now_ms, in_doubt=in_doubt)
    for change in changes:
        plan.results.append(folding.take(change))
    return plan


class _Folding:
    def __init__(
        self,
        plan: Plan,
        rows: dict[str, HoldRow],
        booked: set[EntryKey],
        now_ms: int,
        *,
        in_doubt: bool,
    ) -> None:
        self.plan = plan
        self._rows = rows
        self._booked = booked
        self._now_ms = now_ms
        self._in_doubt = in_doubt
        self._new: set[str] = set()

    def take(self, change: Change) -> Result:
        match change:
            case Place():
                return self._ask_for(change)
            case Insist():
                self._held(change.hold)
            case Identify():
                self._identify(change)
            case Settle():
                return self._settle(change)
            case Defer():
                self._defer(change)
            case Void():
                self._void(change)
        return None

    def _ask_for(self, change: Place) -> Verdict:
        """Grant a hold whole, smaller, or not at all."""
        hold = change.hold
        if hold.id in self._rows:
            return Verdict(granted_pusd=self._rows[hold.id].estimate_pusd)
        wanted = hold.estimate_pusd
        for key, budget in self._budgets_of(hold):
            left = budget.left_pusd
            if left is None or wanted <= left:
                continue
            if change.least_pusd is None or left < change.least_pusd:
                self.plan.budgets.refused.add(key)
                return Verdict(
                    granted_pusd=None,
                    limit_pusd=budget.limit_pusd,
                    spent_pusd=budget.spent_now,
                    held_pusd=budget.held_now,
                    is_users=key[2] != ORGANIZATION,
                )
            wanted = left
        self._place(hold, wanted)
        return Verdict(granted_pusd=wanted)

    def _place(self, hold: Hold, estimate_pusd: int) -> HoldRow:
        row = HoldRow(
            id=hold.id,
            organization_id=hold.organization_id,
            user_id=hold.user_id or "",
            month=hold.month,
            estimate_pusd=estimate_pusd,
        )
        self._rows[hold.id] = row
        self._new.add(hold.id)
        self.plan.placed.append((hold, row))
        self._hold_money(row, row.estimate_pusd)
        return row

    def _identify(self, change: Identify) -> None:
        row = self._rows.get(change.hold.id)
        if row is None or row.state.is_closed or row.generation_id is not None:
            return
        row.generation_id = change.generation_id
        if row.state is HoldState.UNIDENTIFIED:
            row.state, row.next_attempt_ms = HoldState.PENDING, self._now_ms
        self._touch(row)

    def _settle(self, change: Settle) -> bool:
        entry = change.entry
        row = self._rows.get(change.hold.id)
        if entry_key(entry) in self._booked:
            return self._settle_again(row, entry)
        self._book(change.hold, entry)
        if row is None or row.state in (HoldState.SETTLED, HoldState.DUPLICATE):
            return True
        # A void hold whose call was billed after all has freed its money already.
        self._close(row, HoldState.SETTLED, reason=None)
        row.generation_id, row.outcome = entry.generation_id, entry.outcome
        row.first_byte_ms, row.duration_ms = entry.first_byte_ms, entry.duration_ms
        return True

    def _settle_again(self, row: HoldRow | None, entry: LedgerEntry) -> bool:
        if row is None:
            return False
        if row.state.is_closed:
            return self._in_doubt and row.state is HoldState.SETTLED
        self._close(row, HoldState.DUPLICATE, reason="its generation is in the ledger already")
        row.generation_id, row.outcome = entry.generation_id, entry.outcome
        return False

    def _held(self, hold: Hold) -> HoldRow:
        """The hold's row. One that was refused or never placed is made at the latest now: its call
        was sent, so its money is held whatever the limit says."""
        return self._rows.get(hold.id) or self._place(hold, hold.estimate_pusd)

    def _defer(self, change: Defer) -> None:
        row = self._held(change.hold)
        if row.state.is_closed:
            return
        row.generation_id = change.generation_id or row.generation_id
        row.state, row.reason = change.state, change.reason
        row.outcome = change.outcome
        row.next_attempt_ms = change.next_attempt_ms
        row.first_byte_ms, row.duration_ms = change.first_byte_ms, change.duration_ms
        if row.state is HoldState.PENDING:
            if row.generation_id is None:
                row.state = HoldState.UNIDENTIFIED
            elif row.next_attempt_ms is None:
                row.next_attempt_ms = self._now_ms
        self._touch(row)

    def _void(self, change: Void) -> None:
        row = self._rows.get(change.hold.id)
        if row is None or row.state.is_closed:
            return
        self._close(row, HoldState.VOID, reason=change.reason)

    def _close(self, row: HoldRow, state: HoldState, *, reason: str | None) -> None:
        if not row.state.is_closed:
            self._hold_money(row, -row.estimate_pusd)
        row.state, row.reason = state, reason
        row.closed_at_ms, row.next_attempt_ms = self._now_ms, None
        self._touch(row)

    def _book(self, hold: Hold, entry: LedgerEntry) -> None:
        self._booked.add(entry_key(entry))
        self.plan.booked.append((hold, entry))
        month = month_of(entry.day)
        for _, budget in self.plan.budgets.of(entry.organization_id, month, entry.user_id or ""):
            budget.spent_added += entry.billed_pusd
        key = cell_key(entry)
        cell = self.plan.cells.get(key)
        if cell is None:
            self.plan.cells[key] = amounts(entry)
        else:
            for place, amount in enumerate(amounts(entry)):
                cell[place] += amount

    def _hold_money(self, row: HoldRow, amount: int) -> None:
        for _, budget in self.plan.budgets.of(row.organization_id, row.month, row.user_id):
            budget.held_added += amount

    def _budgets_of(self, hold: Hold) -> Iterable[tuple[MonthKey, Budget]]:
        return self.plan.budgets.of(hold.organization_id, hold.month, hold.user_id or "")

    def _touch(self, row: HoldRow) -> None:
        if row.id not in self._new:
            self.plan.changed[row.id] = row


def amounts(entry: LedgerEntry) -> list[int]:
    """What one entry adds to its cell, in the order of ``models.CELL_SUMS``."""
    timed = entry.first_byte_ms is not None
    return [
        1,
        int(entry.outcome is Outcome.FAILED),
        int(entry.outcome is Outcome.CANCELLED),
        entry.prompt_tokens,
        entry.completion_tokens,
        entry.cached_tokens,
        entry.reasoning_tokens,
        entry.raw_pusd,
        entry.billed_pusd,
        entry.first_byte_ms or 0,
        int(timed),
        entry.duration_ms or 0,
    ]

"""One call through all tables: hold, entries, counters, day, month, comparison."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from peewee import Database

from mai_usage_ext.metering.days import billing_day, month_of
from mai_usage_ext.ports import Hold, HoldState, LedgerEntry, Outcome, Source
from mai_usage_ext.ports.cases import Case, CaseHold, DayTotals, MonthTotals
from mai_usage_ext.ports.reconciliation import LineFilter, ReconciliationRecord
from mai_usage_ext.storage.holds import hold_of
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientLiveCounter,
    ClientMonthTotal,
    ClientOrganization,
    ImportedGeneration,
    UsageHold,
    UsageLedger,
)
from mai_usage_ext.storage.partition import embedded_second
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.reconciliation_models import BroadcastCall
from mai_usage_ext.storage.sessions import session

__all__ = ["CaseRows"]

# An answer that named no generation is booked under its hold's id.
_UNNAMED = "hold:"
# A hold's id begins with its instant in hexadecimal, and is made before its generation.
_BEFORE_MS, _AFTER_MS = 600_000, 60_000
_MOST_LINES = 200


class CaseRows:
    """Implements ``ports.cases.CaseStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lines = ReconciliationRows(db)

    def find(self, any_id: str) -> Case | None:
        with session(self._db):
            entries = self._entries(any_id)
            held = self._held(any_id, entries)
            if held is not None and not entries:
                entries = self._entries(held.generation_id or _UNNAMED + held.hold.id)
            if held is None and not entries:
                return None
            return self._case(held, entries)

    def imported(self, generation_id: str) -> Mapping[str, object] | None:
        row: Any = ImportedGeneration
        with session(self._db):
            query = row.select().where(row.generation_id == generation_id)
            return query.dicts().bind(self._db).first()  # type: ignore[no-any-return]

    def _case(self, held: CaseHold | None, entries: list[LedgerEntry]) -> Case:
        first: Hold | LedgerEntry | None = entries[0] if entries else None
        if first is None:
            assert held is not None  # noqa: S101 - the caller looked
            first = held.hold
        organization_id, day = first.organization_id, first.day
        organization: Any = ClientOrganization
        owner = organization.select().where(organization.id == organization_id)
        row = owner.bind(self._db).first()
        month, dropped = self._month(organization_id, day, row)
        generation_id = held.generation_id if held is not None else None
        if entries:
            generation_id = entries[0].generation_id
        return Case(
            organization_id=organization_id,
            organization_name=row.name if row is not None else organization_id,
            time_zone=row.timezone if row is not None else "UTC",
            day=day,
            held=held,
            entries=entries,
            cell=self._cell(entries[0]) if entries else None,
            sealed=self._sealed(organization_id, day),
            month=month,
            line=self._line(organization_id, first),
            broadcast=self._broadcast(generation_id),
            key_label=self._key_label(first.key_hash),
            dropped_through=dropped,
        )

    def _entries(self, generation_id: str) -> list[LedgerEntry]:
        query = UsageLedger.select().where(UsageLedger.generation_id == generation_id)
        return [_entry(row) for row in query.order_by(UsageLedger.sequence).bind(self._db)]

    def _held(self, any_id: str, entries: list[LedgerEntry]) -> CaseHold | None:
        hold: Any = UsageHold
        candidates = [hold.id == any_id.removeprefix(_UNNAMED)]
        second = embedded_second(any_id)
        at_ms = entries[0].at_ms if entries else second and second * 1000
        if at_ms:
            begin, end = f"{at_ms - _BEFORE_MS:012x}", f"{at_ms + _AFTER_MS:012x}"
            is_near = (hold.id >= begin) & (hold.id < end)
            candidates.append(is_near & (hold.generation_id == any_id))
        # Only what is in none of the places above costs a look at all holds.
        candidates.append(hold.generation_id == any_id)
        for condition in candidates:
            row = hold.select().where(condition).bind(self._db).first()
            if row is not None:
                return _case_hold(row)
        return None

    def _cell(self, entry: LedgerEntry) -> DayTotals | None:
        cell: Any = ClientLiveCounter
        query = cell.select().where(
            (cell.organization_id == entry.organization_id)
            & (cell.day == entry.day)
            & (cell.user_id == (entry.user_id or ""))
            & (cell.model == entry.model)
            & (cell.provider == entry.provider)
            & (cell.purpose == entry.purpose)
        )
        return _totals(query.bind(self._db).first())

    def _sealed(self, organization_id: str, day: date) -> DayTotals | None:
        row: Any = ClientDailyUsage
        query = row.select().where((row.organization_id == organization_id) & (row.day == day))
        return _totals(query.bind(self._db).first())

    def _month(
        self, organization_id: str, day: date, organization: Any
    ) -> tuple[MonthTotals | None, date | None]:
        total: Any = ClientMonthTotal
        query = total.select().where(
            (total.organization_id == organization_id)
            & (total.month == month_of(day))
            & (total.user_id == "")
        )
        row = query.bind(self._db).first()
        if row is None:
            return None, None
        limit_pusd = None if organization is None else organization.monthly_limit_pusd
        month = MonthTotals(
            month=row.month,
            spent_pusd=row.spent_pusd,
            held_pusd=row.held_pusd,
            limit_pusd=limit_pusd,
        )
        return month, row.dropped_through

    def _line(self, organization_id: str, call: Hold | LedgerEntry) -> ReconciliationRecord | None:
        day = billing_day(call.at_ms, "UTC")
        wanted = LineFilter(first=day, last=day, organization_id=organization_id)
        lines, _ = self._lines.page(wanted, offset=0, limit=_MOST_LINES)
        return next((line for line in lines if line.key_hash == call.key_hash), None)

    def _broadcast(self, generation_id: str | None) -> tuple[str, str] | None:
        call: Any = BroadcastCall
        query = call.select(call.finding, call.reason).where(call.generation_id == generation_id)
        row = query.tuples().bind(self._db).first()
        return None if row is None else (str(row[0]), str(row[1]))

    def _key_label(self, key_hash: str) -> str | None:
        owner: Any = ClientOrganization
        query = owner.select(owner.openrouter_key_label).where(
            (owner.openrouter_key_hash == key_hash) & (owner.openrouter_key_hash != "")
        )
        return query.bind(self._db).scalar()  # type: ignore[no-any-return]


def _totals(row: Any) -> DayTotals | None:
    if row is None:
        return None
    return DayTotals(
        requests=row.requests,
        raw_pusd=row.raw_pusd,
        billed_pusd=row.billed_pusd,
        source=getattr(row, "source", None),
        sealed_at_ms=getattr(row, "sealed_at_ms", None),
    )


def _case_hold(row: UsageHold) -> CaseHold:
    return CaseHold(
        hold=hold_of(row),
        state=HoldState(row.state),
        generation_id=row.generation_id,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        reason=row.reason,
        attempts=row.attempts,
        closed_at_ms=row.closed_at_ms,
    )


def _entry(row: UsageLedger) -> LedgerEntry:
    return LedgerEntry(
        generation_id=row.generation_id,
        sequence=row.sequence,
        organization_id=row.organization_id,
        user_id=row.user_id or None,
        model=row.model,
        provider=row.provider,
        purpose=row.purpose,
        day=row.day,
        at_ms=row.at_ms,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
        reasoning_tokens=row.reasoning_tokens,
        raw_pusd=row.raw_pusd,
        billed_pusd=row.billed_pusd,
        rate_micro=row.rate_micro,
        fee_pusd=row.fee_pusd,
        outcome=Outcome(row.outcome),
        source=Source(row.source),
        first_byte_ms=row.first_byte_ms,
        duration_ms=row.duration_ms,
        booked_at_ms=row.booked_at_ms,
        key_hash=row.key_hash,
    )

"""What reconciliations compare and find, in the database."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from peewee import EXCLUDED, SQL, Case, Database, fn

from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import UNASSIGNED, HoldState, Source
from mai_usage_ext.ports.reconciliation import (
    Adjusted,
    Captured,
    CounterLook,
    Figures,
    Finding,
    KeyUsage,
    LineFilter,
    Midnight,
    ModelDifference,
    ReconciliationRecord,
    RunRecord,
    UnsettledHold,
)
from mai_usage_ext.storage.holds import hold_of, readable
from mai_usage_ext.storage.models import (
    AlertEvent,
    ClientOrganization,
    ImportedGeneration,
    UsageHold,
    UsageLedger,
)
from mai_usage_ext.storage.reconciliation_models import (
    KeyCounter,
    ReconciliationLine,
    ReconciliationRun,
)
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["ReconciliationRows"]

# A call that crosses a midnight was made this long before it at most.
_LONGEST_CALL_MS = 3_600_000
# SQLite takes a thousand parameters in a statement for certain.
_MOST_AT_ONCE = 500
# OpenRouter billed more of a key's day than the meter captured: its sum stands as the limit.
_CAPTURE_ALERT = "capture.below"
_SUMS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "raw_pusd")
_LINE_KEY = (ReconciliationLine.day, ReconciliationLine.key_hash)


class ReconciliationRows:
    """Implements ``ports.reconciliation.ReconciliationStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def beginning(self) -> date:
        query: Any = ReconciliationRun.select(ReconciliationRun.day)
        query = query.order_by(ReconciliationRun.day).limit(1).tuples()
        with session(self._db):
            return _date(query.bind(self._db).get()[0])

    def claim(self, day: date, *, claim: str, now_ms: int, until_ms: int) -> bool:
        run = ReconciliationRun
        made = run.insert(day=day, started_at_ms=now_ms).on_conflict(action="IGNORE")
        is_free = (run.claim.is_null()) | (run.claim == claim) | (run.claimed_until_ms <= now_ms)
        taken = run.update(claim=claim, claimed_until_ms=until_ms, started_at_ms=now_ms)
        with transaction(self._db):
            write(self._db, made)
            return write(self._db, taken.where((run.day == day) & is_free)) == 1

    def release(
        self,
        day: date,
        *,
        claim: str,
        now_ms: int,
        next_at_ms: int | None,
        problem: str | None = None,
        midnight: Midnight | None = None,
    ) -> None:
        run = ReconciliationRun
        columns: dict[str, Any] = {
            "claim": None,
            "claimed_until_ms": None,
            "next_at_ms": next_at_ms,
            "problem": problem,
        }
        if problem is None:
            columns |= {"finished_at_ms": now_ms}
        if midnight is not None:
            columns |= {"midnight": midnight.value}
        with transaction(self._db):
            write(self._db, run.update(**columns).where((run.day == day) & (run.claim == claim)))

    def runs(self, *, first: date, last: date) -> Mapping[date, RunRecord]:
        query = ReconciliationRun.select().where(ReconciliationRun.day.between(first, last))
        with session(self._db):
            return {row.day: _run(row) for row in query.bind(self._db)}

    def owners(self) -> Mapping[str, str]:
        row = ClientOrganization
        seen: Any = KeyCounter.select(KeyCounter.key_hash, KeyCounter.organization_id)
        seen = seen.where(KeyCounter.organization_id != "").tuples()
        with session(self._db):
            found = dict(seen.bind(self._db))
            for column in (row.openrouter_retiring_hash, row.openrouter_key_hash):
                query: Any = row.select(column, row.id).where(column.is_null(is_null=False))
                found |= dict(query.tuples().bind(self._db))
        return found

    def unsettled(self, *, from_ms: int, until_ms: int) -> Sequence[UnsettledHold]:
        hold = UsageHold
        query = hold.select().where(
            hold.closed_at_ms.is_null() & (hold.at_ms >= from_ms) & (hold.at_ms < until_ms)
        )
        with session(self._db):
            rows = list(query.order_by(hold.at_ms, hold.id).bind(self._db))
        return readable(
            rows, lambda row: UnsettledHold(hold=hold_of(row), state=HoldState(row.state))
        )

    def adjusted(self, day: date) -> Mapping[str, Adjusted]:
        entry = UsageLedger
        begin_ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        query: Any = entry.select(entry.key_hash, fn.MAX(entry.sequence), *_sums())
        query = query.where(
            _about(day)
            & (entry.source == Source.ADJUSTMENT.value)
            & (entry.at_ms == begin_ms)
            & entry.generation_id.startswith("reconciliation:")
        ).group_by(entry.key_hash)
        with session(self._db):
            rows = list(query.tuples().bind(self._db))
        return {
            key_hash: Adjusted(figures=_figures(sums), sequence=int(sequence))
            for key_hash, sequence, *sums in rows
        }

    def captured(
        self, *, from_ms: int, until_ms: int, homes: Mapping[str, str] | None = None
    ) -> Mapping[str, Captured]:
        entry = UsageLedger
        ended = entry.at_ms + fn.COALESCE(entry.duration_ms, 0)
        part = Case(
            None,
            ((entry.at_ms < from_ms, "into"), (ended >= until_ms, "out_of")),
            "within",
        )
        day = billing_day(from_ms, "UTC")
        key: Any = (entry.key_hash, SQL("part"), entry.model, entry.organization_id)
        chosen: Any = (entry.key_hash, part.alias("part"), *key[2:], *_sums())
        query: Any = entry.select(*chosen).where(
            _about(day)
            & (entry.source != Source.ADJUSTMENT.value)
            & (entry.at_ms >= from_ms - _LONGEST_CALL_MS)
            & (entry.at_ms < until_ms)
            & ((entry.at_ms >= from_ms) | (ended >= from_ms))
        )
        with session(self._db):
            rows = list(query.group_by(*key).tuples().bind(self._db))
        return _by_key(rows, homes or {})

    def known_generations(self, generation_ids: Sequence[str]) -> set[str]:
        found = set[str]()
        with session(self._db):
            for begin in range(0, len(generation_ids), _MOST_AT_ONCE):
                some = list(generation_ids[begin : begin + _MOST_AT_ONCE])
                for model in (UsageLedger, UsageHold, ImportedGeneration):
                    column: Any = getattr(model, "generation_id")  # noqa: B009 - of all
                    query: Any = model.select(column).where(column.in_(some))
                    found |= {row[0] for row in query.tuples().bind(self._db)}
        return found

    def save(self, record: ReconciliationRecord) -> None:
        line = ReconciliationLine
        columns = _columns(record)
        kept = {
            name: getattr(EXCLUDED, name) for name in columns if name not in ("day", "key_hash")
        }
        # What earlier runs did stays done.
        for name in ("identified", "closed_holds"):
            kept[name] = getattr(line, name) + kept[name]
        query = line.insert(**columns).on_conflict(
            conflict_target=_LINE_KEY,
            update={getattr(line, name): value for name, value in kept.items()},
        )
        with transaction(self._db):
            write(self._db, query)

    def alert(self, record: ReconciliationRecord) -> bool:
        subject = f"{record.day.isoformat()} {record.key_hash}"
        query = AlertEvent.insert(
            kind=_CAPTURE_ALERT,
            organization_id=record.organization_id or UNASSIGNED,
            user_id="",
            month=f"{record.day:%Y-%m}",
            percent=record.captured.raw_pusd * 100 // record.provider.raw_pusd,
            limit_pusd=record.provider.raw_pusd,
            spent_pusd=record.captured.raw_pusd,
            at_ms=record.checked_at_ms,
            subject=subject,
        )
        with transaction(self._db):
            return write(self._db, query.on_conflict(action="IGNORE")) == 1

    def page(
        self, wanted: LineFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[ReconciliationRecord], int]:
        line = ReconciliationLine
        query = line.select()
        for condition in _conditions(wanted):
            query = query.where(condition)
        page = query.order_by(line.day.desc(), line.key_hash).offset(offset).limit(limit)
        with session(self._db):
            total = int(query.bind(self._db).count())
            return [_record(row) for row in page.bind(self._db)], total

    def note_counters(self, looks: Sequence[KeyUsage], *, now_ms: int) -> None:
        owners = self.owners()
        with transaction(self._db):
            for look in looks:
                write(self._db, _counted(look, owners.get(look.key_hash, ""), now_ms))

    def counters(self, *, offset: int, limit: int) -> tuple[Sequence[CounterLook], int]:
        query = KeyCounter.select()
        page = query.order_by(KeyCounter.key_hash).offset(offset).limit(limit)
        with session(self._db):
            total = int(query.bind(self._db).count())
            return [_look(row) for row in page.bind(self._db)], total


def _about(day: date) -> Any:
    """Entries of billing days that a UTC day can fall on, by the index that they have."""
    everybody = ClientOrganization.select(ClientOrganization.id)
    one = timedelta(days=1)
    return UsageLedger.organization_id.in_(everybody) & UsageLedger.day.between(
        day - 2 * one, day + one
    )


def _sums() -> list[Any]:
    return [
        fn.COUNT(UsageLedger.generation_id),
        *(fn.SUM(getattr(UsageLedger, name)) for name in _SUMS),
    ]


def _figures(sums: Sequence[Any]) -> Figures:
    requests, *others = (int(total) for total in sums)
    return Figures(requests=requests, **dict(zip(_SUMS, others, strict=True)))


def _by_key(rows: Iterable[Sequence[Any]], homes: Mapping[str, str]) -> dict[str, Captured]:
    parts: dict[str, dict[str, dict[str, Figures]]] = {}
    organizations = defaultdict[str, set[str]](set)
    for noted, part, model, organization_id, *sums in rows:
        key_hash = noted or homes.get(organization_id, "")
        organizations[key_hash].add(organization_id)
        models = parts.setdefault(key_hash, {}).setdefault(part, {})
        models[model] = models.get(model, Figures()) + _figures(sums)
    return {
        key_hash: Captured(**found, organization_ids=frozenset(organizations[key_hash]))
        for key_hash, found in parts.items()
    }


def _conditions(wanted: LineFilter) -> Iterable[Any]:
    line = ReconciliationLine
    if wanted.first is not None:
        yield line.day >= wanted.first
    if wanted.last is not None:
        yield line.day <= wanted.last
    if wanted.organization_id is not None:
        yield line.organization_id == wanted.organization_id
    if wanted.finding is not None:
        yield line.status == wanted.finding.value
    if wanted.is_below is not None:
        yield line.is_below == wanted.is_below


def _columns(record: ReconciliationRecord) -> dict[str, Any]:
    return {
        "day": record.day,
        "key_hash": record.key_hash,
        "organization_id": record.organization_id or "",
        "status": record.finding.value,
        "reason": record.reason,
        "is_below": record.is_below,
        "captured_pusd": record.captured.raw_pusd,
        "adjusted_pusd": record.adjusted_pusd,
        "provider_pusd": record.provider.raw_pusd,
        "captured_requests": record.captured.requests,
        "provider_requests": record.provider.requests,
        "models": json.dumps([asdict(model) for model in record.models]),
        "identified": record.identified,
        "closed_holds": record.closed_holds,
        "checked_at_ms": record.checked_at_ms,
    }


def _record(row: Any) -> ReconciliationRecord:
    return ReconciliationRecord(
        day=row.day,
        key_hash=row.key_hash,
        organization_id=row.organization_id or None,
        finding=Finding(row.status),
        reason=row.reason,
        is_below=bool(row.is_below),
        captured=Figures(requests=row.captured_requests, raw_pusd=row.captured_pusd),
        adjusted_pusd=row.adjusted_pusd,
        provider=Figures(requests=row.provider_requests, raw_pusd=row.provider_pusd),
        models=[_difference(one) for one in json.loads(row.models)],
        identified=row.identified,
        closed_holds=row.closed_holds,
        checked_at_ms=row.checked_at_ms,
    )


def _difference(stored: Mapping[str, Any]) -> ModelDifference:
    return ModelDifference(
        model=stored["model"],
        ours=Figures(**stored["ours"]),
        theirs=Figures(**stored["theirs"]),
    )


def _run(row: Any) -> RunRecord:
    return RunRecord(
        day=row.day,
        finished_at_ms=row.finished_at_ms,
        next_at_ms=row.next_at_ms,
        problem=row.problem,
        midnight=None if row.midnight is None else Midnight(row.midnight),
    )


def _counted(look: KeyUsage, organization_id: str, now_ms: int) -> Any:
    """The last look becomes the one before."""
    counter = KeyCounter
    query = counter.insert(
        key_hash=look.key_hash,
        organization_id=organization_id,
        name=look.name,
        label=look.label,
        usage_pusd=look.usage_pusd,
        at_ms=now_ms,
    )
    return query.on_conflict(
        conflict_target=[counter.key_hash],
        update={
            counter.organization_id: EXCLUDED.organization_id,
            counter.name: EXCLUDED.name,
            counter.label: EXCLUDED.label,
            counter.previous_pusd: counter.usage_pusd,
            counter.previous_at_ms: counter.at_ms,
            counter.usage_pusd: EXCLUDED.usage_pusd,
            counter.at_ms: EXCLUDED.at_ms,
        },
    )


def _look(row: Any) -> CounterLook:
    return CounterLook(
        key_hash=row.key_hash,
        organization_id=row.organization_id or None,
        label=row.label,
        usage_pusd=row.usage_pusd,
        at_ms=row.at_ms,
        previous_pusd=row.previous_pusd,
        previous_at_ms=row.previous_at_ms,
    )


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)

"""One organization's days: read, judged, written as sealed days and added up again."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.days import month_of
from mai_usage_ext.ports import (
    ImportedUsage,
    ImportStore,
    LegacyRow,
    LegacySource,
    UsageKind,
    UsageSums,
)
from mai_usage_ext.services.legacy_report import CheckSum, Result, RowReport
from mai_usage_ext.services.legacy_values import instant_ms, sums_of, usage_of

__all__ = ["UsageImport", "row_id"]

LIVE = "client_live_counters"
_BY = {UsageKind.DAY: "", UsageKind.USER: "user_id", UsageKind.MODEL: "model_name"}
_LIVE_COLUMNS = {
    "usage_date": "current_date",
    "total_tokens": "today_tokens",
    "total_requests": "today_requests",
    "raw_cost": "today_raw_cost",
    "markup_cost": "today_markup_cost",
}


@dataclass(slots=True, kw_only=True)
class _Candidate:
    """One row as it would be written, and since when it is so."""

    row: LegacyRow
    table: str
    usage: ImportedUsage
    updated_at_ms: int


@dataclass(slots=True, kw_only=True)
class UsageImport:
    """The days of ``source_id``, written for ``organization_id``, in the caller's transaction.

    ``today`` is the organization's: only days before it are over.
    """

    source: LegacySource
    store: ImportStore
    source_id: str
    organization_id: str
    today: date
    now_ms: int
    reports: list[RowReport] = field(default_factory=list)
    checks: list[CheckSum] = field(default_factory=list)
    written: Counter[str] = field(default_factory=Counter)
    _days: set[date] = field(default_factory=set)

    def run(self) -> None:
        own = self.store.own_days(self.organization_id)
        kept = {kind: self._kept(kind, own) for kind in UsageKind}
        users = Counter(one.day for one in kept[UsageKind.USER])
        models = Counter(one.day for one in kept[UsageKind.MODEL])
        days = [self._with_counts(one, users, models) for one in kept[UsageKind.DAY]]
        earlier = self.store.imported(UsageKind.DAY, self.organization_id)
        for kind in (UsageKind.USER, UsageKind.MODEL):
            self._write(kind, kept[kind])
        changed = self._write(UsageKind.DAY, days)
        self._tell_months(changed, {key[0]: one for key, one in earlier.items()})
        for check in self.checks:
            check.after = self.store.sums(check.kind, self.organization_id)

    def _kept(self, kind: UsageKind, own: set[date]) -> list[ImportedUsage]:
        """The rows that are to stand here, one for each key."""
        check = CheckSum(organization=self.source_id, kind=kind)
        self.checks.append(check)
        chosen: dict[tuple[date, str, str, str], _Candidate] = {}
        for candidate in self._candidates(kind, check, own):
            rival = chosen.get(candidate.usage.key)
            if rival is None:
                chosen[candidate.usage.key] = candidate
                continue
            loser, winner = sorted((rival, candidate), key=lambda one: one.updated_at_ms)
            chosen[candidate.usage.key] = winner
            self._second(loser, winner, check)
        if kind is not UsageKind.DAY:
            self._drop_dayless(chosen, check)
        else:
            self._days = {key[0] for key in chosen}
        stored = self.store.imported(kind, self.organization_id)
        for key, candidate in chosen.items():
            was = stored.get(key)
            is_same = was is not None and was.sums == candidate.usage.sums
            self._tell(candidate, Result.UNCHANGED if is_same else Result.IMPORTED)
        return [candidate.usage for candidate in chosen.values()]

    def _candidates(self, kind: UsageKind, check: CheckSum, own: set[date]) -> Iterator[_Candidate]:
        seen: set[date] = set()
        for table, row in self._rows(kind):
            candidate = self._read(kind, table, row, check)
            if candidate is None:
                continue
            day = candidate.usage.day
            if table == LIVE and (day in seen or candidate.usage.sums == UsageSums()):
                # The prototype moved its live counters into the daily table at the day's end.
                why = "that day has its daily row" if day in seen else "nothing was counted"
                self._tell(candidate, Result.SKIPPED, why)
                continue
            seen.add(day)
            check.rows += 1
            check.before += candidate.usage.sums
            if day >= self.today:
                why = f"{day} is not over in the organization's zone; run this again after it"
                self._leave_out(candidate, Result.CONFLICT, why, check)
            elif day in own:
                why = f"{day} has entries of its own here, which stay"
                self._leave_out(candidate, Result.CONFLICT, why, check)
            else:
                yield candidate

    def _rows(self, kind: UsageKind) -> Iterator[tuple[str, LegacyRow]]:
        tables = self.source.tables()
        if kind.value in tables:
            for row in self.source.rows(kind.value, organization_id=self.source_id):
                yield kind.value, row
        if kind is UsageKind.DAY and LIVE in tables:
            for row in self.source.rows(LIVE, organization_id=self.source_id):
                yield LIVE, {ours: row.get(theirs) for ours, theirs in _LIVE_COLUMNS.items()}

    def _read(
        self, kind: UsageKind, table: str, row: LegacyRow, check: CheckSum
    ) -> _Candidate | None:
        try:
            usage = usage_of(row, by=_BY[kind])
        except BadInput as error:
            check.rows += 1
            check.rows_left_out += 1
            try:
                sums = sums_of(row)
            except BadInput:
                check.unreadable += 1
            else:
                check.before += sums
                check.left_out += sums
            self.reports.append(
                RowReport(
                    table=table,
                    id=row_id(row, self.source_id),
                    organization=self.source_id,
                    result=Result.BROKEN,
                    why=str(error),
                )
            )
            return None
        return _Candidate(row=row, table=table, usage=usage, updated_at_ms=self._updated(row))

    def _updated(self, row: LegacyRow) -> int:
        try:
            return instant_ms(row.get("updated_at"), now_ms=self.now_ms, field="updated_at")
        except BadInput:
            return 0

    def _second(self, loser: _Candidate, winner: _Candidate, check: CheckSum) -> None:
        other = row_id(winner.row, self.source_id)
        if loser.usage.sums == winner.usage.sums:
            check.before -= loser.usage.sums
            check.rows -= 1
            self._tell(loser, Result.SKIPPED, f"the row {other} says the same")
        else:
            why = f"the row {other} is newer and of the same day"
            self._leave_out(loser, Result.CONFLICT, why, check)

    def _drop_dayless(
        self, chosen: dict[tuple[date, str, str, str], _Candidate], check: CheckSum
    ) -> None:
        for key in [key for key in chosen if key[0] not in self._days]:
            candidate = chosen.pop(key)
            why = f"usage_date is {key[0]}, a day without a row of its organization"
            self._leave_out(candidate, Result.BROKEN, why, check)

    def _leave_out(self, candidate: _Candidate, result: Result, why: str, check: CheckSum) -> None:
        check.left_out += candidate.usage.sums
        check.rows_left_out += 1
        self._tell(candidate, result, why)

    def _tell(self, candidate: _Candidate, result: Result, why: str = "") -> None:
        self.reports.append(
            RowReport(
                table=candidate.table,
                id=row_id(candidate.row, self.source_id),
                organization=self.source_id,
                result=result,
                why=why,
            )
        )

    def _with_counts(
        self, day: ImportedUsage, users: Counter[date], models: Counter[date]
    ) -> ImportedUsage:
        return replace(day, distinct_users=users[day.day], distinct_models=models[day.day])

    def _write(self, kind: UsageKind, usage: Sequence[ImportedUsage]) -> list[ImportedUsage]:
        """Write what does not stand there yet, and return it."""
        stored = self.store.imported(kind, self.organization_id)
        changed = [one for one in usage if stored.get(one.key) != one]
        self.store.put_usage(kind, self.organization_id, changed, now_ms=self.now_ms)
        self.written[kind.value] = len(changed)
        return changed

    def _tell_months(
        self, changed: Sequence[ImportedUsage], earlier: dict[date, ImportedUsage]
    ) -> None:
        """What was billed in a month counts towards its limit, whoever counted it."""
        months: defaultdict[str, list[ImportedUsage]] = defaultdict(list)
        for one in changed:
            months[month_of(one.day)].append(one)
        for month, days in sorted(months.items()):
            billed = sum(one.sums.billed_pusd for one in days)
            before = sum(earlier[one.day].sums.billed_pusd for one in days if one.day in earlier)
            last = max(one.day for one in days)
            self.store.add_to_month(
                self.organization_id, month, billed - before, sealed_through=last
            )


def row_id(row: LegacyRow, otherwise: str) -> str:
    """How a report names a row; live counters have no other key than their organization."""
    return str(row["id"]) if row.get("id") is not None else otherwise

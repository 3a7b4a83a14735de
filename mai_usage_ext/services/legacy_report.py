"""What became of each of the prototype's rows, and whether the sums agree."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import UsageKind, UsageSums

__all__ = ["CheckSum", "ImportReport", "Result", "RowReport", "json_of", "lines_of"]

_MOST_SHOWN = 20


class Result(StrEnum):
    """``SKIPPED`` rows hold nothing that is missing here. Of the last three something is."""

    IMPORTED = "imported"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    PARTLY = "partly"  # imported without something
    CONFLICT = "conflict"  # what is here already wins
    BROKEN = "broken"

    @property
    def is_complete(self) -> bool:
        return self in (Result.IMPORTED, Result.UNCHANGED, Result.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReport:
    """``organization`` is the prototype's id. ``why`` names the field where one is wrong, and never
    holds a key."""

    table: str
    id: str
    organization: str
    result: Result
    why: str = ""


@dataclass(slots=True, kw_only=True)
class CheckSum:
    """Of one organization and table: what was there, what of that was left out, what is here.

    ``unreadable`` rows have numbers that nobody can add.
    """

    organization: str
    kind: UsageKind
    before: UsageSums = field(default_factory=UsageSums)
    left_out: UsageSums = field(default_factory=UsageSums)
    after: UsageSums = field(default_factory=UsageSums)
    rows: int = 0
    rows_left_out: int = 0
    unreadable: int = 0

    @property
    def is_equal(self) -> bool:
        return self.before == self.after and self.unreadable == 0

    @property
    def is_explained(self) -> bool:
        """Whether the rows that were left out are all of the difference."""
        return self.before == self.after + self.left_out


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """``sink`` is told of every row once it stands in the database, or would."""

    sink: Callable[[RowReport], None] = lambda _row: None
    counts: Counter[tuple[str, Result]] = field(default_factory=Counter)
    shown: list[RowReport] = field(default_factory=list)
    checks: list[CheckSum] = field(default_factory=list)
    was_interrupted: bool = False

    def add(self, rows: Iterable[RowReport]) -> None:
        for row in rows:
            self.counts[row.table, row.result] += 1
            if not row.result.is_complete and len(self.shown) < _MOST_SHOWN:
                self.shown.append(row)
            self.sink(row)

    def total(self, result: Result) -> int:
        return sum(count for (_, one), count in self.counts.items() if one is result)

    @property
    def problems(self) -> int:
        """Rows of which something is missing here."""
        return sum(count for (_, result), count in self.counts.items() if not result.is_complete)

    @property
    def is_complete(self) -> bool:
        """Whether everything came over, to the last picodollar."""
        return (
            not self.was_interrupted
            and self.problems == 0
            and all(check.is_equal for check in self.checks)
        )


def json_of(row: RowReport) -> str:
    """One line of the report's file."""
    return json.dumps({**asdict(row), "result": row.result.value}, ensure_ascii=False)


def lines_of(report: ImportReport) -> Iterator[str]:
    """What a person reads: tables, sums, and the first rows of which something is missing."""
    tables = dict.fromkeys(table for table, _ in report.counts)
    for table in tables:
        counts = [
            f"{report.counts[table, result]} {result.value}"
            for result in Result
            if report.counts[table, result]
        ]
        yield f"{table}: {', '.join(counts)}"
    for check in report.checks:
        if check.rows:
            yield f"{check.organization} {check.kind.value}: {_verdict(check)}"
    for row in report.shown:
        yield f"{row.table} {row.id}: {row.result.value}: {row.why}"
    hidden = report.problems - len(report.shown)
    if hidden > 0:
        yield f"… and {hidden} rows more of which something is missing; --report FILE names all"


def _verdict(check: CheckSum) -> str:
    if check.is_equal:
        return f"{_money(check.after)}, the same here as there"
    there = f"{_money(check.before)} there, {_money(check.after)} here"
    if not check.is_explained:
        return f"{there}: MORE THAN THE ROWS LEFT OUT EXPLAIN"
    unreadable = f", {check.unreadable} of them unreadable" if check.unreadable else ""
    return f"{there}; left out: {_money(check.left_out)} in {check.rows_left_out} rows{unreadable}"


def _money(sums: UsageSums) -> str:
    raw, billed = usd_from_pusd(sums.raw_pusd), usd_from_pusd(sums.billed_pusd)
    return f"{sums.requests} requests, {sums.tokens} tokens, {raw} USD raw, {billed} USD billed"

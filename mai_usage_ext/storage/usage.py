"""What was used: sealed days and live cells, never both for one day."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from peewee import Case, Database, Value, fn

from mai_usage_ext.ports import UsageTotals
from mai_usage_ext.storage.models import ClientDailyUsage, ClientLiveCounter, UsageLedger
from mai_usage_ext.storage.sessions import session

__all__ = ["UsageRows"]

_TOTALS = ("requests", "prompt_tokens", "completion_tokens", "raw_pusd", "billed_pusd")


class UsageRows:
    """Implements ``ports.UsageStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def by_day(self, organization_id: str, *, first: date, last: date) -> dict[date, UsageTotals]:
        # One statement, so that a day being sealed meanwhile is seen on one side or the other.
        is_imported = Case(None, [(ClientDailyUsage.source == "imported", 1)], 0)
        query = _days(ClientLiveCounter, organization_id, first, last, Value(0), is_sealed=0)
        query += _days(
            ClientDailyUsage, organization_id, first, last, fn.MAX(is_imported), is_sealed=1
        )
        with session(self._db):
            # Sealed ones last: they win.
            rows = sorted(query.bind(self._db).tuples(), key=lambda row: int(row[1]))
        return {
            _date(day): _totals(sums, is_imported=bool(is_imported))
            for day, _, is_imported, *sums in rows
        }

    def ledger_total_pusd(self) -> tuple[int, int]:
        raw = fn.COALESCE(fn.SUM(UsageLedger.raw_pusd), 0)
        query: Any = UsageLedger.select(fn.COUNT(UsageLedger.generation_id), raw)
        with session(self._db):
            count, total = query.tuples().bind(self._db).get()
        return int(count), int(total)


def _days(
    model: Any, organization_id: str, first: date, last: date, is_imported: Any, *, is_sealed: int
) -> Any:
    sums = [fn.SUM(getattr(model, name)) for name in _TOTALS]
    return (
        model.select(model.day, Value(is_sealed), is_imported, *sums)
        .where((model.organization_id == organization_id) & model.day.between(first, last))
        .group_by(model.day)
    )


def _totals(sums: Sequence[Any], *, is_imported: bool) -> UsageTotals:
    amounts = {name: int(total) for name, total in zip(_TOTALS, sums, strict=True)}
    return UsageTotals(**amounts, is_imported=is_imported)


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)

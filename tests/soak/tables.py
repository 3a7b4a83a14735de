"""Our tables as an outsider reads them, past everything that wrote them. Money is picodollars."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.sessions import execute, session, transaction
from tests.soak.verdict import Cell, Entry, MonthTotal

__all__ = ["Run", "Tables"]

_OPEN = "closed_at_ms IS NULL"
_DAILY = ("client_daily_usage", "client_user_daily_usage", "client_model_daily_usage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How the comparison of a UTC day stands."""

    finished_at_ms: int | None
    is_final: bool
    problem: str | None


class Tables:
    """Raises ``StorageUnavailable`` while the database is away."""

    def __init__(self, url: str) -> None:
        self._db = open_database(url, owned=False, setting="--database")

    def close(self) -> None:
        close_database(self._db)

    def entries(self) -> list[Entry]:
        rows = self._rows(
            "SELECT generation_id, sequence, organization_id, user_id, key_hash, source, day,"
            " raw_pusd, billed_pusd FROM usage_ledger"
        )
        return [_entry(*row) for row in rows]

    def holds(self) -> Counter[str]:
        """Those that still keep their money, by state."""
        sql = f"SELECT state, COUNT(*) FROM usage_holds WHERE {_OPEN} GROUP BY state"
        return Counter(dict(self._rows(sql)))

    def hold_rows(self) -> list[tuple[Any, ...]]:
        """The same holds in full, to be shown."""
        return self._rows(f"SELECT * FROM usage_holds WHERE {_OPEN}")

    def month_totals(self) -> list[MonthTotal]:
        rows = self._rows(
            "SELECT organization_id, month, user_id, spent_pusd, held_pusd FROM client_month_totals"
        )
        return [MonthTotal(*row) for row in rows]

    def limits(self) -> dict[tuple[str, str], int]:
        """By organization and user; the user is empty for the organization's own."""
        of_companies = "SELECT id, '', monthly_limit_pusd FROM client_organizations"
        of_users = (
            "SELECT organization_id, user_id, monthly_limit_pusd FROM user_client_mappings"
            " WHERE valid_to_ms IS NULL"
        )
        rows = self._rows(of_companies) + self._rows(of_users)
        return {(row[0], row[1]): row[2] for row in rows if row[2] is not None}

    def upstream_names(self) -> dict[str, str]:
        """The host's ids of users, by the names that OpenRouter is told."""
        sql = "SELECT openrouter_user_id, user_id FROM user_client_mappings"
        return {row[0]: row[1] for row in self._rows(sql) if row[0]}

    def live(self) -> list[Cell]:
        return self._cells("client_live_counters")

    def sealed(self) -> dict[str, list[Cell]]:
        """The same days three times, by table."""
        return {table: self._cells(table) for table in _DAILY}

    def run_of(self, day: date) -> Run | None:
        columns = "finished_at_ms, next_at_ms, problem"
        rows = self._rows(f"SELECT {columns} FROM reconciliation_runs WHERE day = '{day}'")
        for finished, following, problem in rows:
            is_final = finished is not None and following is None and problem is None
            return Run(finished_at_ms=finished, is_final=is_final, problem=problem)
        return None

    def lines(self) -> list[tuple[Any, ...]]:
        """What the reconciliation found, to be shown."""
        return self._rows(
            "SELECT day, organization_id, status, reason, captured_pusd, adjusted_pusd,"
            " provider_pusd, captured_requests, provider_requests FROM reconciliations"
        )

    def forget_run(self, job: str) -> None:
        """A shared job is due at once again, and any process may take it: as after the loss of
        the table, or when two leaders overlap."""
        with transaction(self._db):
            execute(self._db, f"DELETE FROM job_leases WHERE name = '{job}'")

    def _cells(self, table: str) -> list[Cell]:
        rows = self._rows(
            f"SELECT organization_id, day, SUM(raw_pusd), SUM(billed_pusd) FROM {table}"
            " GROUP BY organization_id, day"
        )
        return [Cell(row[0], _day(row[1]), int(row[2]), int(row[3])) for row in rows]

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with session(self._db):
            return [tuple(row) for row in execute(self._db, sql).fetchall()]


def _entry(
    generation_id: str,
    sequence: int,
    organization_id: str,
    user_id: str,
    key_hash: str,
    source: str,
    day: Any,
    raw_pusd: int,
    billed_pusd: int,
) -> Entry:
    return Entry(
        generation_id=generation_id,
        sequence=sequence,
        organization_id=organization_id,
        user_id=user_id,
        key_hash=key_hash,
        source=source,
        day=_day(day),
        raw_pusd=raw_pusd,
        billed_pusd=billed_pusd,
    )


def _day(value: Any) -> date:
    """SQLite has no dates."""
    return value if isinstance(value, date) else date.fromisoformat(value)

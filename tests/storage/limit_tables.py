"""Whether the tables say what the model says, row by row."""

from typing import Any

from peewee import Database, fn

from mai_usage_ext.storage.models import (
    ClientLiveCounter,
    ClientMonthTotal,
    UsageHold,
    UsageLedger,
)
from tests.storage.limit_model import CLOSED, Model

__all__ = ["Tables"]


class Tables:
    """Compares. ``frozen`` are the ledger's rows as they were when they were first seen."""

    def __init__(self, db: Database, model: Model) -> None:
        self.db = db
        self.model = model
        self.frozen: dict[tuple[str, int], dict[str, Any]] = {}

    def check(self) -> None:
        organizations = list(self.model.accounts)
        self._check_holds(organizations)
        self._check_ledger(organizations)
        self._check_months(organizations)
        self._check_cells(organizations)

    def _check_holds(self, organizations: list[str]) -> None:
        query: Any = UsageHold.select().where(UsageHold.organization_id.in_(organizations))
        found = {
            row.id: (row.estimate_pusd, row.state, row.closed_at_ms is not None)
            for row in query.bind(self.db)
        }
        # A refused call leaves no row, and a process that died nothing half-done.
        assert found == {
            hold_id: (known.estimate, known.state.value, known.state in CLOSED)
            for hold_id, known in self.model.holds.items()
        }

    def _check_ledger(self, organizations: list[str]) -> None:
        query: Any = UsageLedger.select().where(UsageLedger.organization_id.in_(organizations))
        rows = {(row["generation_id"], row["sequence"]): row for row in query.dicts().bind(self.db)}
        for key, row in rows.items():
            assert self.frozen.setdefault(key, row) == row, "history has changed"
            told = self.model.ledger[key[0]]
            assert row["rate_micro"] == told.rate_micro
            assert row["billed_pusd"] == told.billed_pusd
        assert set(rows) == set(self.frozen) == {(one, 0) for one in self.model.ledger}

    def _check_months(self, organizations: list[str]) -> None:
        table = ClientMonthTotal
        query: Any = table.select().where(table.organization_id.in_(organizations))
        rows = {
            (row.organization_id, row.month, row.user_id): (row.spent_pusd, row.held_pusd)
            for row in query.bind(self.db)
        }
        model = self.model
        for (organization, month, user), (spent, held) in rows.items():
            who = user or None
            assert spent == model.spent(organization, month, who)
            assert held == model.held(organization, month, who) >= 0
        months = {(organization, month, "") for organization, month in model.months()}
        assert months | model.watched <= set(rows)

    def _check_cells(self, organizations: list[str]) -> None:
        table = ClientLiveCounter
        key = (table.organization_id, table.day, table.user_id)
        query: Any = (
            table.select(*key, fn.SUM(table.requests), fn.SUM(table.billed_pusd))
            .where(table.organization_id.in_(organizations))
            .group_by(*key)
        )
        rows = query.tuples().bind(self.db)
        found = {tuple(row[:3]): (int(row[3]), int(row[4])) for row in rows}
        assert found == self.model.by_cell()

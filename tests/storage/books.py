"""What the tables say, for tests that compare it with what they expect."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from peewee import Database, fn

from mai_usage_ext.ports import HoldState
from mai_usage_ext.storage.models import (
    ClientLiveCounter,
    ClientMonthTotal,
    UsageHold,
    UsageLedger,
)
from mai_usage_ext.storage.sessions import session


@dataclass(frozen=True, slots=True)
class Books:
    """The sums that must agree, in picodollars, of one organization."""

    held: int
    spent: int
    open_estimates: int
    ledger_billed: int
    cells_billed: int
    entries: int
    requests: int

    def assert_balanced(self) -> None:
        assert self.held == self.open_estimates
        assert self.spent == self.ledger_billed == self.cells_billed
        assert self.entries == self.requests


def read_books(db: Database, organization: str) -> Books:
    with session(db):
        return Books(
            held=_sum(db, ClientMonthTotal, "held_pusd", organization),
            spent=_sum(db, ClientMonthTotal, "spent_pusd", organization),
            open_estimates=_sum(
                db, UsageHold, "estimate_pusd", organization, UsageHold.closed_at_ms.is_null()
            ),
            ledger_billed=_sum(db, UsageLedger, "billed_pusd", organization),
            cells_billed=_sum(db, ClientLiveCounter, "billed_pusd", organization),
            entries=UsageLedger.select()
            .where(UsageLedger.organization_id == organization)
            .bind(db)
            .count(),
            requests=_sum(db, ClientLiveCounter, "requests", organization),
        )


def state_of(db: Database, hold_id: str) -> HoldState | None:
    row = hold_row(db, hold_id)
    return None if row is None else HoldState(row.state)


def hold_row(db: Database, hold_id: str) -> UsageHold | None:
    with session(db):
        return UsageHold.select().where(UsageHold.id == hold_id).bind(db).first()


def eventually(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Wait for another thread's or process's doing that tells nobody."""
    give_up_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_at, "it never happened"
        time.sleep(0.01)


def _sum(db: Database, model: type, column: str, organization: str, *conditions: object) -> int:
    query = model.select(fn.COALESCE(fn.SUM(getattr(model, column)), 0)).where(
        model.organization_id == organization, *conditions
    )
    return int(query.bind(db).scalar())

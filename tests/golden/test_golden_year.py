"""Our books of the golden year beside what DuckDB makes of the provider's bill."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from peewee import Database, fn

from mai_usage_ext.metering.daily import SUMS
from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientLiveCounter,
    ClientModelDailyUsage,
    ClientMonthTotal,
    ClientUserDailyUsage,
    UsageLedger,
)
from mai_usage_ext.storage.sessions import session
from tests.golden.fixtures import GoldenYear
from tests.golden.plan import DELETED, MOVE

Rows = dict[tuple[str, ...], UsageTally]

pytestmark = pytest.mark.slow


@pytest.fixture
def db(golden_year: GoldenYear) -> Iterator[Database]:
    database = open_database(golden_year.url)
    yield database
    close_database(database)


def rows_of(db: Database, model: Any, *names: str, **more: str) -> Rows:
    """The table added up by some of its columns; ``more`` are further sums of it."""
    columns = [getattr(model, name) for name in names]
    sums = [fn.SUM(getattr(model, name)) for name in (*SUMS, *more)]
    query = model.select(*columns, *sums).group_by(*columns)
    with session(db):
        found = [list(row) for row in query.tuples().bind(db)]
    n = len(names)
    return {
        tuple(map(str, row[:n])): UsageTally.of(
            tuple(map(int, row[n : n + len(SUMS)])),
            **dict(zip(more.values(), map(int, row[n + len(SUMS) :]), strict=True)),
        )
        for row in found
    }


def without_tasks(tallies: Rows) -> Rows:
    """As a table has them that does not know what calls were for."""
    return {
        key: UsageTally.of(tuple(getattr(tally, name) for name in SUMS))
        for key, tally in tallies.items()
    }


def bill_of(golden_year: GoldenYear) -> list[dict[str, Any]]:
    text = (golden_year.folder / "bill.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_sealed_days(golden_year: GoldenYear, db: Database) -> None:
    tasks = {"task_requests": "task_requests", "task_billed_pusd": "task_billed_pusd"}
    found = rows_of(db, ClientDailyUsage, "organization_id", "day", **tasks)
    assert found == golden_year.tallies(("organization", "day"), where=golden_year.is_sealed)
    assert len(found) > 400


def test_sealed_days_of_users(golden_year: GoldenYear, db: Database) -> None:
    found = rows_of(db, ClientUserDailyUsage, "organization_id", "day", "user_id")
    wanted = golden_year.tallies(("organization", "day", "user"), where=golden_year.is_sealed)
    assert found == without_tasks(wanted)


def test_sealed_days_of_models(golden_year: GoldenYear, db: Database) -> None:
    found = rows_of(db, ClientModelDailyUsage, "organization_id", "day", "model", "provider")
    wanted = golden_year.tallies(
        ("organization", "day", "model", "provider"), where=golden_year.is_sealed
    )
    assert found == without_tasks(wanted)


def test_live_days(golden_year: GoldenYear, db: Database) -> None:
    names = ("organization_id", "day", "user_id", "model", "provider", "purpose")
    found = rows_of(db, ClientLiveCounter, *names)
    dimensions = ("organization", "day", "user", "model", "provider", "purpose")
    assert found == without_tasks(
        golden_year.tallies(dimensions, where=f"NOT ({golden_year.is_sealed})")
    )
    begin = dict(zip(golden_year.ids, golden_year.live_from, strict=True))
    assert {(key[0], min(key[1], str(begin[key[0]]))) for key in found} == {
        (organization, str(day)) for organization, day in begin.items()
    }


def test_every_single_call(golden_year: GoldenYear, db: Database) -> None:
    """The ledger by everything it tells calls apart by."""
    entry: Any = UsageLedger
    keys = (
        entry.organization_id, entry.day, entry.user_id, entry.model, entry.provider, entry.purpose
    )  # fmt: skip
    amounts = (fn.COUNT(entry.generation_id), fn.SUM(entry.raw_pusd), fn.SUM(entry.billed_pusd))
    with session(db):
        rows = list(entry.select(*keys, *amounts).group_by(*keys).tuples().bind(db))
    found = {tuple(map(str, row[:6])): tuple(map(int, row[6:])) for row in rows}
    dimensions = ("organization", "day", "user", "model", "provider", "purpose")
    assert found == {
        key: (tally.requests, tally.raw_pusd, tally.billed_pusd)
        for key, tally in golden_year.tallies(dimensions).items()
    }


def test_month_totals(golden_year: GoldenYear, db: Database) -> None:
    total: Any = ClientMonthTotal
    query = total.select(total.organization_id, total.month, total.spent_pusd, total.held_pusd)
    with session(db):
        rows = list(query.where(total.user_id == "").tuples().bind(db))
    assert {(row[0], row[1]): row[2:] for row in rows} == {
        key: (tally.billed_pusd, 0)
        for key, tally in golden_year.tallies(("organization", "month")).items()
    }


def test_all_of_the_bill_is_in_it(golden_year: GoldenYear) -> None:
    """The script itself leaves no call out and takes none twice."""
    bill = bill_of(golden_year)
    [(_, total)] = golden_year.sums().items()
    assert total.requests == len(bill) > 1_900
    assert total.raw == sum((Decimal(record["spend"]) for record in bill), Decimal(0))
    dimensions = ("organization", "day", "week", "month", "user", "model", "provider", "purpose")
    for some in combinations(dimensions, 2):
        parts = golden_year.sums(some).values()
        assert sum(part.requests for part in parts) == total.requests
        assert sum((part.billed for part in parts), Decimal(0)) == total.billed


def test_it_has_what_makes_years_difficult(golden_year: GoldenYear, db: Database) -> None:
    [(_, total)] = golden_year.sums().items()
    assert min(total.failures, total.cancelled, total.cached_tokens, total.reasoning_tokens) > 0
    kiwi, wisla, sunset = golden_year.ids
    users: dict[str, set[str]] = {organization: set() for organization in golden_year.ids}
    for organization, user in golden_year.sums(("organization", "user")):
        users[organization].add(user)
    assert MOVE[0] in users[kiwi] & users[sunset]
    assert DELETED[0] not in users[wisla]
    assert any(user.startswith("deleted-") for user in users[wisla])
    assert "" in users[kiwi] | users[wisla] | users[sunset]
    days = golden_year.sums(("organization", "day"))
    changes = {
        kiwi: ("2024-04-07", "2024-09-29"),
        wisla: ("2024-03-31", "2024-10-27"),
        sunset: ("2024-03-10", "2024-11-03"),
    }
    for organization, of_clocks in changes.items():
        for day in (*of_clocks, "2024-02-29", "2024-03-01", "2024-12-31"):
            if day in of_clocks or day != "2024-12-31":
                assert days[organization, day].requests > 0, day
    assert golden_year.sums(("purpose",))["reconciliation",].requests > 20
    bill = bill_of(golden_year)
    assert sum(record["is_byok"] for record in bill) > 50
    with session(db):
        late = UsageLedger.select().where(
            UsageLedger.booked_at_ms - UsageLedger.at_ms > 7 * 86_400_000
        )
        assert late.bind(db).count() > 20

"""Files of the golden year, read back by other programs, beside the script's sums."""

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.golden.files import Row, instant_of, rows_of
from tests.golden.fixtures import GoldenYear
from tests.golden.measures import has_tasks, measures_of
from tests.golden.office import Office, open_office
from tests.golden.sums import Sums

pytestmark = pytest.mark.slow

YEAR = ("2024-01-01", "2024-12-31")
FORMATS = ("csv", "jsonl", "xlsx", "parquet")
# The columns of each report that tell its rows apart, and what the script calls them.
REPORTS = {
    "daily": {"client_id": "organization", "date": "day"},
    "monthly": {"client_id": "organization", "month": "month"},
    "by-user": {"client_id": "organization", "user_id": "user"},
    "by-model": {"client_id": "organization", "model_name": "model", "provider": "provider"},
    "by-purpose": {"client_id": "organization", "purpose": "purpose"},
    "user-model": {"client_id": "organization", "user_id": "user", "model_name": "model"},
}
COUNTS = {
    "total_requests": "total_requests",
    "failures": "failures",
    "cancelled": "cancelled",
    "task_requests": "task_requests",
    "total_tokens": "total_tokens",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
    "cached_tokens": "cached_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "mean_first_byte_ms": "first_byte_ms",
}
MONEY = {
    "raw_cost": "raw_cost",
    "markup_cost": "markup_cost",
    "profit": "profit",
    "profit_margin_percent": "profit_margin_percent",
}
FOCUS_COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")


@pytest.fixture(scope="module")
def office(golden_year: GoldenYear) -> Iterator[Office]:
    with open_office(golden_year.url) as opened:
        yield opened


def exported(
    office: Office,
    folder: Path,
    report: str,
    kind: str,
    *,
    days: tuple[str, str] = YEAR,
    user: str | None = None,
    client_id: str | None = None,
) -> list[Row]:
    """As admins get it, or a ``user`` of their own organization."""
    path = "/usage/export" if user is None else "/usage/my-organization/export"
    wanted: dict[str, Any] = {"report": report, "since": days[0], "until": days[1]}
    wanted |= {"client_id": client_id, "user": user or "admin"}
    names: list[str] = []
    if kind == "xlsx":
        head = office.answer(path, format="csv", **wanted).text.partition("\r\n")[0]
        names = head.split(",")
    data = office.answer(path, format=kind, **wanted).content
    return rows_of(data, kind, folder, names)


def where_of(days: tuple[str, str]) -> str:
    return f"day BETWEEN DATE '{days[0]}' AND DATE '{days[1]}'"


def check(
    golden_year: GoldenYear,
    rows: list[Row],
    keys: dict[str, str],
    columns: dict[str, str],
    where: str,
) -> None:
    """Every row once, with every number of it."""
    dimensions = tuple(keys.values())
    tasks = has_tasks(golden_year, dimensions, where)
    wanted = {}
    for key, sums in golden_year.sums(dimensions, where=where).items():
        measures = measures_of(sums, has_tasks=tasks.of(key))
        wanted[key] = {column: measures[name] for column, name in columns.items()}
    found = {
        tuple(_key(name, row[name]) for name in keys): {
            column: Fraction(row[column]) if row[column] else None for column in columns
        }
        for row in rows
    }
    assert found == wanted
    assert len(rows) == len(found)


def _key(name: str, text: str) -> str:
    # A spreadsheet's days begin at midnight.
    return text[:10] if name == "date" else text


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("report", REPORTS)
def test_reports(
    golden_year: GoldenYear, office: Office, tmp_path: Path, report: str, kind: str
) -> None:
    rows = exported(office, tmp_path, report, kind)
    check(golden_year, rows, REPORTS[report], COUNTS | MONEY, where_of(YEAR))
    names = {one.name for one in golden_year.organizations}
    assert {row["client_name"] for row in rows} == names


@pytest.mark.parametrize("user", ["ola", "tama"])
@pytest.mark.parametrize("report", ["daily", "by-user", "user-model"])
def test_own_reports(
    golden_year: GoldenYear, office: Office, tmp_path: Path, report: str, user: str
) -> None:
    """A manager's organization, a member's own rows; what is billed, nothing of what it cost."""
    days = ("2024-10-01", "2024-12-31")
    rows = exported(office, tmp_path, report, "parquet", days=days, user=user)
    number = 1 if user == "ola" else 2
    where = f"{where_of(days)} AND organization = '{golden_year.ids[number]}'"
    if user == "tama":
        where += " AND \"user\" = 'tama'"
    columns = COUNTS | {"cost": "markup_cost"}
    if user == "tama" and report == "daily":
        # One user's days are in a table that does not say what they were for.
        columns.pop("task_requests")
    check(golden_year, rows, REPORTS[report], columns, where)
    assert not {"raw_cost", "profit"} & set(rows[0])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_ledger(golden_year: GoldenYear, office: Office, tmp_path: Path, kind: str) -> None:
    """Call by call beside the provider's bill, and added up by everything there is."""
    rows = exported(office, tmp_path, "ledger", kind)
    columns = {
        "client_id": "organization",
        "date": "day",
        "user_id": "user",
        "model_name": "model",
        "provider": "provider",
        "purpose": "purpose",
    }
    numbers = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
    found: dict[tuple[str, ...], list[Fraction]] = {}
    for row in rows:
        money = [Fraction(row["raw_cost"]), Fraction(row["markup_cost"])]
        assert Fraction(row["profit"]) == money[1] - money[0]
        values = [Fraction(1), *(Fraction(row[name]) for name in numbers), *money]
        sums = found.setdefault(tuple(row[name] for name in columns), [Fraction(0)] * len(values))
        sums[:] = [one + more for one, more in zip(sums, values, strict=True)]
    wanted = golden_year.sums(tuple(columns.values()))
    assert found == {
        key: [
            Fraction(value)
            for value in (
                one.requests,
                one.prompt_tokens,
                one.completion_tokens,
                one.cached_tokens,
                one.reasoning_tokens,
                one.raw,
                one.billed,
            )
        ]
        for key, one in wanted.items()
    }
    adjustments = [row for row in rows if row["purpose"] == "reconciliation"]
    calls = {
        row["generation_id"]: (instant_of(row["at"]), Fraction(row["raw_cost"]))
        for row in rows
        if row["purpose"] != "reconciliation"
    }
    billed = billed_calls(golden_year.folder)
    assert calls == {name: one for name, one in billed.items() if name in calls}
    assert len(calls) + len(adjustments) == len(billed) == len(rows)


def billed_calls(folder: Path) -> dict[str, tuple[datetime, Fraction]]:
    with duckdb.connect() as db:
        columns = "{generation_id: 'VARCHAR', created_at: 'VARCHAR', spend: 'VARCHAR'}"
        rows = db.execute(
            f"SELECT * FROM read_json($file, format = 'newline_delimited', columns = {columns})",
            {"file": str(folder / "bill.jsonl")},
        ).fetchall()
    return {name: (instant_of(at), Fraction(spend)) for name, at, spend in rows}


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        ("csv", YEAR),
        ("jsonl", ("2024-03-25", "2024-04-07")),
        ("xlsx", ("2024-10-25", "2024-11-05")),
        ("parquet", YEAR),
    ],
    ids=FORMATS,
)
def test_focus(
    golden_year: GoldenYear, office: Office, tmp_path: Path, kind: str, days: tuple[str, str]
) -> None:
    """Days and models, and the charge periods are exactly the organizations' days."""
    rows = exported(office, tmp_path, "focus", kind, days=days)
    bounds = day_bounds(golden_year)
    wanted = {
        (organization, *bounds[organization, day], model): focus_numbers(sums)
        for (organization, day, model), sums in golden_year.sums(
            ("organization", "day", "model"), where=where_of(days)
        ).items()
    }
    found = {
        (
            row["BillingAccountId"],
            instant_of(row["ChargePeriodStart"]),
            instant_of(row["ChargePeriodEnd"]),
            row["ResourceId"],
        ): {name: Fraction(row[name]) for name in focus_numbers_of_row()}
        for row in rows
    }
    assert found == wanted
    assert len(rows) == len(found)
    assert {row["BillingCurrency"] for row in rows} == {"USD"}


def focus_numbers_of_row() -> tuple[str, ...]:
    return (
        *FOCUS_COSTS,
        "ConsumedQuantity",
        "PricingQuantity",
        "x_Requests",
        "x_PromptTokens",
        "x_CompletionTokens",
        "x_CachedTokens",
        "x_ReasoningTokens",
    )


def focus_numbers(sums: Sums) -> dict[str, Fraction]:
    tokens = sums.prompt_tokens + sums.completion_tokens
    counts = (
        tokens,
        tokens,
        sums.requests,
        sums.prompt_tokens,
        sums.completion_tokens,
        sums.cached_tokens,
        sums.reasoning_tokens,
    )
    values = [*[Fraction(sums.billed)] * len(FOCUS_COSTS), *map(Fraction, counts)]
    return dict(zip(focus_numbers_of_row(), values, strict=True))


def day_bounds(golden_year: GoldenYear) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    """Midnights of every organization's days in UTC, as DuckDB knows the zones."""
    bounds = {}
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        for organization, one in zip(golden_year.ids, golden_year.organizations, strict=True):
            rows = db.execute(
                "SELECT CAST(CAST(day AS DATE) AS VARCHAR), CAST(timezone($zone, day) AS VARCHAR), "
                "CAST(timezone($zone, day + INTERVAL 1 DAY) AS VARCHAR) FROM generate_series("
                "TIMESTAMP '2024-01-01', TIMESTAMP '2024-12-31', INTERVAL 1 DAY) AS days(day)",
                {"zone": one.time_zone},
            ).fetchall()
            for day, start, end in rows:
                bounds[organization, day] = instant_of(start), instant_of(end)
    return bounds


def test_months_of_focus(golden_year: GoldenYear, office: Office, tmp_path: Path) -> None:
    """What a client sums up by billing period, exactly as statements count months."""
    exported(office, tmp_path, "focus", "csv")
    zones = dict(
        zip(golden_year.ids, [one.time_zone for one in golden_year.organizations], strict=True)
    )
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        rows = db.execute(
            "SELECT BillingAccountId, CAST(BillingPeriodStart AS TIMESTAMPTZ), "
            "sum(CAST(BilledCost AS DECIMAL(38, 12))) FROM read_csv($file, all_varchar = true) "
            "GROUP BY ALL",
            {"file": str(tmp_path / "export.csv")},
        ).fetchall()
        found = {}
        for organization, start, billed in rows:
            local = db.execute(
                "SELECT CAST(timezone($zone, $start) AS VARCHAR)",
                {"zone": zones[organization], "start": start},
            ).fetchall()[0][0]
            assert local.endswith("-01 00:00:00"), local
            found[organization, local[:7]] = billed
    assert found == {
        key: sums.billed for key, sums in golden_year.sums(("organization", "month")).items()
    }


def test_of_one_organization_and_a_month(
    golden_year: GoldenYear, office: Office, tmp_path: Path
) -> None:
    days = ("2024-02-01", "2024-02-29")
    for organization in golden_year.ids:
        rows = exported(office, tmp_path, "daily", "csv", days=days, client_id=organization)
        where = f"{where_of(days)} AND organization = '{organization}'"
        check(golden_year, rows, REPORTS["daily"], COUNTS | MONEY, where)

"""Any report as a file: columns, whose rows, whose money, and what is refused before it begins."""

import csv
import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from peewee import Database

from mai_usage_ext.bootstrap.exports import exports_of
from mai_usage_ext.errors import BadInput, NotFound
from mai_usage_ext.exports import FORMATS
from mai_usage_ext.ports import HostUser
from mai_usage_ext.services.exports import GROUPED, REPORTS, ExportRequest, Exports
from mai_usage_ext.services.usage_ranges import RangeText
from mai_usage_ext.settings import SETTINGS
from mai_usage_ext.storage.models import UsageLedger
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.sessions import session
from mai_usage_ext.storage.writer import LedgerWriter
from tests.services.office import People
from tests.storage.samples import AT_MS, DAY, make_entry, make_hold, make_organization

JANUARY = RangeText(since="2026-01-01", until="2026-01-31")
MONEY = {"raw_cost", "markup_cost", "profit", "profit_margin_percent", "markup_rate", "fixed_fee"}


@pytest.fixture
def exports(db: Database) -> Exports:
    users = {"ada": HostUser(id="ada", name="=Ada", email="ada@example.com")}
    return exports_of(db, organizations=OrganizationRows(db), users=People(users))


@pytest.fixture
def clients(db: Database) -> list[str]:
    """Two organizations with calls of a user, of one who was deleted, and of nobody."""
    ids = [make_organization(db, "Acme, Inc."), make_organization(db, "Beta")]
    writer = LedgerWriter(db, owner="books")
    writer.start()
    for number in range(30):
        hold = make_hold(
            ids[number % 2],
            user_id=("ada", "gone", None)[number % 3],
            model=f"acme/model-{number % 4}",
            purpose=("chat", "title_generation")[number % 5 == 0],
            day=DAY.replace(day=1 + number),
            at_ms=AT_MS + number,
        )
        entry = make_entry(hold, raw_pusd=10**9 + number, billed_pusd=13 * 10**8 + number)
        writer.place(hold).result(10)
        writer.settle(hold, entry).result(10)
    writer.stop(5)
    return ids


def request(report: str | None = None, **options: Any) -> ExportRequest:
    return ExportRequest(**{"is_admin": True, "report": report, "days": JANUARY, **options})


def rows_of(exports: Exports, wanted: ExportRequest) -> list[dict[str, str]]:
    data = b"".join(exports.open(wanted).chunks)
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@pytest.mark.parametrize("report", [name for name in REPORTS if name != "focus"])
def test_every_report_adds_up_to_what_the_ledger_holds(
    db: Database, exports: Exports, clients: list[str], report: str
) -> None:
    with session(db):
        entries = list(UsageLedger.select().bind(db))
    rows = rows_of(exports, request(report))
    assert {row["client_id"]: row["client_name"] for row in rows} == {
        clients[0]: "Acme, Inc.",
        clients[1]: "Beta",
    }
    for column, field in (("raw_cost", "raw_pusd"), ("markup_cost", "billed_pusd")):
        expected = sum(getattr(entry, field) for entry in entries)
        assert sum(Decimal(row[column]) for row in rows) == Decimal(expected).scaleb(-12)
    assert sum(int(row["prompt_tokens"]) for row in rows) == 30 * 8174
    if report != "ledger":
        assert sum(int(row["total_requests"]) for row in rows) == 30


@pytest.mark.parametrize("report", [name for name in REPORTS if name != "focus"])
def test_others_than_admins_see_billed_money_only(
    exports: Exports, clients: list[str], report: str
) -> None:
    theirs = request(report, is_admin=False, organization_id=clients[0])
    rows, all_rows = rows_of(exports, theirs), rows_of(exports, request(report))
    assert rows
    assert not rows[0].keys() & MONEY
    assert all_rows[0].keys() & MONEY
    billed = [Decimal(row["markup_cost"]) for row in all_rows if row["client_id"] == clients[0]]
    assert sum(Decimal(row["cost"]) for row in rows) == sum(billed)


@pytest.mark.parametrize("report", ["daily", "by-user", "by-model", "user-model", "ledger"])
def test_a_member_sees_the_own_rows(exports: Exports, clients: list[str], report: str) -> None:
    mine = request(report, is_admin=False, organization_id=clients[0], user_id="ada")
    rows = rows_of(exports, mine)
    calls = len(rows) if report == "ledger" else sum(int(row["total_requests"]) for row in rows)
    assert calls == 5
    assert {row.get("user_id", "ada") for row in rows} == {"ada"}


def test_people_have_names(exports: Exports, clients: list[str]) -> None:
    rows = rows_of(exports, request("by-user", organization_id=clients[0]))
    assert [(row["user_id"], row["user_name"], row["user_email"]) for row in rows] == [
        ("", "unknown user", ""),
        ("ada", "'=Ada", "ada@example.com"),
        ("gone", "deleted user", ""),
    ]


def test_groupings_instead_of_a_report(exports: Exports, clients: list[str]) -> None:
    export = exports.open(request(group_by="week, model", organization_id=clients[1]))
    assert export.file_name == "beta_week-model_2026-01-01_2026-01-31.csv"
    names = [column.name for column in export.table.columns]
    assert names[:4] == ["client_id", "client_name", "week", "model_name"]
    assert next(row[2] for row in export.table.rows) == "2026-W01"


def test_names_of_files(exports: Exports, clients: list[str]) -> None:
    for name, form in FORMATS.items():
        export = exports.open(request("ledger", format=name))
        assert export.file_name == f"all-organizations_ledger_2026-01-01_2026-01-31.{name}"
        assert export.content_type == form.content_type
        assert export.table.expected_rows == 30
    wanted = request(organization_id=clients[0])
    assert exports.open(wanted).file_name.startswith("acme-inc_daily_")


def test_without_days_it_is_the_month_so_far(exports: Exports, clients: list[str]) -> None:
    name = exports.open(request(days=RangeText())).file_name
    found = re.fullmatch(r"all-organizations_daily_(\d{4}-\d\d)-01_(\d{4}-\d\d)-\d\d.csv", name)
    assert found is not None
    assert found[1] == found[2]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"report": "weekly"}, "report"),
        ({"report": ""}, None),
        ({"report": "daily", "group_by": "day"}, "group_by"),
        ({"group_by": ""}, "group_by"),
        ({"group_by": "day,day"}, "group_by"),
        ({"group_by": "day,user,model"}, "group_by"),
        ({"group_by": "organization"}, "group_by"),
        ({"group_by": "hour"}, "group_by"),
        ({"format": "pdf"}, "format"),
        ({"format": ""}, "format"),
        ({"format": "CSV"}, "format"),
        ({"delimiter": "|"}, "delimiter"),
        ({"format": "xlsx", "has_bom": True}, "bom"),
        ({"format": "jsonl", "delimiter": "semicolon"}, "delimiter"),
        ({"days": RangeText(since="2026-02-01", until="2026-01-01")}, "to"),
        ({"days": RangeText(since="0001-01-01", until="9999-12-31")}, "from"),
        ({"days": RangeText(since="2026-02-30")}, "from"),
        ({"days": RangeText(days_back=0)}, "days_back"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_written(
    exports: Exports, options: dict[str, Any], field: str | None
) -> None:
    if field is None:
        assert exports.open(request(**options)).table.name == "daily"
        return
    with pytest.raises(BadInput) as refused:
        exports.open(request(**options))
    assert refused.value.field == field


def test_an_organization_that_is_not_there(exports: Exports) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        exports.open(request(organization_id="nobody"))


def test_the_first_row_is_read_before_the_first_byte(exports: Exports, clients: list[str]) -> None:
    class Broken:
        def lines(self, _query: object) -> Iterator[Any]:
            raise OSError("the disk is gone")
            yield

    object.__setattr__(exports, "_lines", Broken())
    with pytest.raises(OSError, match="the disk is gone"):
        exports.open(request("daily"))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_duckdb_sums_up_what_the_database_holds(
    db: Database, exports: Exports, clients: list[str], form: str, tmp_path: Path
) -> None:
    export = exports.open(request("ledger", format=form))
    file = tmp_path / export.file_name
    file.write_bytes(b"".join(export.chunks))
    reader = {"csv": "read_csv", "jsonl": "read_json", "parquet": "read_parquet"}[form]
    with duckdb.connect() as duck:
        found = duck.execute(
            "SELECT client_id, count(*), sum(markup_cost::DECIMAL(38,12)), sum(prompt_tokens)"
            f" FROM {reader}(?) GROUP BY 1 ORDER BY 1",
            [str(file)],
        ).fetchall()
    with session(db):
        entries = list(UsageLedger.select().bind(db))
    expected = [
        (
            client,
            len(mine := [entry for entry in entries if entry.organization_id == client]),
            Decimal(sum(entry.billed_pusd for entry in mine)).scaleb(-12),
            sum(entry.prompt_tokens for entry in mine),
        )
        for client in sorted(clients)
    ]
    assert found == expected


def test_focus_holds_the_same_money(exports: Exports, clients: list[str]) -> None:
    rows = rows_of(exports, request("focus", is_admin=False, organization_id=clients[0]))
    daily = rows_of(exports, request("daily", organization_id=clients[0]))
    billed = sum(Decimal(row["BilledCost"]) for row in rows)
    assert billed == sum(Decimal(row["markup_cost"]) for row in daily)
    assert {json.loads(row["Tags"])["mai-usage/organization"] for row in rows} == {"acme-inc"}


def test_the_settings_know_every_report_and_format() -> None:
    parse = {setting.name: setting.parse for setting in SETTINGS}
    assert parse["MAI_USAGE_EXPORT_REPORTS"](",".join(REPORTS)) == REPORTS
    assert parse["MAI_USAGE_EXPORT_FORMATS"](",".join(FORMATS)) == tuple(FORMATS)
    assert set(GROUPED) < set(REPORTS)

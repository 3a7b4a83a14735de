"""The two routes of exports: what they answer, and what they refuse before the first byte."""

import csv
import io
import json
import sys
import zipfile
from typing import Any

import pytest

from tests.api.office import Office

ALL, OWN = "/usage/export", "/usage/my-organization/export"
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


@pytest.mark.parametrize("path", [ALL, OWN])
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_each_format(shared_office: Office, path: str, name: str) -> None:
    user = "admin" if path == ALL else "anna"
    answer = shared_office.ask(user, "GET", path, params={"format": name, "report": "ledger"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, FORMATS[name])
    disposition = answer.headers["content-disposition"]
    whose = "all-organizations" if path == ALL else "bakery"
    assert disposition.startswith(f'attachment; filename="{whose}_ledger_')
    assert disposition.endswith(f'.{name}"')
    assert answer.headers["cache-control"] == "no-store"
    starts = {"json": b"[\n{", "jsonl": b"{", "xlsx": b"PK", "parquet": b"PAR1"}
    assert answer.content.startswith(starts.get(name, b"client_id,"))
    if name == "xlsx":
        assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None


def test_on_both_databases(any_office: Office) -> None:
    for report in ("daily", "ledger", "focus", "user-model"):
        assert len(rows_of(any_office.ask("admin", "GET", ALL, params={"report": report}))) == 3


def test_mais_own_parameters(shared_office: Office) -> None:
    params = {"client_id": shared_office.places["studio"], "format": "json"}
    answer = shared_office.ask("admin", "GET", ALL, params=params)
    [row] = json.loads(answer.content)
    assert row["client_name"] == "Studio'; --"
    assert (row["total_tokens"], row["total_requests"]) == (8204, 1)
    assert (row["raw_cost"], row["markup_cost"]) == ("0.000326960001", "0.000425048001")
    days = {"start_date": "2020-01-01", "end_date": "2020-01-31"}
    assert (
        rows_of(shared_office.ask("admin", "GET", ALL, params={**params, **days, "format": "csv"}))
        == []
    )


def test_a_manager_sees_all_and_a_member_the_own_rows(shared_office: Office) -> None:
    for report in ("by-user", "by-model", "ledger", "focus"):
        params = {"report": report}
        of_all = rows_of(shared_office.ask("anna", "GET", OWN, params=params))
        own = rows_of(shared_office.ask("boris", "GET", OWN, params=params))
        # The one call is nobody's.
        assert (len(of_all), len(own)) == (1, 0)
        assert not {name for name in of_all[0] if "raw" in name or "markup" in name}


def test_csv_as_one_likes_it(shared_office: Office) -> None:
    answer = shared_office.ask(
        "admin", "GET", ALL, params={"bom": "true", "delimiter": "semicolon"}
    )
    assert answer.content.startswith("\ufeffclient_id;client_name;date;".encode())


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"report": "weekly"}, "report"),
        ({"report": "x" * 50}, "report"),
        ({"report": "daily", "group_by": "day"}, "group_by"),
        ({"group_by": "day,hour"}, "group_by"),
        ({"format": "pdf"}, "format"),
        ({"format": "c\0sv"}, "format"),
        ({"from": "2026-02-01", "to": "2026-01-31"}, "to"),
        ({"from": "1999-01-01"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "9" * 20}, "from"),
        ({"start_date": "2026-13-01"}, "start_date"),
        ({"days_back": "0"}, "days_back"),
        ({"days_back": "many"}, "days_back"),
        ({"bom": "perhaps"}, "bom"),
        ({"format": "xlsx", "bom": "true"}, "bom"),
        ({"delimiter": "tab"}, "delimiter"),
    ],
)
@pytest.mark.parametrize(("path", "user"), [(ALL, "admin"), (OWN, "anna"), (OWN, "boris")])
def test_what_is_wrong_is_a_problem_that_names_it(
    shared_office: Office, path: str, user: str, params: dict[str, str], field: str
) -> None:
    answer = shared_office.ask(user, "GET", path, params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_what_is_not_there(shared_office: Office) -> None:
    assert shared_office.ask("admin", "GET", ALL, params={"client_id": "nobody"}).status_code == 404
    assert shared_office.ask("eve", "GET", OWN).status_code == 404
    assert shared_office.ask("anna", "GET", ALL, params={"format": "pdf"}).status_code == 404
    # Nobody chooses another organization than the own.
    params = {"client_id": shared_office.places["studio"]}
    [row] = rows_of(shared_office.ask("anna", "GET", OWN, params=params))
    assert row["client_id"] == shared_office.places["bakery"]


def test_where_pyarrow_is_missing_it_says_so(
    shared_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = shared_office.ask("admin", "GET", ALL, params={"format": "parquet"})
    assert answer.status_code == 409
    assert "mai-usage-ext[parquet]" in answer.json()["detail"]

"""Members: what cannot be used is refused by its field, and nothing is written."""

from typing import Any

import pytest

from tests.api.office import Office
from tests.api.refusals import Refusal, refused

BAD_LIMITS: tuple[Any, ...] = (-1, "NaN", "9000000.01", "0.0000000000001", "1,5", "", True, [])
FIELDS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("client_org_id", ("nobody", "unassigned", "", 1, None, "x" * 300)),
    ("role", ("admin", "", "Manager", 1, None)),
    ("monthly_limit", BAD_LIMITS),
    ("openrouter_user_id", ("", "a b", "ż", "x" * 129, 1)),
    (
        "effective_from",
        ("2020-01-01T00:00:00Z", "2999-01-01", "2999-01-01T00:00:00", "soon", "", 1, True),
    ),
    ("organization", ("bakery",)),
)


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in FIELDS for value in values],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_field_of_a_member(shared_office: Office, method: str, field: str, value: Any) -> None:
    body = {"client_org_id": shared_office.places["studio"], field: value}
    path = "/user-mappings/anna"
    if method == "POST":
        path, body["user_id"] = "/user-mappings", "anna"
    refused(shared_office, Refusal(method, path, field=field, json=body))


@pytest.mark.parametrize("user_id", ["nobody", "", " anna", "x" * 300, 1, None, "' OR 1=1 --"])
def test_a_user_whom_the_host_does_not_know(shared_office: Office, user_id: Any) -> None:
    body = {"user_id": user_id, "client_org_id": "{bakery}"}
    refused(shared_office, Refusal("POST", "/user-mappings", field="user_id", json=body))


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("POST", "/user-mappings", json={"user_id": "eve"}, field="client_org_id"),
        Refusal("POST", "/user-mappings", json={"client_org_id": "{bakery}"}, field="user_id"),
        Refusal(
            "POST",
            "/user-mappings",
            json={"user_id": "boris", "client_org_id": "{bakery}"},
            field="client_org_id",
            status=409,
        ),
        Refusal(
            # Dora's move to the bakery is planned: another one would overlap it.
            "PATCH",
            "/user-mappings/dora",
            json={"client_org_id": "{unkeyed}"},
            field="effective_from",
            status=409,
        ),
        Refusal(
            "PATCH",
            "/user-mappings/dora",
            json={"client_org_id": "{studio}", "effective_from": "2999-01-01T00:00:00Z"},
            field="client_org_id",
            status=409,
        ),
        Refusal(
            "PATCH",
            "/user-mappings/anna",
            json={"role": "member", "effective_from": "2999-01-01T00:00:00Z"},
            field="effective_from",
        ),
        Refusal("PATCH", "/user-mappings/eve", json={"role": "manager"}, status=404),
        Refusal("DELETE", "/user-mappings/eve", status=404),
        Refusal("DELETE", "/user-mappings/anna/planned", status=404),
        Refusal("GET", "/user-mappings", params={"role": "king"}, field="role"),
        Refusal("GET", "/user-mappings", params={"limit": "1000"}, field="limit"),
        Refusal("GET", "/user-mappings", params={"offset": "-1"}, field="offset"),
        Refusal("GET", "/user-mappings", params={"search": "\0"}, field="search"),
    ],
    ids=str,
)
def test_a_members_request(shared_office: Office, refusal: Refusal) -> None:
    refused(shared_office, refusal)


def test_another_users_openrouter_id(shared_office: Office) -> None:
    taken = shared_office.admin("GET", "/user-mappings/chen")["mapping"]["openrouter_user_id"]
    body = {"openrouter_user_id": taken}
    problem = Refusal(
        "PATCH", "/user-mappings/anna", field="openrouter_user_id", status=409, json=body
    )
    refused(shared_office, problem)


BAD_ROWS: tuple[tuple[Any, str], ...] = (
    ({}, "user_id"),
    ({"user_id": "nobody", "client_org_id": "bakery"}, "user_id"),
    ({"email": "nobody@example.com", "client_org_id": "bakery"}, "email"),
    ({"user_id": "eve", "client_org_id": "nowhere"}, "client_org_id"),
    ({"user_id": "eve", "client_org_id": ["bakery"]}, "client_org_id"),
    ({"user_id": "eve", "client_org_id": "bakery", "role": "king"}, "role"),
    ({"user_id": "eve", "client_org_id": "bakery", "monthly_limit": -1}, "monthly_limit"),
    ({"user_id": "eve", "client_org_id": "bakery", "colour": "red"}, "colour"),
    ({"user_id": ["eve"], "client_org_id": "bakery"}, "user_id"),
    ({"user_id": "dora", "client_org_id": "unkeyed"}, "effective_from"),
)
GOOD_ROW = {"user_id": "eve", "client_org_id": "studio"}


@pytest.mark.parametrize(("row", "field"), BAD_ROWS)
def test_one_bad_row_keeps_all_rows_out(shared_office: Office, row: Any, field: str) -> None:
    good = {"user_id": "admin", "client_org_id": "studio"}
    refusal = Refusal("POST", "/user-mappings/bulk", field="rows", json=[good, row])
    problem = refused(shared_office, refusal)
    assert f"rows.2.{field}" in {each["field"] for each in problem["errors"]}


@pytest.mark.parametrize("rows", [{}, "eve", 1, [1], ["eve"], [[]], [None], [GOOD_ROW] * 6000])
def test_rows_that_are_none(shared_office: Office, rows: Any) -> None:
    refused(shared_office, Refusal("POST", "/user-mappings/bulk", json=rows))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user_id\n",
        "who,where\neve,bakery\n",
        'user_id,client_org_id\n"eve,bakery\n',
        "user_id,client_org_id\neve\n",
        "user_id,user_id\neve,eve\n",
        "user_id,client_org_id\neve,nowhere\n",
    ],
)
def test_csv_that_cannot_be_read(shared_office: Office, text: str) -> None:
    refusal = Refusal("POST", "/user-mappings/bulk")
    refused(shared_office, refusal, content=text, headers={"content-type": "text/csv"})


@pytest.mark.parametrize("content", [b"user_id\n\xff", b"user_id,client_org_id\neve,\0\n"])
def test_csv_that_is_no_text(shared_office: Office, content: bytes) -> None:
    refusal = Refusal("POST", "/user-mappings/bulk", status=400)
    refused(shared_office, refusal, content=content, headers={"content-type": "text/csv"})


def test_a_dry_run_writes_nothing(shared_office: Office) -> None:
    with shared_office.unchanged():
        rows = [GOOD_ROW, {"user_id": "nobody", "client_org_id": "studio"}]
        answer = shared_office.admin("POST", "/user-mappings/bulk?dry_run=true", json=rows)
    assert (answer["is_written"], answer["is_dry_run"]) == (False, True)
    assert answer["counts"] == {"created": 1, "error": 1}
    assert answer["rows"][1]["errors"][0]["field"] == "user_id"

"""Statements and rates over HTTP: what admins do, what managers see, and what is refused."""

from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from tests.api.office import Office

MEMBERS_ONLY_WORDS = ("markup", "raw", "profit", "limit", "hash", "contacts", "closed_by")


def text_of(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def close(office: Office, month: str, *, expect: int = 201, **body: Any) -> Any:
    path = f"/clients/{office.places['bakery']}/statements/{month}/close"
    return office.admin("POST", path, json={"force_reason": "not compared", **body}, expect=expect)


def test_from_draft_to_statement(any_office: Office) -> None:
    office, month = any_office, any_office.places["open_month"]
    seller = {"seller_name": "Łąka", "statement_prefix": "INV-"}
    office.admin("POST", "/settings", json=seller)
    path = f"/clients/{office.places['bakery']}/statements/{month}"
    draft = office.admin("GET", f"{path}/draft")["statement"]
    assert (draft["state"], draft["number"], draft["closed_at"]) == ("draft", "", None)
    listed = office.admin("GET", "/billing/statements", params={"state": "draft", "month": month})
    assert draft["client_id"] in {one["client_id"] for one in listed["statements"]}
    printed = office.ask("admin", "GET", f"{path}/draft/pdf")
    assert printed.headers["content-type"] == "application/pdf"
    assert "DRAFT" in text_of(printed.content)

    closed = close(office, month)["statement"]
    assert closed["number"].startswith("INV-20")
    assert (closed["state"], closed["seller"]["name"]) == ("closed", "Łąka")
    assert closed["buyer"]["name"] == "Bäckerei <b>"
    # What was stated of the month before is not what its days add up to, so it is corrected.
    [line] = closed["lines"]
    assert (line["kind"], line["billed"]) == ("correction", "-0.005")
    assert (closed["net"], closed["total"]) == ("-0.005", "0.00")
    assert office.admin("GET", f"/billing/statements/{closed['id']}")["statement"] == closed
    pdf = office.ask("admin", "GET", f"/billing/statements/{closed['id']}/pdf")
    assert f'filename="{closed["number"]}.pdf"' in pdf.headers["content-disposition"]
    assert closed["number"] in text_of(pdf.content)
    page = office.admin("GET", "/billing/statements", params={"client_id": closed["client_id"]})
    assert [one["month"] for one in page["statements"]] == [month, office.places["closed_month"]]
    assert page["total"] == 2


def test_a_closed_month_stays_closed(furnished: Office) -> None:
    month = furnished.places["closed_month"]
    with furnished.unchanged():
        assert "never changes" in close(furnished, month, expect=409)["detail"]
        path = f"/clients/{furnished.places['bakery']}/statements/{month}/draft"
        assert furnished.admin("GET", path, expect=409)["errors"][0]["field"] == "month"


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/clients/{bakery}/statements/2026-13/draft", 422, "month"),
        ("/clients/{bakery}/statements/soon/draft", 422, "month"),
        ("/clients/{bakery}/statements/2999-01/draft", 422, "begun"),
        ("/clients/unassigned/statements/2026-01/draft", 422, "client_id"),
        ("/clients/nobody/statements/2026-01/draft", 404, "nobody"),
        ("/billing/statements?month=2026", 422, "month"),
        ("/billing/statements?state=open", 422, "state"),
        ("/billing/statements?state=draft", 422, "month"),
        ("/billing/statements/nothing", 404, "nothing"),
        ("/billing/rates?source=bank", 422, "source"),
    ],
)
def test_questions_that_make_no_sense(
    shared_office: Office, path: str, status: int, word: str
) -> None:
    answer = shared_office.ask("admin", "GET", path.format_map(shared_office.places))
    assert answer.status_code == status
    assert word in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"currency": "ZZZ", "date": "2026-01-31", "rate": "1"}, "currency"),
        ({"currency": "USD", "date": "2026-01-31", "rate": "1"}, "currency"),
        ({"currency": "EUR", "date": "31.1.2026", "rate": "1"}, "date"),
        ({"currency": "EUR", "date": "2999-01-01", "rate": "1"}, "date"),
        ({"currency": "EUR", "date": "2026-01-31", "rate": "-1"}, "rate"),
        ({"currency": "EUR", "date": "2026-01-31", "rate": True}, "rate"),
        ({"currency": "EUR", "date": "2026-01-31"}, "rate"),
    ],
)
def test_rates_that_make_no_sense(shared_office: Office, body: dict[str, Any], field: str) -> None:
    with shared_office.unchanged():
        answer = shared_office.ask("admin", "POST", "/billing/rates", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("seller_email", "nobody"),
        ("seller_address", "\n".join("123456789")),
        ("seller_name", "a\nb"),
        ("statement_prefix", ""),
        ("statement_prefix", "Ł"),
        ("auto_close_statements", "yes"),
        ("auto_close_statements", "2026-13"),
        ("fx_sources", {"EUR": "nbp"}),
        ("fx_sources", {"USD": "ecb"}),
        ("fx_sources", {"EUR": "bank"}),
    ],
)
def test_settings_that_make_no_sense(shared_office: Office, setting: str, value: Any) -> None:
    with shared_office.unchanged():
        answer = shared_office.ask("admin", "POST", "/settings", json={setting: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(setting)


def test_a_rate_is_entered_listed_and_taken_away(furnished: Office) -> None:
    body = {"currency": "EUR", "date": "2026-01-31", "rate": 0.8437, "note": "our bank"}
    made = furnished.admin("POST", "/billing/rates", json=body, expect=201)["rate"]
    assert (made["rate"], made["source"], made["entered_by"]) == ("0.8437", "manual", "admin")
    page = furnished.admin("GET", "/billing/rates", params={"currency": "EUR"})
    assert (page["rates"], page["total"]) == ([made], 1)
    furnished.admin("DELETE", "/billing/rates/EUR/2026-01-31")
    furnished.admin("DELETE", "/billing/rates/EUR/2026-01-31", expect=404)
    assert furnished.admin("GET", "/billing/rates", params={"currency": "EUR"})["total"] == 0


def test_without_a_rate_the_currency_and_the_day_are_named(furnished: Office) -> None:
    path = f"/clients/{furnished.places['bakery']}"
    furnished.admin("PATCH", path, json={"billing_currency": "SEK"})
    answer = close(furnished, furnished.places["open_month"], expect=409)
    assert "there is no rate of SEK for 20" in answer["detail"]
    assert "POST billing/rates" in answer["detail"]


def test_managers_read_their_own_statements_and_no_others(shared_office: Office) -> None:
    office, own = shared_office, "/usage/my-organization/statements"
    statement = office.places["statement"]
    page = office.ask("anna", "GET", own)
    assert page.status_code == 200
    assert page.json()["client_id"] == office.places["bakery"]
    assert [one["id"] for one in page.json()["statements"]] == [statement]
    one = office.ask("anna", "GET", f"{own}/{statement}")
    assert one.json()["statement"]["net"] == "0.005"
    for answer in (page, one):
        assert not any(word in answer.text for word in MEMBERS_ONLY_WORDS)
    pdf = office.ask("anna", "GET", f"{own}/{statement}/pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    assert "S2000-0001" in text_of(pdf.content)
    # A member of it, a manager of another one, somebody who belongs nowhere.
    for user in ("boris", "chen", "eve"):
        for path in (f"{own}/{statement}", f"{own}/{statement}/pdf"):
            assert office.ask(user, "GET", path).status_code == 404, (user, path)
    assert office.ask("boris", "GET", own).status_code == 404
    assert office.ask("chen", "GET", own).json()["statements"] == []
    assert office.ask("anna", "GET", f"{own}/nothing").status_code == 404
    assert office.ask(None, "GET", own).status_code == 401

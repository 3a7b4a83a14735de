"""Organizations and prices: what cannot be used is refused by its field, and nothing is written."""

from typing import Any

import pytest

from tests.api.office import Office
from tests.api.refusals import Refusal, refused

BAD_MONEY: tuple[Any, ...] = (
    -1,
    "-0.01",
    "NaN",
    "Infinity",
    "1e999999999",
    "9000000.01",
    9_000_001,
    "0.0000000000001",
    "1,50",
    "$5",
    "",
    True,
    [],
    {},
)
BAD_RATES: tuple[Any, ...] = (-1, "NaN", "0.99", 0.5, "1000.1", "1.1234567", "", False, None, [1])

CLIENT_FIELDS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("name", ("", " ", 7, None, "x" * 201, "two\nlines", "\u202eright to left")),
    ("slug", ("", "Upper", "with space", "-edge", "x" * 61, 1, None, "sl/ash")),
    ("timezone", ("Mars/Olympus", "", "../etc/passwd", "UTC\n", 1, None, "europe//warsaw")),
    ("billing_currency", ("usd", "US", "EURO", "", 1, None)),
    ("billing_email", ("nobody", 1, "x" * 300 + "@example.com", "two@at@signs", "a b@c.d")),
    ("contacts", ("anna", None, {"name": "x"}, ["x"], [{"phone": 1}], [{"fax": "1"}], [{}] * 21)),
    ("markup_rate", BAD_RATES),
    ("fixed_fee", (*BAD_MONEY, None, "1000.01")),
    ("allow_loss", ("yes", 1, None)),
    ("monthly_limit", BAD_MONEY),
    ("on_limit", ("stop", "", 1, None)),
    ("on_meter_failure", ("panic", "", 1)),
    ("notes", (1, "x" * 10_001)),
    ("is_active", ("false", 0, None)),
    ("id", ("mine",)),
    ("status", ("deactivated",)),
    ("spent", ("0",)),
    ("openrouter_api_key", ("sk-or-v1-" + "a" * 40,)),
)


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in CLIENT_FIELDS for value in values],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_field_of_an_organization(
    shared_office: Office, method: str, field: str, value: Any
) -> None:
    path = "/clients" if method == "POST" else "/clients/{bakery}"
    body = {"name": "Fine", field: value} if method == "POST" else {"notes": "x", field: value}
    refused(shared_office, Refusal(method, path, field=field, json=body))


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("POST", "/clients", json={"markup_rate": 2}, field="name"),
        Refusal(
            "POST", "/clients", json={"name": "x", "provision_key": "no"}, field="provision_key"
        ),
        Refusal("POST", "/clients", json={"name": "x", "slug": "bakery"}, field="slug", status=409),
        Refusal("PATCH", "/clients/{studio}", json={"slug": "bakery"}, field="slug", status=409),
        Refusal("PATCH", "/clients/{bakery}", json={"provision_key": True}, field="provision_key"),
        Refusal(
            "PATCH", "/clients/unassigned", json={"is_active": False}, field="is_active", status=409
        ),
        Refusal("DELETE", "/clients/unassigned", field="is_active", status=409),
        Refusal("GET", "/clients", params={"sort": "secret"}, field="sort"),
        Refusal("GET", "/clients", params={"sort": "name; DROP TABLE x"}, field="sort"),
        Refusal("GET", "/clients", params={"status": "gone"}, field="status"),
        Refusal("GET", "/clients", params={"limit": "201"}, field="limit"),
        Refusal("GET", "/clients", params={"limit": "0"}, field="limit"),
        Refusal("GET", "/clients", params={"offset": "-1"}, field="offset"),
        Refusal("GET", "/clients", params={"offset": "99999999999999999999"}, field="offset"),
        Refusal("GET", "/clients", params={"search": "x" * 201}, field="search"),
        Refusal("GET", "/clients", params={"search": "\0"}, field="search"),
    ],
    ids=str,
)
def test_an_organizations_request(shared_office: Office, refusal: Refusal) -> None:
    refused(shared_office, refusal)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("if_match", "status"),
    [("1", 422), ('"', 422), ('"1", "2"', 422), ('"x"', 422), ("", 422), ('"99"', 412)],
)
def test_a_version_that_is_none(
    shared_office: Office, method: str, if_match: str, status: int
) -> None:
    json = {"json": {"notes": "x"}} if method == "PATCH" else {}
    refusal = Refusal(method, "/clients/{bakery}", field="If-Match", status=status, **json)
    refused(shared_office, refusal, headers={"if-match": if_match})


PRICE_FIELDS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("client_id", ("nobody", 1, "")),
    ("model_pattern", ("", "a b", "a?", "[a]", "x" * 201, "ż", 1, ["a"])),
    ("markup_rate", BAD_RATES),
    ("fixed_fee", (*BAD_MONEY, None)),
    ("unknown", (1,)),
)
RULE_FIELDS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    *PRICE_FIELDS,
    (
        "effective_from",
        (
            "2020-01-01T00:00:00Z",
            "2999-01-01T00:00:00",
            "2999-01-01",
            "2999-13-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "tomorrow",
            "",
            1,
        ),
    ),
    ("allow_loss", ("yes", 1, None)),
)
PREVIEW_FIELDS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    *((field, values) for field, values in PRICE_FIELDS if field != "markup_rate"),
    # To try a loss is not to make one.
    ("markup_rate", tuple(rate for rate in BAD_RATES if rate not in ("0.99", 0.5))),
    ("month", ("2026-13", "2999-01", "0000-01", "2026-1", "2026-01-01", "", 202601)),
)


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (path, field, value)
        for path, fields in (("", RULE_FIELDS), ("/preview", PREVIEW_FIELDS))
        for field, values in fields
        for value in values
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_field_of_a_price(shared_office: Office, path: str, field: str, value: Any) -> None:
    body = {"client_id": shared_office.places["bakery"], "markup_rate": "2", field: value}
    refused(shared_office, Refusal("POST", f"/pricing-rules{path}", field=field, json=body))


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("POST", "/pricing-rules", json={"client_id": None}, field="markup_rate"),
        Refusal("POST", "/pricing-rules/preview", json={"markup_rate": 2}, field="client_id"),
        Refusal(
            "POST",
            "/pricing-rules",
            json={
                "client_id": "{bakery}",
                "markup_rate": 3,
                "effective_from": "2999-01-01T00:00:00Z",
            },
            field="effective_from",
            status=409,
        ),
        Refusal("GET", "/pricing-rules", params={"client_id": "nobody"}, status=404),
        Refusal("DELETE", "/pricing-rules/1", field="rule_id", status=409),
        Refusal("DELETE", "/pricing-rules/x", field="rule_id"),
        Refusal("DELETE", "/pricing-rules/0", field="rule_id"),
        Refusal("DELETE", "/pricing-rules/99999999999999999999", field="rule_id"),
    ],
    ids=str,
)
def test_a_prices_request(shared_office: Office, refusal: Refusal) -> None:
    refused(shared_office, refusal)

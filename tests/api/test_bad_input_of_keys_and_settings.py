"""Keys, settings, audit: what cannot be used is refused by its field, and nothing is written."""

from typing import Any

import pytest

from mai_usage_ext.simulator.auth import new_secret
from tests.api.office import Office
from tests.api.refusals import Refusal, refused

KEY = "/clients/{bakery}/key"
SECRET = "sk-or-v1-" + "5ec2e7" * 8


@pytest.mark.parametrize(
    "value", ["", "short", "x" * 600, "with space " * 3, "ż" * 30, 1, None, ["x"], SECRET]
)
def test_a_key_that_is_none(shared_office: Office, value: Any) -> None:
    refusal = Refusal("PUT", "/clients/{unkeyed}/key", field="key", json={"key": value})
    problem = refused(shared_office, refusal)
    if isinstance(value, str) and len(value) > 5:
        assert value not in str(problem)


def test_the_management_key_is_no_organizations_key(shared_office: Office) -> None:
    body = {"key": shared_office.simulator.management_key}
    refused(shared_office, Refusal("PUT", "/clients/{unkeyed}/key", field="key", json=body))


def test_the_key_of_another_organization(shared_office: Office) -> None:
    key_hash = shared_office.admin("GET", f"/clients/{shared_office.places['studio']}/key")
    keys = shared_office.simulator.service.keys.inference_keys()
    [secret] = [key.secret for key in keys if key.hash == key_hash["key"]["hash"]]
    for place in ("unkeyed", "bakery"):
        refusal = Refusal(
            "PUT", f"/clients/{{{place}}}/key", field="key", status=409, json={"key": secret}
        )
        assert secret not in str(refused(shared_office, refusal))


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("PUT", KEY, json={}, field="key"),
        Refusal("PUT", KEY, json={"key": new_secret(), "label": "x"}, field="label"),
        Refusal("PUT", KEY, json={"key": "{spare}"}, field="key", status=409),
        Refusal("POST", f"{KEY}/provision", field="key", status=409),
        Refusal("POST", "/clients/{unkeyed}/key/rotate", field="key", status=409),
        Refusal("POST", "/clients/{unkeyed}/key/disable", field="key", status=409),
        Refusal("POST", "/clients/{unkeyed}/key/enable", field="key", status=409),
        Refusal("GET", "/keys", params={"limit": "201"}, field="limit"),
        Refusal("GET", "/keys", params={"offset": "-1"}, field="offset"),
        Refusal("GET", "/audit", params={"from": "yesterday"}, field="from"),
        Refusal("GET", "/audit", params={"to": "2026-01-01T00:00:00"}, field="to"),
        Refusal("GET", "/audit", params={"to": "2026-02-30"}, field="to"),
        Refusal("GET", "/audit", params={"from": "9999-99-99"}, field="from"),
        Refusal("GET", "/audit", params={"limit": "1000"}, field="limit"),
        Refusal("GET", "/audit", params={"actor": "x" * 201}, field="actor"),
        Refusal("GET", "/audit", params={"actor": "\0"}, field="actor"),
        Refusal("GET", "/limits/events", params={"limit": "0"}, field="limit"),
    ],
    ids=str,
)
def test_a_request(shared_office: Office, refusal: Refusal) -> None:
    refused(shared_office, refusal)


RULE = {"kind": "group", "value": "Bakers", "client_org_id": "{bakery}"}
SETTINGS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("openrouter_provisioning_key", ("", "with space", "ż" * 30, "*****", 1, "x" * 600)),
    ("default_markup_rate", (-1, "NaN", "0.9", "1000.1", "1.1234567", "", True, [])),
    ("billing_currency", ("usd", "", 1)),
    ("timezone", ("Mars/Olympus", "", 1)),
    ("default_hold", (-1, "NaN", "9000000.01", "0.0000000000001", "", False)),
    ("commit_wait_ms", (0, 60_001, "250", 1.5, True)),
    ("alert_thresholds", ([0], [101], "80", [80.5], ["80"], [True], list(range(1, 20)))),
    ("rate_limit", (0, -1, 1_000_001, "600", 1.5)),
    (
        "assignment_rules",
        (
            "none",
            [{}],
            [RULE, RULE],
            [{**RULE, "kind": "phase of the moon"}],
            [{**RULE, "client_org_id": "nobody"}],
            [{**RULE, "role": "king"}],
            [{**RULE, "colour": "red"}],
            [{**RULE, "kind": "email_domain", "value": "not a domain"}],
        ),
    ),
    ("allow_loss", ("yes", None)),
    ("encryption_keys", ("x" * 40,)),
)


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in SETTINGS for value in values],
    ids=lambda value: repr(value)[:30],
)
def test_a_setting(shared_office: Office, field: str, value: Any) -> None:
    body = {"billing_currency": "EUR", field: value}
    refused(shared_office, Refusal("POST", "/settings", field=field, json=body))


def test_every_bad_setting_is_named_at_once(shared_office: Office) -> None:
    body = {"timezone": "Mars/Olympus", "billing_currency": "euro", "default_hold": "-1"}
    with shared_office.unchanged():
        answer = shared_office.ask("admin", "POST", "/settings", json=body)
    assert answer.status_code == 422
    assert {each["field"] for each in answer.json()["errors"]} == set(body)


@pytest.mark.parametrize(("if_match", "status"), [('"0"', 412), ("nonsense", 422)])
def test_settings_of_another_version(shared_office: Office, if_match: str, status: int) -> None:
    refusal = Refusal("POST", "/settings", json={"rate_limit": 5}, status=status)
    refused(shared_office, refusal, headers={"if-match": if_match})

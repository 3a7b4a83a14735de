"""Organizations from the first request to the last, with their keys at a simulated OpenRouter."""

from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.api.usage import ALIAS
from mai_usage_ext.simulator.auth import ApiKey
from tests.api.office import Office

NAMES = (
    "Robert'); DROP TABLE client_organizations; --",
    '<script>alert("x")</script>',
    "Łódź & Søns {{7*7}} ${7*7} %s %(x)s",
    "' OR '1'='1",
)


def remote(office: Office, client: dict[str, Any]) -> ApiKey:
    """The organization's key as OpenRouter has it."""
    found = office.simulator.service.keys.by_hash(client["key"]["hash"])
    assert found is not None
    return found


def test_the_life_of_an_organization(any_office: Office) -> None:
    body = {
        "name": "Kantine",
        "timezone": "Europe/Warsaw",
        "billing_currency": "PLN",
        "billing_email": "billing@kantine.example",
        "contacts": [{"name": "Ola", "phone": "+48 1"}],
        "markup_rate": 1.5,
        "fixed_fee": "0.000001",
        "monthly_limit": 150.000000000001,
        "on_limit": "block",
        "on_meter_failure": "allow",
        "notes": "two\nlines",
    }
    made = any_office.ask("admin", "POST", "/clients", json=body)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    client = made.json()["client"]
    assert made.json()["success"] is True
    said = {**body, "markup_rate": "1.5", "monthly_limit": "150.000000000001"}
    assert {name: client[name] for name in said} == said
    assert (client["slug"], client["status"], client["is_active"]) == ("kantine", "active", True)
    assert client["key"]["state"] == "active"
    key = remote(any_office, client)
    assert (key.disabled, key.limit_reset) == (False, "monthly")
    # 150 USD billed at 1.5 is 100 USD at OpenRouter, and a little for what lies on the edge.
    first = key.limit
    assert first is not None
    assert first >= Decimal(100)

    path = f"/clients/{client['id']}"
    changed = any_office.ask(
        "admin", "PATCH", path, json={"monthly_limit": "300"}, headers={"if-match": '"1"'}
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["client"]["monthly_limit"] == "300"
    assert changed.headers["etag"] != '"1"'
    second = remote(any_office, client).limit
    assert second is not None
    assert abs(second - 2 * first) < Decimal("0.00001")
    assert changed.headers["etag"] == any_office.ask("admin", "GET", path).headers["etag"]
    outdated = any_office.ask(
        "admin", "PATCH", path, json={"monthly_limit": "1"}, headers={"if-match": '"1"'}
    )
    assert outdated.status_code == 412
    assert (
        any_office.admin("PATCH", path, json={"monthly_limit": None})["client"]["monthly_limit"]
        is None
    )
    assert remote(any_office, client).limit is None

    gone = any_office.admin("DELETE", path)["client"]
    assert (gone["status"], gone["is_active"]) == ("deactivated", False)
    assert gone["deactivated_at"].endswith("Z")
    assert remote(any_office, client).disabled
    assert any_office.admin("GET", path)["client"] == gone
    back = any_office.admin("PATCH", path, json={"is_active": True})["client"]
    assert (back["status"], back["deactivated_at"]) == ("active", None)
    assert not remote(any_office, client).disabled


def test_what_the_first_version_sent(office: Office) -> None:
    """Its first version knew four fields, and numbers only."""
    body = {"name": "Old", "markup_rate": 1.3, "monthly_limit": 50, "billing_email": None}
    made = office.admin("POST", "/clients", json=body, prefix=ALIAS, expect=201)
    assert {"success", "message", "client"} <= set(made)
    assert float(made["client"]["markup_rate"]) == 1.3
    assert float(made["client"]["monthly_limit"]) == 50
    path = f"/clients/{made['client']['id']}"
    assert office.admin("PATCH", path, json={"name": "New"}, prefix=ALIAS)["success"] is True
    assert office.admin("DELETE", path, prefix=ALIAS)["success"] is True


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name(office: Office, name: str) -> None:
    made = office.admin("POST", "/clients", json={"name": name, "notes": name}, expect=201)
    assert made["client"]["name"] == made["client"]["notes"] == name
    found = office.admin("GET", "/clients", params={"search": name})
    assert [client["name"] for client in found["clients"]] == [name]
    shown = office.ask("admin", "GET", f"/clients/{made['client']['id']}")
    assert shown.headers["content-type"] == "application/json"
    assert shown.json()["client"]["name"] == name
    assert office.admin("GET", "/clients")["total"] == 2
    office.admin("POST", f"/clients/{made['client']['id']}/key/rotate")


def test_pages_search_and_order(office: Office) -> None:
    for number in range(5):
        limit = None if number == 0 else str(number)
        body = {"name": f"Firm {number}", "monthly_limit": limit, "provision_key": False}
        office.admin("POST", "/clients", json=body, expect=201)
    office.admin("POST", "/clients", json={"name": "Other", "provision_key": False}, expect=201)

    def names(**params: Any) -> tuple[list[str], int]:
        page = office.admin("GET", "/clients", params=params)
        return [client["name"] for client in page["clients"]], page["total"]

    firms = [f"Firm {number}" for number in range(5)]
    assert names(search="firm") == (firms, 5)
    assert names(search="firm", sort="-name", limit=2) == (["Firm 4", "Firm 3"], 5)
    assert names(search="firm", sort="name", offset=3, limit=2) == (["Firm 3", "Firm 4"], 5)
    assert names(search="firm", sort="-monthly_limit")[0][0] == "Firm 0"
    assert names(search="nothing") == ([], 0)
    assert names(search="%") == ([], 0)
    assert names(search="_") == ([], 0)
    assert names(status="deactivated") == ([], 0)
    last = office.admin("GET", "/clients", params={"search": "Firm 4"})["clients"][0]
    office.admin("DELETE", f"/clients/{last['id']}")
    assert names(status="deactivated") == (["Firm 4"], 1)


@pytest.mark.parametrize("status", [401, 402, 429, 500])
def test_a_key_that_cannot_be_made_undoes_nothing(office: Office, status: int) -> None:
    office.simulator.switch(management_status=status)
    made = office.admin("POST", "/clients", json={"name": "Unlucky"}, expect=201)
    client = made["client"]
    assert client["key"]["state"] == "none"
    assert str(status) in client["key"]["problem"]
    assert f"POST clients/{client['id']}/key/provision" in made["message"]
    path = f"/clients/{client['id']}/key"
    again = office.ask("admin", "POST", f"{path}/provision")
    assert again.status_code in (409, 502), again.text
    office.simulator.service.panel.reset()
    assert office.admin("GET", path)["key"]["state"] == "none"


def test_nothing_at_all_while_openrouter_is_away(office: Office) -> None:
    made = office.admin("POST", "/clients", json={"name": "Alone"}, expect=201)["client"]
    office.simulator.switch(management_status=503)
    path = f"/clients/{made['id']}"
    changed = office.admin("PATCH", path, json={"monthly_limit": "5"})["client"]
    assert changed["monthly_limit"] == "5"
    assert "503" in changed["key"]["problem"]
    assert office.admin("DELETE", path)["client"]["status"] == "deactivated"
    office.simulator.service.panel.reset()
    report = office.admin("POST", "/keys/check")["report"]
    assert [finding["kind"] for finding in report["findings"]] == ["repaired"]
    assert remote(office, made).disabled
    assert office.admin("GET", path)["client"]["key"]["problem"] is None


class TestWithoutManagementKey:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return {"OPENROUTER_PROVISIONING_KEY": ""}

    def test_an_organization_is_made_without_a_key(self, office: Office) -> None:
        made = office.admin("POST", "/clients", json={"name": "Plain"}, expect=201)
        assert made["client"]["key"]["state"] == "none"
        assert made["client"]["key"]["problem"] is None
        path = f"/clients/{made['client']['id']}/key/provision"
        refused = office.ask("admin", "POST", path)
        assert (refused.status_code, refused.json()["title"]) == (409, "Not configured")
        assert "OPENROUTER_PROVISIONING_KEY" in refused.json()["detail"]
        checked = office.admin("POST", "/keys/check")
        assert (checked["success"], checked["report"]["was_run"]) == (False, False)

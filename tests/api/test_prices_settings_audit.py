"""Prices, settings, the audit trail and limit events over the API."""

from datetime import UTC, datetime, timedelta

from tests.api.office import Office


def test_a_price_from_its_plan_to_its_end(any_office: Office) -> None:
    bakery = any_office.places["bakery"]
    body = {
        "client_id": bakery,
        "model_pattern": "acme/*",
        "markup_rate": 0.9,
        "fixed_fee": "0.002",
        "allow_loss": True,
        "effective_from": "2998-06-01T00:00:00+02:00",
    }
    rule = any_office.admin("POST", "/pricing-rules", json=body, expect=201)["rule"]
    assert (rule["markup_rate"], rule["fixed_fee"]) == ("0.9", "0.002")
    assert rule["effective_from"] == "2998-05-31T22:00:00.000Z"
    rules = any_office.admin("GET", "/pricing-rules", params={"client_id": bakery})
    assert rule in rules["rules"]
    assert {each["client_id"] for each in rules["rules"]} == {bakery}
    assert any_office.admin("DELETE", f"/pricing-rules/{rule['id']}")["success"] is True
    assert rule not in any_office.admin("GET", "/pricing-rules")["rules"]


def test_a_price_for_everybody(furnished: Office) -> None:
    rule = furnished.admin("POST", "/pricing-rules", json={"markup_rate": 2}, expect=201)["rule"]
    assert rule["client_id"] is None
    assert rule in furnished.admin("GET", "/pricing-rules")["rules"]


def test_a_preview_of_this_month(any_office: Office) -> None:
    """Each organization has one call of 0.000326960001 USD raw, billed as 0.000425048001."""
    body = {
        "client_id": any_office.places["studio"],
        "markup_rate": "2",
        "fixed_fee": "0.01",
        "month": f"{datetime.now(UTC):%Y-%m}",
    }
    with any_office.unchanged():
        preview = any_office.admin("POST", "/pricing-rules/preview", json=body)
    [model] = preview["models"]
    assert (model["model"], model["requests"]) == ("acme/model-1", 1)
    assert (model["raw_cost"], model["billed"]) == ("0.000326960001", "0.000425048001")
    assert model["new_billed"] == preview["new_billed"] == "0.010653920002"
    assert preview["difference"] == "0.010228872001"
    del body["month"]
    last_month = any_office.admin("POST", "/pricing-rules/preview", json=body)
    assert (last_month["models"], last_month["billed"]) == ([], "0")


def test_settings_are_changed_and_given_back(any_office: Office) -> None:
    shown = any_office.ask("admin", "GET", "/settings")
    assert shown.json()["sources"]["default_markup_rate"] == "default"
    assert any_office.simulator.management_key not in shown.text
    body = {
        "default_markup_rate": 1.45,
        "alert_thresholds": [50, 90],
        "openrouter_provisioning_key": "sk-or-v1-" + "3" * 64,
        "assignment_rules": [
            {
                "kind": "email_domain",
                "value": "example.com",
                "client_org_id": any_office.places["studio"],
                "role": "member",
            }
        ],
    }
    version = shown.headers["etag"]
    changed = any_office.ask("admin", "POST", "/settings", json=body, headers={"if-match": version})
    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] != version
    settings = changed.json()
    assert settings["default_markup_rate"] == "1.45"
    assert settings["sources"]["default_markup_rate"] == "database"
    assert settings["assignment_rules"] == body["assignment_rules"]
    assert body["openrouter_provisioning_key"] not in changed.text
    # The rule holds at once, in this process.
    own = any_office.ask("eve", "GET", "/usage/my-organization").json()
    assert own["client_id"] == any_office.places["studio"]
    made = any_office.admin(
        "POST", "/clients", json={"name": "Later", "provision_key": False}, expect=201
    )
    assert made["client"]["markup_rate"] == "1.45"
    outdated = any_office.ask(
        "admin", "POST", "/settings", json={"rate_limit": 9}, headers={"if-match": version}
    )
    assert outdated.status_code == 412
    back = any_office.admin("POST", "/settings", json=dict.fromkeys(body))
    assert set(back["sources"].values()) == {"default", "environment"}


def test_the_masked_key_means_the_key_stays(furnished: Office) -> None:
    """mAI's page sends the whole form back."""
    shown = furnished.admin("GET", "/settings")
    names = ("openrouter_provisioning_key", "default_markup_rate", "billing_currency")
    form = {name: shown[name] for name in names}
    assert furnished.admin("POST", "/settings", json=form)["sources"][names[0]] == "environment"
    path = f"/clients/{furnished.places['bakery']}/key/rotate"
    assert furnished.admin("POST", path)["success"] is True


def test_every_change_is_in_the_trail(any_office: Office) -> None:
    bakery = any_office.places["bakery"]
    any_office.admin("PATCH", f"/clients/{bakery}", json={"monthly_limit": "12.5"})
    records = any_office.admin(
        "GET",
        "/audit",
        params={"action": "organization.changed", "target": f"organization:{bakery}"},
    )
    [record] = records["records"]
    assert record["actor"] == {"kind": "user", "id": "admin", "address": "testclient"}
    assert record["before"] == {"monthly_limit": "77.123456"}
    assert record["after"] == {"monthly_limit": "12.5"}
    everything = any_office.admin("GET", "/audit?limit=200")
    assert everything["total"] == len(everything["records"])
    text = str(everything)
    assert not [secret for secret in any_office.secrets() if secret in text]
    verdict = any_office.admin("GET", "/audit/verify")
    assert (verdict["is_intact"], verdict["rows"]) == (True, everything["total"])


def test_the_trail_is_searched(furnished: Office) -> None:
    def total(**params: str) -> int:
        return int(furnished.admin("GET", "/audit", params=params)["total"])

    now = datetime.now(UTC)
    yesterday, tomorrow = (f"{now + timedelta(days=days):%Y-%m-%d}" for days in (-1, 1))
    everything = total()
    assert everything > 0
    assert total(actor="admin") == everything
    assert total(actor="nobody") == 0
    assert total(target="user") == 5
    assert total(target="user:dora") == 2
    assert total(**{"from": yesterday, "to": tomorrow}) == everything
    assert total(**{"from": tomorrow}) == total(to=yesterday) == 0
    # A date as the end is that whole day.
    assert total(to=f"{now:%Y-%m-%d}") == everything
    assert total(to=now.replace(year=2020).isoformat()) == 0


def test_a_record_that_somebody_changed_is_named(furnished: Office) -> None:
    with furnished.database.connection_context():
        furnished.database.execute_sql("UPDATE audit_log SET actor_id = 'x' WHERE seq = 3")
    verdict = furnished.admin("GET", "/audit/verify")
    assert (verdict["is_intact"], verdict["seq"], verdict["rows"]) == (False, 3, 2)
    assert "3" in verdict["reason"]


def test_a_limit_below_what_is_spent_is_an_event(any_office: Office) -> None:
    bakery = any_office.places["bakery"]
    body = {"monthly_limit": "0.000425048001"}
    any_office.admin("PATCH", f"/clients/{bakery}", json=body)
    page = any_office.admin("GET", "/limits/events", params={"client_id": bakery})
    assert {event["percent"] for event in page["events"]} == {80, 90, 100}
    for event in page["events"]:
        assert (event["client_id"], event["user_id"]) == (bakery, None)
        assert event["monthly_limit"] == event["spent"] == "0.000425048001"
    other = any_office.admin(
        "GET", "/limits/events", params={"client_id": any_office.places["studio"]}
    )
    assert other["events"] == []

"""Keys over the API: each step, and what OpenRouter has of it."""

from tests.api.office import Office


def test_every_step_of_a_key(any_office: Office) -> None:
    path = f"/clients/{any_office.places['unkeyed']}/key"
    assert any_office.admin("GET", path)["key"]["state"] == "none"
    first = any_office.admin("POST", f"{path}/provision")["key"]
    keys = any_office.simulator.service.keys
    assert (first["state"], first["problem"]) == ("active", None)
    assert first["label"] == keys.by_hash(first["hash"]).label  # type: ignore[union-attr]
    assert any_office.admin("POST", f"{path}/disable")["key"]["state"] == "disabled"
    assert keys.by_hash(first["hash"]).disabled  # type: ignore[union-attr]
    assert any_office.admin("POST", f"{path}/enable")["key"]["state"] == "active"
    assert not keys.by_hash(first["hash"]).disabled  # type: ignore[union-attr]
    second = any_office.admin("POST", f"{path}/rotate")["key"]
    assert second["hash"] != first["hash"]
    assert second["retires_at"].endswith("Z")
    listed = any_office.admin("GET", "/keys")
    assert listed["total"] == len(listed["keys"])
    shown = {each["client_id"]: each["key"] for each in listed["keys"]}
    assert shown[any_office.places["unkeyed"]] == second


def test_a_key_by_hand(furnished: Office) -> None:
    path = f"/clients/{furnished.places['unkeyed']}/key"
    adopted = furnished.ask("admin", "PUT", path, json={"key": furnished.places["spare"]})
    assert adopted.status_code == 200, adopted.text
    assert adopted.json()["key"]["state"] == "active"
    assert furnished.places["spare"] not in adopted.text
    # It has our name and the organization's limit now.
    key = furnished.simulator.service.keys.by_hash(adopted.json()["key"]["hash"])
    assert key is not None
    assert key.name.startswith("mai-usage/unkeyed/")
    assert key.limit_reset == "monthly"


def test_the_check_repairs_and_tells(furnished: Office) -> None:
    client = furnished.admin("GET", f"/clients/{furnished.places['bakery']}")["client"]
    assert furnished.admin("GET", "/keys")["last_check"] is None
    key = furnished.simulator.service.keys.by_hash(client["key"]["hash"])
    assert key is not None
    key.limit, key.disabled = None, True
    report = furnished.admin("POST", "/keys/check")["report"]
    assert (report["was_run"], report["checked"], report["problem"]) == (True, 2, None)
    [finding] = report["findings"]
    assert (finding["client_id"], finding["kind"]) == (client["id"], "repaired")
    assert key.limit is not None
    assert not key.disabled
    assert furnished.admin("GET", "/keys")["last_check"] == report


def test_a_check_that_openrouter_refuses(furnished: Office) -> None:
    furnished.simulator.switch(management_status=429)
    checked = furnished.admin("POST", "/keys/check")
    assert checked["success"] is False
    assert "429" in checked["report"]["problem"]


def test_a_step_that_openrouter_refuses_names_the_reason(furnished: Office) -> None:
    furnished.simulator.switch(management_status=402)
    path = f"/clients/{furnished.places['bakery']}/key/rotate"
    refused = furnished.ask("admin", "POST", path)
    assert (refused.status_code, refused.json()["title"]) == (502, "OpenRouter did not do it")
    assert "credits" in refused.json()["detail"]
    furnished.simulator.service.panel.reset()
    assert furnished.admin("POST", path)["key"]["state"] == "active"


def test_the_limit_follows_a_price_that_is_lower(furnished: Office) -> None:
    """A model below cost lets more of OpenRouter's money be spent."""
    client = furnished.admin("GET", f"/clients/{furnished.places['bakery']}")["client"]
    key = furnished.simulator.service.keys.by_hash(client["key"]["hash"])
    assert key is not None
    assert key.limit is not None
    before = key.limit
    rule = {"client_id": client["id"], "model_pattern": "acme/*", "markup_rate": "0.5"}
    rule["allow_loss"] = True
    furnished.admin("POST", "/pricing-rules", json=rule, expect=201)
    assert key.limit > before

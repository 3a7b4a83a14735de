"""The first steps of an installation: what is there, not what somebody clicked."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.api.office import Office, open_office
from tests.storage.daily import book, entry_on
from tests.storage.samples import DAY

STEPS = ["provisioning_key", "pricing", "organization", "members", "test_call"]


def states(office: Office) -> dict[str, str]:
    body = office.admin("GET", "/setup")
    assert [step["step"] for step in body["steps"]] == STEPS
    assert all(step["detail"] for step in body["steps"])
    found = {step["step"]: step["state"] for step in body["steps"]}
    assert body["is_complete"] is (set(found.values()) == {"done"})
    return found


def detail_of(office: Office, name: str) -> str:
    steps: list[Mapping[str, Any]] = office.admin("GET", "/setup")["steps"]
    return str(next(step["detail"] for step in steps if step["step"] == name))


def test_step_by_step(office: Office) -> None:
    found = states(office)
    assert found == {**dict.fromkeys(STEPS, "todo"), "provisioning_key": "done"}
    body = {"default_markup_rate": "1.4", "billing_currency": "PLN"}
    office.admin("POST", "/settings", json=body)
    assert states(office)["pricing"] == "done"
    assert detail_of(office, "pricing") == "The markup is 1.4, statements are in PLN."
    made = office.admin("POST", "/clients", json={"name": "First"}, expect=201)
    office.places["first"] = made["client"]["id"]
    assert states(office)["organization"] == "done"
    office.assign("anna", "first")
    assert states(office)["members"] == "done"
    book(office.database, entry_on(office.places["first"], DAY))
    assert set(states(office).values()) == {"done"}
    assert detail_of(office, "test_call") == f"The last call was metered on {DAY}."


def test_a_deactivated_organization_is_none(furnished: Office) -> None:
    for slug in ("bakery", "studio", "unkeyed"):
        furnished.admin("DELETE", f"/clients/{furnished.places[slug]}")
    assert states(furnished)["organization"] == "todo"


def test_a_key_that_openrouter_does_not_accept(sqlite_url: str) -> None:
    with open_office(sqlite_url, {"OPENROUTER_PROVISIONING_KEY": "sk-or-v1-nobody"}) as office:
        assert states(office)["provisioning_key"] == "failed"
        assert "does not accept" in detail_of(office, "provisioning_key")


def test_a_key_that_is_no_management_key(furnished: Office) -> None:
    body = {"openrouter_provisioning_key": furnished.places["spare"]}
    furnished.admin("POST", "/settings", json=body)
    assert states(furnished)["provisioning_key"] == "failed"
    assert "ordinary" in detail_of(furnished, "provisioning_key")


@pytest.mark.parametrize(
    "environ",
    [{"OPENROUTER_PROVISIONING_KEY": ""}, {"OPENROUTER_BASE_URL": "http://127.0.0.1:9/v1"}],
    ids=["none", "away"],
)
def test_no_key_and_no_openrouter(sqlite_url: str, environ: dict[str, str]) -> None:
    with open_office(sqlite_url, environ) as office:
        expected = "failed" if "OPENROUTER_BASE_URL" in environ else "todo"
        assert states(office)["provisioning_key"] == expected

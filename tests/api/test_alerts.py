"""Alerts, their rules and mutes, as an admin asks for them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.office import Office
from tests.api.refusals import Refusal, refused
from tests.channels.mail_server import running_mail_server


def test_an_alert_from_its_rule_to_its_end(any_office: Office) -> None:
    bakery = any_office.places["bakery"]
    page = any_office.admin("GET", "/alerts", params={"client_id": bakery, "state": "open"})
    [alert] = page["alerts"]
    assert (page["total"], page["offset"], page["limit"]) == (1, 0, 50)
    assert {name: alert[name] for name in ("kind", "severity", "state", "facts", "period")} == {
        "kind": "pending.old",
        "severity": "warning",
        "state": "open",
        "facts": {"calls": 3, "oldest_hours": 25},
        "period": None,
    }
    path = f"/alerts/{alert['id']}"
    taken = any_office.admin("POST", f"{path}/acknowledge", json={"note": "on it"})["alert"]
    assert (taken["state"], taken["acknowledged_by"], taken["note"]) == (
        "acknowledged",
        "admin",
        "on it",
    )
    done = any_office.admin("POST", f"{path}/resolve", json={})["alert"]
    assert (done["state"], done["note"]) == ("resolved", "on it")
    any_office.admin("POST", f"{path}/resolve", json={}, expect=409)
    assert any_office.admin("GET", "/alerts", params={"state": "open"})["total"] == 0
    audit = any_office.admin("GET", "/audit", params={"target": f"alert:{alert['id']}"})
    assert [record["action"] for record in audit["records"]] == [
        "alert.resolved",
        "alert.acknowledged",
    ]


def test_rules_are_made_changed_and_removed(office: Office) -> None:
    office.furnish()
    page = office.admin("GET", "/alerts/rules", params={"limit": 2, "offset": 1})
    assert (page["total"], [rule["kind"] for rule in page["rules"]]) == (7, ["spike", "quiet"])
    body: dict[str, Any] = {
        "name": "Expensive day",
        "kind": "spend",
        "level": "organization",
        "client_id": office.places["studio"],
        "parameters": {"period": "day", "amounts": [5, "12.5"]},
        "emails": ["boss@example.com"],
        "notify_organization": True,
    }
    rule = office.admin("POST", "/alerts/rules", json=body, expect=201)["rule"]
    assert rule["parameters"] == {"period": "day", "amounts": ["5", "12.5"]}
    path = f"/alerts/rules/{rule['id']}"
    change = {"parameters": {"amounts": ["7"]}, "is_enabled": False}
    changed = office.admin("PATCH", path, json=change)["rule"]
    assert changed == {
        **rule,
        "is_enabled": False,
        "parameters": {"period": "day", "amounts": ["7"]},
    }
    assert office.admin("GET", path)["rule"] == changed
    office.admin("DELETE", path)
    office.admin("GET", path, expect=404)
    office.admin("DELETE", "/alerts/rules/1", expect=409)


def test_mutes_are_made_and_taken_away(office: Office) -> None:
    office.furnish()
    body = {"client_id": office.places["studio"], "until": "2026-01-01T00:00:00+01:00"}
    refusal = office.ask("admin", "POST", "/alerts/mutes", json=body)
    assert refusal.status_code == 422
    body["until"] = office.places["soon"]
    mute = office.admin("POST", "/alerts/mutes", json={**body, "note": "move"}, expect=201)["mute"]
    assert (mute["client_id"], mute["note"], mute["created_by"]) == (
        office.places["studio"],
        "move",
        "admin",
    )
    assert datetime.fromisoformat(mute["until"]) > datetime.now(UTC)
    assert office.admin("GET", "/alerts/mutes", params={"limit": 1})["total"] == 2
    office.admin("DELETE", f"/alerts/mutes/{mute['id']}")
    office.admin("DELETE", f"/alerts/mutes/{mute['id']}", expect=404)


BAD_RULE = {"name": "x", "kind": "limit"}
REFUSALS = [
    Refusal("GET", "/alerts", params={"state": "odd"}, field="state"),
    Refusal("GET", "/alerts", params={"severity": "odd"}, field="severity"),
    Refusal("GET", "/alerts", params={"kind": "x" * 201}, field="kind"),
    Refusal("GET", "/alerts", params={"limit": "0"}, field="limit"),
    Refusal("GET", "/alerts", params={"offset": "-1"}, field="offset"),
    Refusal("POST", "/alerts/{alert}/acknowledge", json={"note": 5}, field="note"),
    Refusal("POST", "/alerts/{alert}/resolve", json={"note": "x" * 2001}, field="note"),
    Refusal("POST", "/alerts/{alert}/resolve", json={"by": "me"}, field="by"),
    Refusal("POST", "/alerts/rules", json={"name": "x"}, field="kind"),
    Refusal("POST", "/alerts/rules", json={"name": "x", "kind": "weather"}, field="kind"),
    Refusal("POST", "/alerts/rules", json={**BAD_RULE, "name": ""}, field="name"),
    Refusal("POST", "/alerts/rules", json={**BAD_RULE, "level": "planet"}, field="level"),
    Refusal("POST", "/alerts/rules", json={**BAD_RULE, "level": "user"}, field="user_id"),
    Refusal("POST", "/alerts/rules", json={**BAD_RULE, "emails": ["a"]}, field="emails"),
    *(
        Refusal(
            "POST",
            "/alerts/rules",
            json={**BAD_RULE, "parameters": {"thresholds": thresholds}},
            field="parameters",
        )
        for thresholds in ([0], [-1], [80, 80], [1001])
    ),
    Refusal("PATCH", "/alerts/rules/1", json={"kind": "spend"}, field="kind"),
    Refusal("PATCH", "/alerts/rules/1", json={"parameters": {"hours": 1}}, field="parameters"),
    Refusal("POST", "/alerts/mutes", json={"until": "{soon}"}, field="rule_id"),
    Refusal("POST", "/alerts/mutes", json={"rule_id": 1, "until": "later"}, field="until"),
    Refusal("POST", "/alerts/mutes", json={"rule_id": 999, "until": "{soon}"}, field="rule_id"),
    Refusal("POST", "/alerts/mutes", json={"client_id": "x", "until": "{soon}"}, field="client_id"),
    Refusal("POST", "/alerts/test", json={"channel": "pigeon"}, field="channel"),
    Refusal("POST", "/alerts/test", json={"channel": "email"}, field="to"),
    Refusal("POST", "/alerts/test", json={"channel": "email", "to": "a@b\nBcc: c@d"}, field="to"),
    Refusal("POST", "/alerts/test", json={"channel": "host", "to": "a@b"}, field="to"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_request(shared_office: Office, refusal: Refusal) -> None:
    refused(shared_office, refusal)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/alerts/999/acknowledge"),
        ("POST", "/alerts/999/resolve"),
        ("PATCH", "/alerts/rules/999"),
        ("DELETE", "/alerts/rules/999"),
        ("DELETE", "/alerts/mutes/999"),
    ],
)
def test_what_there_is_not(shared_office: Office, method: str, path: str) -> None:
    options = {} if method == "DELETE" else {"json": {}}
    shared_office.admin(method, path, expect=404, **options)


def test_a_test_without_a_mail_server_says_so(shared_office: Office) -> None:
    body = {"channel": "email", "to": "ops@example.com"}
    answer = shared_office.admin("POST", "/alerts/test", json=body)
    [step] = answer["steps"]
    assert (answer["success"], step["is_done"]) == (False, False)
    assert "MAI_USAGE_SMTP_URL" in step["detail"]


class TestWithMail:
    @pytest.fixture
    def environ(self) -> Any:
        with running_mail_server() as server:
            self.server = server
            yield {
                "MAI_USAGE_SMTP_URL": f"smtp+plain://127.0.0.1:{server.port}",
                "MAI_USAGE_SMTP_FROM": "alerts@reseller.example",
            }

    def test_a_test_arrives_and_says_each_step(self, office: Office) -> None:
        body = {"channel": "email", "to": "ops@example.com"}
        answer = office.admin("POST", "/alerts/test", json=body)
        assert answer["success"], answer
        assert answer["steps"][-1]["name"] == "handing over the message"
        assert self.server.envelopes == [("alerts@reseller.example", ["ops@example.com"])]
        self.server.answers["RCPT"] = "550 no such user"
        answer = office.admin("POST", "/alerts/test", json=body)
        assert not answer["success"]
        assert "550 no such user" in answer["steps"][-1]["detail"]

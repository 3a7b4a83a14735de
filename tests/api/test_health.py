"""Health, its two probes and the metrics page: who may see what, and with which status."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.api.usage import ALIAS, PREFIX
from mai_usage_ext.errors import NotRunning, StorageUnavailable
from mai_usage_ext.ports.vitals import Vitals
from mai_usage_ext.services.health import HealthCheck
from tests.api.office import METRICS_TOKEN, Office, app_of, make_app

TOKEN = METRICS_TOKEN.get_secret_value()
NAMES = {"database", "writer", "migrations", "disk", "clocks", "pending", "sealing", "settings"}
NAMES |= {"job thread", "openrouter", "settlement", "keys"}


class Gone:
    """A database that does not answer."""

    def ping(self) -> int:
        raise StorageUnavailable("connection refused")

    def look(self) -> Vitals:
        raise StorageUnavailable("connection refused")


def test_every_check_is_there(any_office: Office) -> None:
    health = any_office.admin("GET", "/health")
    assert health["status"] == "ok", health["reasons"]
    assert {check["name"] for check in health["checks"]} >= NAMES
    for check in health["checks"]:
        assert check["status"] == "ok"
        assert check["seen"]
        assert check["advice"] == ""
    old = {"status", "version", "reasons", "queue_depth", "unsettled", "counts", "jobs", "redis"}
    assert set(health) == {*old, "checks"}


def test_a_wrong_setting_in_the_database_degrades_and_says_what_to_do(office: Office) -> None:
    office.admin("POST", "/settings", json={"rate_limit": 700})
    run = office.database.execute_sql
    run("UPDATE usage_settings SET value = '\"many\"' WHERE name = 'rate_limit'")
    office.database.close()
    health = office.admin("GET", "/health")
    [check] = [one for one in health["checks"] if one["name"] == "settings"]
    assert (health["status"], check["status"]) == ("degraded", "degraded")
    assert "rate_limit" in check["seen"]
    assert "POST settings" in check["advice"]


@pytest.fixture
def broken(office: Office) -> ApiServices:
    return replace(office.services, health=HealthCheck(Gone(), version="1"))


def test_down_is_503_with_the_reasons_for_admins_and_one_word_for_others(
    broken: ApiServices,
) -> None:
    with app_of(broken) as app, TestClient(app) as client:
        answer = client.get(f"{PREFIX}/health", headers={"x-user": "admin"})
        assert (answer.status_code, answer.json()["status"]) == (503, "down")
        assert "connection refused" in answer.json()["reasons"][0]
        ready = client.get(f"{PREFIX}/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "down"})
        live = client.get(f"{PREFIX}/health/live")
        assert (live.status_code, live.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("prefix", [PREFIX, ALIAS])
@pytest.mark.parametrize("user", [None, "eve", "boris", "admin"])
@pytest.mark.parametrize("probe", ["live", "ready"])
def test_a_probe_says_one_word_to_everybody(
    shared_office: Office, probe: str, user: str | None, prefix: str
) -> None:
    answer = shared_office.ask(user, "GET", f"/health/{probe}", prefix=prefix)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_meter_that_does_not_run_is_live_not_ready_and_keeps_its_reason() -> None:
    def not_running() -> ApiServices:
        raise NotRunning("BILLING_CURRENCY is 'x'")

    with TestClient(make_app(not_running)) as client:
        assert client.get(f"{PREFIX}/health/live").json() == {"status": "ok"}
        ready = client.get(f"{PREFIX}/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "down"})
        assert client.get(f"{PREFIX}/metrics", headers=bearer(TOKEN)).status_code == 503


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_metrics_with_the_token_and_as_an_admin(shared_office: Office) -> None:
    for user, headers in ((None, bearer(TOKEN)), ("admin", {})):
        answer = shared_office.ask(user, "GET", "/metrics", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = {one.name for one in text_string_to_metric_families(answer.text)}
        assert {"mai_usage_calls", "mai_usage_database_up"} <= families
        ids = [shared_office.places[slug] for slug in ("bakery", "studio", "unkeyed")]
        for secret in ("bakery", "boris", *ids):
            assert secret not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(TOKEN + "x"),
        bearer(""),
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer schlüssel".encode("latin-1")},
    ],
)
def test_metrics_without_the_right_token(shared_office: Office, headers: dict[str, str]) -> None:
    answer = shared_office.ask(None, "GET", "/metrics", headers=headers)
    assert answer.status_code == 401
    assert shared_office.ask("boris", "GET", "/metrics", headers=headers).status_code == 404


def test_the_token_opens_nothing_else(shared_office: Office) -> None:
    for path in ("/health", "/clients", "/debug/slow-queries"):
        assert shared_office.ask(None, "GET", path, headers=bearer(TOKEN)).status_code == 401


def test_whoever_belongs_nowhere_is_told_who_has_to_do_what(shared_office: Office) -> None:
    answer = shared_office.ask("eve", "GET", "/usage/my-organization")
    assert answer.status_code == 404
    assert "Ask your administrator to add you" in answer.json()["detail"]
    assert "user id eve" in answer.json()["detail"]


def test_a_page_without_usage_has_a_hint_and_another_has_none(furnished: Office) -> None:
    furnished.assign("admin", "unkeyed")
    assert furnished.ask("admin", "GET", "/usage/my-organization").json()["hint"] is None
    empty = furnished.admin("POST", "/clients", json={"name": "Empty"}, expect=201)
    furnished.places["empty"] = empty["client"]["id"]
    furnished.assign("eve", "empty")
    hint = furnished.ask("eve", "GET", "/usage/my-organization").json()["hint"]
    assert "has metered no call" in hint
    assert furnished.simulator.url not in hint


def test_trouble_with_a_key_is_said_in_health(furnished: Office) -> None:
    furnished.simulator.service.keys.remove(
        next(
            key for key in furnished.simulator.service.keys.inference_keys() if "bakery" in key.name
        )
    )
    furnished.admin("POST", "/keys/check")
    health = furnished.admin("GET", "/health")
    [check] = [one for one in health["checks"] if one["name"] == "keys"]
    assert health["status"] == "degraded"
    assert furnished.places["bakery"] in check["seen"]
    assert "GET keys" in check["advice"]

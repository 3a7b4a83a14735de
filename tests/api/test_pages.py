"""The routes on a bare FastAPI app: shapes, errors, and what stands below the prefix."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from mai_usage_ext.api.administration import admin_router
from mai_usage_ext.api.assets import assets_router
from mai_usage_ext.api.frontend import open_frontend
from mai_usage_ext.api.own_page import page_router
from mai_usage_ext.api.problems import status_of
from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.api.usage import ALIAS, PREFIX, nothing_else_router, usage_router
from mai_usage_ext.errors import (
    BadInput,
    ConfigurationError,
    Conflict,
    NotRunning,
    Outdated,
    QueueFull,
    Refused,
    StorageUnavailable,
    UpstreamError,
    UsageError,
)
from mai_usage_ext.settings import Settings
from tests.api.office import Office, open_office
from tests.storage.test_usage import seal

FRONTEND = open_frontend(Settings.from_env({}))


@pytest.fixture
def environ() -> dict[str, str]:
    return {"MAI_USAGE_DEFAULT_ORGANIZATION": "Default", "MAI_USAGE_TIMEZONE": "Asia/Tokyo"}


@pytest.fixture
def services(database_url: str, environ: dict[str, str]) -> Iterator[ApiServices]:
    with open_office(database_url, environ) as office:
        yield office.services


def client_of(
    provide: Callable[[], ApiServices], *, role: str = "user", limiter: RateLimiter | None = None
) -> TestClient:
    app = FastAPI()
    user = SimpleNamespace(id="alice", role=role)
    for prefix in (PREFIX, ALIAS):
        for router in (usage_router, admin_router):
            app.include_router(
                router(provide, verified_user=lambda: user, prefix=prefix, limiter=limiter)
            )
        app.include_router(assets_router(FRONTEND, prefix=prefix))
        app.include_router(page_router(FRONTEND, prefix=prefix, limiter=limiter))
        app.include_router(nothing_else_router(prefix, limiter=limiter))
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("prefix", [PREFIX, ALIAS])
def test_an_organization_that_used_nothing_yet(services: ApiServices, prefix: str) -> None:
    body = client_of(lambda: services).get(f"{prefix}/usage/my-organization").json()
    assert body["success"] is True
    stats = body["stats"]
    assert (stats["client_org_name"], stats["time_zone"]) == ("Default", "Asia/Tokyo")
    assert (stats["today"]["cost"], stats["today"]["requests"]) == ("0", 0)
    assert stats["this_month"]["average_daily_cost"] == "0"
    assert len(stats["daily_history"]) == 30
    assert stats["daily_history"][-1]["date"] == stats["today"]["date"]
    today = client_of(lambda: services).get(f"{prefix}/usage/my-organization/today").json()
    assert today["today"]["tokens"] == 0
    assert today["last_updated"].endswith("Z")


def test_days_that_another_system_counted_say_so(office: Office) -> None:
    office.furnish()
    days = [datetime.now(UTC).date() - timedelta(days=back) for back in (2, 1)]
    for day, source in zip(days, ("imported", "ledger"), strict=True):
        seal(office.database, office.places["bakery"], day, 7, source=source)
    page = office.ask("boris", "GET", "/usage/my-organization").json()
    marks = {day["date"]: day["is_imported"] for day in page["stats"]["daily_history"]}
    assert [marks.pop(str(day)) for day in days] == [True, False]
    assert not any(marks.values())
    assert page["stats"]["today"]["is_imported"] is False


def test_health_is_for_admins(services: ApiServices) -> None:
    assert client_of(lambda: services).get(f"{PREFIX}/health").status_code == 404
    answer = client_of(lambda: services, role="admin").get(f"{PREFIX}/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


def test_a_meter_that_does_not_run_says_why() -> None:
    def not_running() -> ApiServices:
        raise NotRunning("BILLING_CURRENCY is 'x'; expected a three-letter code")

    answer = client_of(not_running).get(f"{PREFIX}/usage/my-organization")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "BILLING_CURRENCY" in answer.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["", "/", "/nope", "/usage", "/usage/my-organization/x"])
def test_everything_else_is_not_found(services: ApiServices, method: str, path: str) -> None:
    answer = client_of(lambda: services).request(method, PREFIX + path)
    assert answer.status_code == 404
    assert answer.json()["status"] == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadInput("name", got="", expected="a name"), 422),
        (Conflict("taken", field="slug"), 409),
        (Outdated("version 2"), 412),
        (ConfigurationError("no key"), 409),
        (Refused("full", code=402), 402),
        (UpstreamError("busy", status=429), 502),
        (QueueFull("busy"), 503),
        (StorageUnavailable("locked"), 503),
        (UsageError("odd"), 500),
    ],
)
def test_statuses_stand_in_one_table(error: UsageError, status: int) -> None:
    assert status_of(error)[0] == status


def test_who_asks_too_often_is_told_when_to_come_back(services: ApiServices) -> None:
    limiter = RateLimiter(limit=lambda: 4)
    client = client_of(lambda: services, role="admin", limiter=limiter)
    paths = ("/clients", "/usage/my-organization", "/nope", "/ui/locales/x.json", "/clients")
    answers = [client.get(PREFIX + path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert answers[-1].headers["ratelimit-remaining"] == "0"
    # The alias is no way around.
    assert client.get(f"{ALIAS}/clients").status_code == 429

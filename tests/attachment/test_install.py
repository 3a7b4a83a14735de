"""Attaching and letting go: nothing before the lifespan, nothing left behind, never in the way."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from fastapi.testclient import TestClient

from mai_usage_ext import bootstrap
from mai_usage_ext.errors import ConfigurationError
from mai_usage_ext.host.caller import current_caller
from mai_usage_ext.simulator import Simulator, SimulatorThread

PREFIX = "/api/v1/client_organizations"
MINE = f"{PREFIX}/usage/my-organization"
MakeHost = Callable[..., Any]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        yield running


def outline(app: Any) -> list[Any]:
    """All that installing changes, by identity."""
    chat = __import__("open_webui.utils.chat", fromlist=["chat"])
    return [
        list(app.router.routes),
        dict(app.dependency_overrides),
        app.router.lifespan_context,
        chat.generate_openai_chat_completion,
        aiohttp.ClientSession._request,
    ]


def test_uninstalling_leaves_no_trace(make_host: MakeHost) -> None:
    app = make_host()
    before = outline(app)
    assert bootstrap.install(app, environ={})
    assert outline(app)[:4] != before[:4]
    assert outline(app)[4] is before[4], "the wire is wrapped by the lifespan, not by installing"
    bootstrap.uninstall(app)
    assert outline(app) == before
    bootstrap.uninstall(app)


def test_installing_twice_is_once(make_host: MakeHost) -> None:
    app = make_host()
    assert bootstrap.install(app, environ={})
    once = outline(app)
    assert bootstrap.install(app, environ={})
    assert outline(app) == once


@pytest.mark.parametrize("overridden", [False, True])
def test_users_are_watched_while_the_lifespan_runs_and_no_longer(
    make_host: MakeHost, overridden: bool
) -> None:
    """An override that somebody else made stays in force, below ours."""
    app = make_host()
    auth = __import__("open_webui.utils.auth", fromlist=["auth"])
    if overridden:
        app.dependency_overrides[auth.get_current_user] = lambda: SimpleNamespace(
            id="theirs", role="user"
        )
    before = dict(app.dependency_overrides)
    seen = []

    async def complete() -> str:
        seen.append(current_caller.get())
        return "done"

    app.state.complete = complete
    bootstrap.install(app, environ={})
    assert app.dependency_overrides == before
    with TestClient(app) as client:
        assert bool(app.dependency_overrides) == overridden, "the slow way only where it must be"
        client.post("/api/chat/completions", json={}, headers={"x-user": "bob"})
    assert app.dependency_overrides == before
    assert [caller.user_id for caller in seen if caller] == ["theirs" if overridden else "bob"]
    bootstrap.uninstall(app)
    client = TestClient(app)
    assert client.post("/api/chat/completions", json={}, headers={"x-user": "bob"}).is_success
    assert seen[-1] is None


def test_switched_off_it_is_a_logged_no_op(
    make_host: MakeHost, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_host()
    before = outline(app)
    with caplog.at_level(logging.INFO):
        assert not bootstrap.install(app, environ={"ENABLE_MAI_USAGE_EXT": "false"})
    assert outline(app) == before
    assert "usage metering is off" in caplog.text


@pytest.mark.parametrize(
    "missing",
    [
        "get_current_user", "get_verified_user", "get_admin_user",
        "generate_openai_chat_completion", "STATIC_DIR", "DATABASE_URL",
    ],
)  # fmt: skip
def test_a_host_without_a_seam_starts_without_us(
    make_host: MakeHost, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    # The name is replaced everywhere, so that the host itself still works.
    more = {
        "utils/auth.py": "def get_current_user(): ...\ndef get_verified_user(): ...\n"
        "def get_admin_user(): ...\n",
        "main.py": "from fastapi import FastAPI\napp = FastAPI()\n",
    }
    app = make_host(more=more, less=missing)
    routes = list(app.router.routes)
    assert not bootstrap.install(app, environ={})
    assert list(app.router.routes) == routes
    assert missing in caplog.text
    assert "stays out" in caplog.text


def test_our_own_bug_at_install_leaves_the_host_as_it_was(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_host()
    before = outline(app)

    def broken(*args: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("mai_usage_ext.host.attachment.with_caller", broken)
    assert not bootstrap.install(app, environ={})
    assert outline(app) == before
    assert "a bug of ours" in caplog.text
    with pytest.raises(RuntimeError):
        bootstrap.install(app, environ={}, is_strict=True)
    assert outline(app) == before


def test_where_the_prototype_still_meters_we_do_not(
    make_host: MakeHost, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_host(more={"utils/openrouter_client_manager.py": ""})
    before = outline(app)
    assert not bootstrap.install(app, environ={})
    assert outline(app) == before
    assert "remove open_webui.utils.openrouter_client_manager" in caplog.text


def test_our_routes_stand_before_the_page(make_host: MakeHost) -> None:
    app = make_host()
    bootstrap.install(app, environ={})
    with TestClient(app) as client:
        assert app.state.is_up
        assert client.get("/anything").text == "the page"
        assert client.get(MINE).status_code == 401
        assert client.get(MINE, headers={"x-user": "alice"}).json()["client_id"] == "default"
        assert client.post(f"{PREFIX}/nope").json()["status"] == 404
        assert client.get("/static/loader.js").text.startswith("// the host's own loader")
        assert hasattr(aiohttp.ClientSession._request, "__wrapped__")
    assert not app.state.is_up
    assert not hasattr(aiohttp.ClientSession._request, "__wrapped__")


def test_user_and_purpose_reach_the_wire(make_host: MakeHost) -> None:
    app = make_host()
    seen = []

    async def complete() -> str:
        seen.append(current_caller.get())
        return "done"

    app.state.complete = complete
    bootstrap.install(app, environ={})
    asked: dict[str, Any] = {
        "chat": {"metadata": {"chat_id": "c"}},
        "title": {"metadata": {"chat_id": "c", "task": "title_generation"}},
        "function_calling": {"metadata": {"task": "TASKS.FUNCTION_CALLING"}},
        "api": {},
    }
    with TestClient(app) as client:
        for body in asked.values():
            assert client.post(
                "/api/chat/completions", json=body, headers={"x-user": "bob"}
            ).is_success
    assert [caller.purpose for caller in seen if caller] == list(asked)
    assert {caller.user_id for caller in seen if caller} == {"bob"}


def test_a_wrong_setting_does_not_stop_the_host(
    make_host: MakeHost, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_host()

    async def complete() -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(simulator.url + "/chat/completions", json={}) as response,
        ):
            return {"status": response.status, "body": await response.json()}

    app.state.complete = complete
    environ = {"OPENROUTER_BASE_URL": simulator.url, "MAI_USAGE_QUEUE_SIZE": "many"}
    bootstrap.install(app, environ=environ)
    with TestClient(app) as client:
        answer = client.get(MINE, headers={"x-user": "alice"})
        assert answer.status_code == 503
        assert "MAI_USAGE_QUEUE_SIZE is 'many'; expected a whole number" in answer.json()["detail"]
        upstream = client.post("/api/chat/completions", json={}, headers={"x-user": "a"}).json()
        assert upstream["status"] == 503
        assert "MAI_USAGE_QUEUE_SIZE" in upstream["body"]["error"]["message"]
    assert "MAI_USAGE_QUEUE_SIZE" in caplog.text


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "sqlite:////no/such/folder/x.db", "postgresql://127.0.0.1:1/none"]
)
def test_a_database_that_cannot_be_opened(make_host: MakeHost, url: str) -> None:
    app = make_host()
    bootstrap.install(app, environ={"MAI_USAGE_DATABASE_URL": url})
    with TestClient(app) as client:
        answer = client.get(MINE, headers={"x-user": "alice"})
        assert answer.status_code == 503
        assert answer.json()["detail"]


def test_strictly_a_meter_that_cannot_start_ends_the_host(make_host: MakeHost) -> None:
    app = make_host()
    bootstrap.install(app, environ={"BILLING_CURRENCY": "x"}, is_strict=True)
    with pytest.raises(ConfigurationError, match="BILLING_CURRENCY"), TestClient(app):
        pass
    bootstrap.uninstall(app)
    assert not hasattr(aiohttp.ClientSession._request, "__wrapped__")


def test_a_schema_newer_than_we_are_is_refused_like_any_other_start(make_host: MakeHost) -> None:
    app = make_host()
    bootstrap.install(app, environ={})
    with TestClient(app):
        pass
    from open_webui.env import DATABASE_URL

    ours = Path(DATABASE_URL.removeprefix("sqlite:///")).with_name("mai_usage.db")
    with sqlite3.connect(ours) as connection:
        connection.execute("UPDATE mai_usage_migrations SET requires_version = '99.0.0'")
    connection.close()
    with TestClient(app) as client:
        answer = client.get(MINE, headers={"x-user": "alice"})
        assert answer.status_code == 503
        assert "99.0.0" in answer.json()["detail"]

"""No key and no secret comes out: not in an answer, a log, an error, a table, a file or a repr.

A whole installation runs here with everything that is done with keys, and everything that may go
wrong with them; then all that came out is searched.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx
import pytest
from fastapi.responses import JSONResponse
from peewee import Database

from mai_usage_ext import bootstrap
from mai_usage_ext.api.usage import PREFIX
from mai_usage_ext.errors import UsageError
from mai_usage_ext.guard import tally
from mai_usage_ext.settings import Settings
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.auth import ApiKey, new_secret
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.models import UsageLedger
from mai_usage_ext.storage.sessions import session, transaction
from tests.api.alarms import OLD_CALLS, fire
from tests.api.bills import bill
from tests.api.office import compare_since
from tests.api.routes import ROUTES, request_of
from tests.attachment.conftest import make_host as make_host
from tests.evidence import Evidence, cells_of, files_beside, sayings_of

MODEL = "openai/gpt-4o-mini"


@dataclass
class Run:
    """One installation in this process. ``secrets`` are all that must not come out."""

    app: Any
    client: httpx.AsyncClient
    simulator: Simulator
    database: Any
    settings: Settings
    secrets: set[str]
    evidence: Evidence = field(default_factory=Evidence)
    places: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, *, user: str = "admin", **options: Any) -> Any:
        """Ask one of our routes and keep the answer; its JSON."""
        headers = {"x-user": user, **options.pop("headers", {})}
        answer = await self.client.request(method, PREFIX + path, headers=headers, **options)
        self.evidence.add(f"answer {method} {path} {answer.status_code}", answer.text)
        self.evidence.add(f"answer {method} {path} headers", dict(answer.headers))
        assert answer.status_code not in (500, 503), answer.text
        return answer.json() if "json" in answer.headers.get("content-type", "") else {}

    async def chat(self, *, user: str = "boris", **switches: Any) -> int:
        """One completion through the host. Returns its status."""
        answer = await self.client.post(
            "/api/chat/completions", json=switches, headers={"x-user": user}
        )
        self.evidence.add(f"answer chat {answer.status_code}", answer.text)
        return answer.status_code

    def spare_key(self) -> str:
        """The secret of a key at OpenRouter that no organization has."""
        keys, secret = self.simulator.service.keys, new_secret()
        keys.add(ApiKey(secret=secret, name="spare", created_at=self.simulator.service.clock()))
        return secret

    def search(self, log: pytest.LogCaptureFixture, folder: Path) -> Evidence:
        """Everything that came out so far."""
        found = Evidence(list(self.evidence.texts))
        for record in log.records:
            found.add(f"log {record.name}", f"{record.getMessage()}\n{record.args}")
        found.add("log text", log.text)
        for name, text in cells_of(self.database):
            found.add(f"table {name}", text)
        for name, text in files_beside(folder):
            found.add(f"file {name}", text)
        for name, text in sayings_of(self.app.state.mai_usage, self.settings, tally):
            found.add(f"memory {name}", text)
        return found


@asynccontextmanager
async def running(app: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    async with Simulator(inference_key=new_secret(), management_key=new_secret()) as simulator:
        ring, host_secret = secrets.token_hex(24), secrets.token_hex(24)
        environ = {
            "MAI_USAGE_DATABASE_URL": url,
            "MAI_USAGE_DEFAULT_ORGANIZATION": "off",
            "MAI_USAGE_COMMIT_WAIT_MS": "20000",
            "OPENROUTER_BASE_URL": simulator.url,
            "MAI_USAGE_WEBHOOK_ALLOW": "127.0.0.1",
            "MAI_USAGE_WEBHOOK_HTTP": "true",
            "MAI_USAGE_ENCRYPTION_KEYS": ring,
            "WEBUI_SECRET_KEY": host_secret,
        }
        known = {simulator.inference_key, simulator.management_key, ring, host_secret}
        keys, add = simulator.service.keys, simulator.service.keys.add

        def noted(key: ApiKey) -> ApiKey:
            known.add(key.secret)
            return add(key)

        monkeypatch.setattr(keys, "add", noted)
        app.state.complete = lambda: complete(simulator)
        app.state.config = SimpleNamespace(
            OPENAI_API_BASE_URLS=[simulator.url], OPENAI_API_KEYS=[simulator.inference_key]
        )
        assert bootstrap.install(app, environ=environ, is_strict=True)
        database = open_database(url)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://host") as client,
        ):
            yield Run(
                app=app,
                client=client,
                simulator=simulator,
                database=database,
                settings=Settings.from_env(environ),
                secrets=known,
            )
        close_database(database)
        bootstrap.uninstall(app)


async def complete(simulator: Simulator) -> JSONResponse:
    """What the host does for a completion, with its own key."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    headers = {
        "Authorization": f"Bearer {simulator.inference_key}",
        "Content-Type": "application/json",
    }
    url = simulator.url + "/chat/completions"
    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(url, data=json.dumps(body), headers=headers) as answer:
                return JSONResponse(await answer.json(), status_code=answer.status)
        except aiohttp.ClientError as error:
            return JSONResponse({"detail": repr(error)}, status_code=502)


@pytest.fixture
async def run(
    make_host: Callable[..., Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Run]:
    async with running(make_host(), database_url, monkeypatch) as started:
        yield started


async def test_no_secret_comes_out(
    run: Run, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    await furnish(run)
    await what_is_done_with_keys(run)
    await what_goes_wrong_with_keys(run)
    await calls_of_all_kinds(run)
    await every_route(run)
    settings_that_cannot_be_used(run)
    await without_openrouter(run)

    found = run.search(caplog, tmp_path)

    assert len(run.secrets) > 8
    assert {"memory Effective", "memory Organization", "memory KeyRing", "memory Settings"} <= {
        place for place, _ in found.texts
    }
    assert {place.partition(" ")[0] for place, _ in found.texts} >= {
        "answer", "log", "table", "memory", "error",
    }  # fmt: skip
    assert found.leaks(run.secrets) == []


async def test_a_secret_that_comes_out_is_found(
    run: Run, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The search above would be worth nothing if it could not fail."""
    caplog.set_level(logging.DEBUG)
    await furnish(run)
    clean = run.search(caplog, tmp_path)
    assert clean.leaks(run.secrets) == []
    noted, logged, raised, stored, kept, half = (new_secret() for _ in range(6))

    await run.ask("PATCH", f"/clients/{run.places['bakery']}", json={"notes": noted})
    logging.getLogger("mai_usage_ext.planted").debug("made %s", logged)
    tally.warn("planted", "something failed", error=UsageError(f"got {raised}"))
    # The audit trail masks what looks like a secret, so this one gets into a table by itself.
    with transaction(run.database):
        run.database.execute_sql(f"UPDATE audit_log SET address = '{stored}'")
    telling = Telling(kept)
    run.app.state.mai_usage.planted = {"deep": [lambda: telling]}
    run.evidence.add("answer planted", f"got {half[:40]}…")

    found = run.search(caplog, tmp_path)
    # What is written to the database stands in peewee's log of statements too.
    tables = {"table", "log"} | ({"file"} if any(files_beside(tmp_path)) else set())
    assert found.places_of(noted) == {"answer"} | tables
    assert found.places_of(logged) == {"log"}
    assert found.places_of(raised) == {"log"}
    assert found.places_of(stored) == tables
    assert found.places_of(kept) == {"memory"}
    assert found.places_of(half) == {"answer"}


@dataclass
class Telling:
    """A dataclass whose repr shows what it holds."""

    secret: str


Telling.__module__ = "mai_usage_ext.planted"


async def furnish(run: Run) -> None:
    """Organizations with keys of their own and without, people, and a management key in the
    settings."""
    setting = {"openrouter_provisioning_key": run.simulator.management_key}
    await run.ask("POST", "/settings", json=setting)
    for slug, people in (("bakery", ("anna", "boris")), ("studio", ("chen", "dora"))):
        made = await run.ask("POST", "/clients", json={"name": slug, "monthly_limit": "50"})
        assert made["client"]["key"]["state"] == "active", made
        run.places[slug] = made["client"]["id"]
        for person in people:
            await assign(run, person, slug)
    body = {"name": "unkeyed", "provision_key": False}
    run.places["unkeyed"] = (await run.ask("POST", "/clients", json=body))["client"]["id"]
    later = {"effective_from": "2999-01-01T00:00:00Z"}
    await assign(run, "dora", "bakery", **later)
    rule = {"client_id": run.places["bakery"], "markup_rate": "1.9", **later}
    made = await run.ask("POST", "/pricing-rules", json=rule)
    run.places |= {
        "planned_rule": str(made["rule"]["id"]),
        "leaving": "dora",
        "past_day": await asyncio.to_thread(compare_since, run.database, days=5),
        **await asyncio.to_thread(bill, run.database, run.places["bakery"]),
        "soon": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    await alarm(run)
    await hook(run)


async def alarm(run: Run) -> None:
    body = {**OLD_CALLS, "client_id": run.places["bakery"]}
    rule = (await run.ask("POST", "/alerts/rules", json=body))["rule"]
    await asyncio.to_thread(fire, run.database, rule["id"], run.places["bakery"])
    [alert] = (await run.ask("GET", "/alerts"))["alerts"]
    body = {"rule_id": rule["id"], "until": run.places["soon"]}
    mute = (await run.ask("POST", "/alerts/mutes", json=body))["mute"]
    named = {"alert": alert["id"], "alert_rule": rule["id"], "mute": mute["id"]}
    run.places |= {name: str(one) for name, one in named.items()}


async def hook(run: Run) -> None:
    """A webhook where nobody listens. Its secret is told this once, so this answer is not kept."""
    made = await run.client.post(
        f"{PREFIX}/webhooks", json={"url": "http://127.0.0.1:9/"}, headers={"x-user": "admin"}
    )
    run.secrets.add(made.json()["secret"])
    run.places["webhook"] = made.json()["webhook"]["id"]
    tested = await run.ask("POST", f"/webhooks/{run.places['webhook']}/test")
    run.places["delivery"] = str(tested["delivery"]["id"])


async def assign(run: Run, person: str, slug: str, **more: Any) -> None:
    body = {"user_id": person, "client_org_id": run.places[slug], **more}
    await run.ask("POST", "/user-mappings", json=body)


async def what_is_done_with_keys(run: Run) -> None:
    bakery = f"/clients/{run.places['bakery']}/key"
    for step in ("rotate", "disable", "enable", "rotate"):
        await run.ask("POST", f"{bakery}/{step}")
    await run.ask("POST", "/keys/check")
    spare = run.spare_key()
    adopted = await run.ask("PUT", f"/clients/{run.places['unkeyed']}/key", json={"key": spare})
    assert adopted["key"]["state"] == "active"
    # The same key a second time, where it belongs to somebody else.
    await run.ask("PUT", f"/clients/{run.places['studio']}/key", json={"key": spare})
    for path in ("/keys", "/clients", "/settings", "/audit"):
        await run.ask("GET", path)


async def what_goes_wrong_with_keys(run: Run) -> None:
    """Keys in every shape that cannot be used, and an OpenRouter that refuses."""
    studio = f"/clients/{run.places['studio']}/key"
    strange, management = new_secret(), run.simulator.management_key
    run.secrets.add(strange)
    for wrong in (strange, management):
        for value in (
            wrong,
            f"{wrong} x",
            f"{wrong}\n",
            f"é{wrong}",
            wrong * 9,
            [wrong],
            {"a": wrong},
        ):
            await run.ask("PUT", studio, json={"key": value})
            if value != management:
                await run.ask("POST", "/settings", json={"openrouter_provisioning_key": value})
        for body in ({"keys": wrong}, [wrong], {"key": [{"key": wrong}]}):
            await run.ask("PUT", studio, json=body)
            await run.ask("POST", "/settings", json=body)
        broken = f'{{"key": "{wrong}", '.encode()
        for media_type in ("application/json", "text/plain"):
            await run.ask("PUT", studio, content=broken, headers={"content-type": media_type})
    good = {"openrouter_provisioning_key": management}
    await run.ask("POST", "/settings", json=good)
    for status in (400, 401, 402, 403, 404, 429, 500):
        run.simulator.switch(management_status=status)
        made = await run.ask("POST", "/clients", json={"name": f"in trouble {status}"})
        for step in ("provision", "rotate", "disable", "enable"):
            await run.ask("POST", f"/clients/{made['client']['id']}/key/{step}")
            await run.ask("POST", f"{studio}/{step}")
        await run.ask("PUT", studio, json={"key": strange})
        await run.ask("POST", "/keys/check")
    run.simulator.service.panel.reset()
    await run.ask("POST", "/keys/check")


async def calls_of_all_kinds(run: Run) -> None:
    """Answered, failing, cut, without usage, refused by a limit, and with a key nobody can open."""
    assert await run.chat() == 200
    assert await run.chat(user="eve") == 200
    for switches in (
        {"status": 401}, {"status": 429}, {"status": 500}, {"cut_after": -1}, {"usage": "missing"},
    ):  # fmt: skip
        run.simulator.switch(**switches)
        await run.chat()
        run.simulator.service.panel.reset()
    run.simulator.switch(usage="missing", generation_status=401)
    await run.chat()
    await until(lambda: tally["generation look-ups failed"] > 0)
    run.simulator.service.panel.reset()
    bakery = f"/clients/{run.places['bakery']}"
    await run.ask("PATCH", bakery, json={"monthly_limit": "0.00001"})
    assert await run.chat() == 402
    await run.ask("PATCH", bakery, json={"monthly_limit": None})
    studio = run.places["studio"]
    sealed = "openrouter_key_ciphertext = 'v1.a.b.c'"
    with transaction(run.database):
        run.database.execute_sql(f"UPDATE client_organizations SET {sealed} WHERE id = '{studio}'")
    await run.ask("PATCH", f"/clients/{studio}", json={"notes": "its key is unreadable now"})
    shown = await run.ask("GET", f"/clients/{studio}/key")
    assert shown["key"]["state"] == "needs_reentry"
    assert await run.chat(user="chen") == 403


async def until(met: Callable[[], bool]) -> None:
    """A job tells nobody when it is done."""
    async with asyncio.timeout(20):
        while not met():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def booked(db: Database) -> str:
    """A generation that is in the ledger."""
    with session(db):
        entry = UsageLedger.select().bind(db).get()
    return str(entry.generation_id)


async def every_route(run: Run) -> None:
    """Each of our routes once, with a body that fits."""
    run.places["spare"] = run.spare_key()
    run.places["booked"] = await asyncio.to_thread(booked, run.database)
    for route in ROUTES:
        method, path, _, options = request_of(run, route)  # type: ignore[arg-type]
        await run.ask(method, path, **options)


def settings_that_cannot_be_used(run: Run) -> None:
    """What a program or a log says of an environment with secrets that are wrong."""
    secret, password = new_secret(), secrets.token_hex(24)
    run.secrets.update((secret, password))
    unreachable = f"postgresql://usage:{password}@127.0.0.1:9/usage"
    for environ in (
        {"OPENROUTER_PROVISIONING_KEY": f"{secret} x"},
        {"MAI_USAGE_ENCRYPTION_KEYS": f"{secret},{secret}"},
        {"MAI_USAGE_ENCRYPTION_KEYS": f"short,{secret}"},
        {"MAI_USAGE_DATABASE_URL": unreachable},
        {"MAI_USAGE_DATABASE_URL": f"mysql://usage:{password}@127.0.0.1/usage"},
        {"MAI_USAGE_DATABASE_URL": f"postgresql://usage:{password}@[::1"},
        {"MAI_USAGE_DATABASE_URL": password},
    ):
        try:
            settings = Settings.from_env(environ)
            run.evidence.add("error settings", settings)
            bootstrap.open_workbench(settings).close()
        except UsageError as error:
            run.evidence.add(f"error {type(error).__name__}", traceback.format_exc())
        else:
            raise AssertionError(f"{list(environ)} was taken")


async def without_openrouter(run: Run) -> None:
    await run.simulator.stop()
    await run.ask("POST", "/clients", json={"name": "nobody answers"})
    await run.ask("POST", f"/clients/{run.places['unkeyed']}/key/rotate")
    await run.ask("POST", "/keys/check")
    assert await run.chat(user="anna") in (403, 502)

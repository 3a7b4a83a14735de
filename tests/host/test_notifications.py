"""What a real host does with an alert that it is handed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import web

from mai_usage_ext.demo.person import Person
from mai_usage_ext.host.notifications import EVENT
from tests.host.audit import until
from tests.host.conftest import Metered
from tests.host.reseller import Reseller
from tests.host.theatre import ADMIN, Theatre

pytestmark = pytest.mark.host

FUNCTION = """
import json, pathlib

class Event:
    def event(self, event):
        with pathlib.Path({file!r}).open("a") as file:
            file.write(json.dumps(event) + "\\n")
"""


async def steps_of(reseller: Reseller) -> dict[str, tuple[bool, str]]:
    answer = await reseller.ask("POST", "/alerts/test", {"channel": "host"})
    assert answer["success"] == all(step["is_done"] for step in answer["steps"])
    return {step["name"]: (step["is_done"], step["detail"]) for step in answer["steps"]}


@pytest.mark.newest_alone
async def test_event_functions_hear_of_an_alert(
    theatre: Theatre, metered: Metered, reseller: Reseller, tmp_path: Path
) -> None:
    admin: Person = theatre.person(reseller.session, metered.host, ADMIN)
    file = tmp_path / "events"
    form = {"id": "overhear", "name": "overhear", "meta": {"description": "overhear"}}
    form |= {"content": FUNCTION.format(file=str(file))}
    for path, body in (
        ("/api/v1/functions/create", form),
        ("/api/v1/functions/id/overhear/toggle", None),
    ):
        answer = await admin.request("POST", path, body)
        assert answer.status == 200, answer.text
    steps = await steps_of(reseller)
    assert steps["event sinks"][0], steps

    async def heard() -> bool:
        return file.exists() and EVENT in file.read_text()

    await until(heard, lambda: "the function hears of the alert")
    told = [json.loads(line) for line in file.read_text().splitlines()]
    [event] = [one for one in told if one["event"] == EVENT]
    assert (event["source"], event["data"]) == ("mai_usage", {"kind": "test"})
    assert "test" in event["message"]
    answer = await admin.request("DELETE", "/api/v1/functions/id/overhear/delete")
    assert answer.status == 200, answer.text


async def test_nobody_has_asked_to_be_told(reseller: Reseller) -> None:
    is_done, detail = (await steps_of(reseller))["admins' targets"]
    assert not is_done
    assert "users' webhooks is off" in detail or "no admin has a notification target" in detail


@pytest.mark.oldest_alone
async def test_an_admins_own_webhook_is_told(
    theatre: Theatre, metered: Metered, reseller: Reseller
) -> None:
    got: list[dict[str, str]] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        admin: Person = theatre.person(reseller.session, metered.host, ADMIN)
        body = {"ui": {"notifications": {"webhook_url": url}}}
        answer = await admin.request("POST", "/api/v1/users/user/settings/update", body)
        assert answer.status == 200, answer.text
        steps = await steps_of(reseller)
        assert steps["admins' targets"] == (True, "1 admins were told")
        assert steps["event sinks"] == (False, "this version of Open WebUI has no event sinks")
        assert got[0]["action"] == "alert"
        await admin.request("POST", "/api/v1/users/user/settings/update", {"ui": {}})
    finally:
        await runner.cleanup()

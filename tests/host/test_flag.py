"""With the flag off the host is the one without us, route by route and byte by byte."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import aiohttp
import pytest

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.person import Person
from tests.host.theatre import CHEAP, Theatre
from tests.workshop.hosts import Host

pytestmark = pytest.mark.host

# Everything of a host that we would touch, written down before and after `install`.
PICTURE = """
import json, os
import aiohttp
from open_webui.main import app
import open_webui.utils.chat as chat
import mai_usage_ext

def picture():
    return {
        "routes": [
            [
                type(route).__name__,
                getattr(route, "path", ""),
                sorted(getattr(route, "methods", None) or ()),
            ]
            for route in app.routes
        ],
        "middleware": [repr(item) for item in app.user_middleware],
        "overrides": [repr(key) for key in app.dependency_overrides],
        "lifespan": repr(app.router.lifespan_context),
        "wire": repr(aiohttp.ClientSession._request),
        "completion": repr(chat.generate_openai_chat_completion),
        "state": sorted(app.state._state),
    }

pictures = {"before": picture()}
os.environ["ENABLE_MAI_USAGE_EXT"] = "false"
off = mai_usage_ext.install(app)
pictures["off"] = picture()
os.environ["ENABLE_MAI_USAGE_EXT"] = "true"
on = mai_usage_ext.install(app)
pictures["on"] = picture()
again = mai_usage_ext.install(app)
pictures["again"] = picture()
mai_usage_ext.uninstall(app)
pictures["uninstalled"] = picture()
print("PICTURE " + json.dumps({"answers": [off, on, again], **pictures}))
"""


@pytest.fixture(scope="session")
def pictures(software: Host, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The host's app before `install`, and after each of its ways; nothing is started."""
    folder = tmp_path_factory.mktemp("pictures")
    environment = software.slim_environment()
    host = HostProcess(
        folder, upstream="http://127.0.0.1:9/api/v1", key="k", port=1, environment=environment
    )
    done = subprocess.run(
        [software.python, "-c", PICTURE],
        env=host.variables(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("PICTURE ")]
    found: dict[str, Any] = json.loads(line.removeprefix("PICTURE "))
    return found


def test_install_touches_nothing_when_off(pictures: dict[str, Any]) -> None:
    assert pictures["answers"] == [False, True, True]
    assert pictures["off"] == pictures["before"]


def test_install_puts_routes_first_and_opens_nothing(pictures: dict[str, Any]) -> None:
    before, on = pictures["before"], pictures["on"]
    # The host's own routes are all there, in their order.
    assert [route for route in on["routes"] if route in before["routes"]] == before["routes"]
    assert len(on["routes"]) > len(before["routes"])
    # The wire is left alone until the lifespan starts.
    assert on["wire"] == before["wire"]


def test_install_is_idempotent_and_can_be_undone(pictures: dict[str, Any]) -> None:
    assert pictures["again"] == pictures["on"]
    # The name of our mark may stay on the app; nothing behind it does.
    states = pictures["uninstalled"].pop("state"), pictures["before"].pop("state")
    assert pictures["uninstalled"] == pictures["before"]
    assert set(states[0]) - set(states[1]) <= {"mai_usage"}


async def test_bytes_are_those_of_a_host_without_us(
    theatre: Theatre, session: aiohttp.ClientSession
) -> None:
    paths = (
        "/",
        "/static/loader.js",
        "/api/v1/client_organizations/x",
        "/api/v1/client-organizations/usage/my-organization",
        "/api/v1/client_organizations/health",
        "/api/version",
    )
    with theatre.new("off", environment={"ENABLE_MAI_USAGE_EXT": "false"}) as host:
        off = Person(session, host.url, token=theatre.people["Anna"].account.token, model=CHEAP)
        plain = theatre.person(session, theatre.plain, "Anna")
        for path in paths:
            assert await off.get(path) == await plain.get(path), path
            assert await off.post(path) == await plain.post(path), path
        assert (await off.chat("Hi")).status == 200

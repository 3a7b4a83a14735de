"""Our routes on a real Open WebUI: who sees what, below both prefixes."""

from __future__ import annotations

from decimal import Decimal

import aiohttp
import pytest

from mai_usage_ext.demo.person import Person
from tests.host.audit import Audit
from tests.host.conftest import Metered
from tests.host.theatre import CHEAP, Theatre

pytestmark = pytest.mark.host

PREFIXES = ("/api/v1/client_organizations", "/api/v1/client-organizations")
MINE = "/usage/my-organization"


@pytest.mark.oldest_too
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("with_key", [False, True], ids=["session", "api key"])
async def test_a_chat_shows_with_its_tokens_and_billed_cost(
    theatre: Theatre,
    metered: Metered,
    session: aiohttp.ClientSession,
    audit: Audit,
    prefix: str,
    with_key: bool,
) -> None:
    someone = theatre.people["Anna"]
    token = someone.api_key if with_key else someone.account.token
    anna = Person(session, metered.host.url, token=token, model=CHEAP)
    before = (await anna.get(prefix + MINE + "/today")).json()["today"]

    await anna.chat("What is a fair price?")
    [entry] = await audit.settled(1)

    page = (await anna.get(prefix + MINE)).json()
    today = page["stats"]["today"]
    assert page["client_id"] == metered.bakery.id
    assert page["stats"]["client_org_name"] == "Bakery"
    assert page["stats"]["time_zone"] == "Europe/Warsaw"
    assert today["requests"] == before["requests"] + 1
    assert today["tokens"] - before["tokens"] == entry.prompt_tokens + entry.completion_tokens
    paid = Decimal(today["cost"]) - Decimal(before["cost"])
    assert paid == Decimal(entry.billed_pusd).scaleb(-12)
    assert page["stats"]["daily_history"][-1]["cost"] == today["cost"]
    again = (await anna.get(prefix + MINE + "/today")).json()
    assert (again["success"], again["today"]["cost"]) == (True, today["cost"])


@pytest.mark.oldest_too
@pytest.mark.parametrize("prefix", PREFIXES)
async def test_the_unsigned_get_the_hosts_own_answer(
    theatre: Theatre, metered: Metered, session: aiohttp.ClientSession, prefix: str
) -> None:
    nobody = Person(session, metered.host.url, token=None, model=CHEAP)

    for path in (MINE, MINE + "/today"):
        ours, theirs = await nobody.get(prefix + path), await nobody.get("/api/v1/chats/")
        assert (ours.status, ours.body) == (theirs.status, theirs.body)
        assert ours.status == theatre.dialect.unsigned


async def test_a_user_without_an_organization_is_told_so(people: dict[str, Person]) -> None:
    answer = await people["Eve"].get(PREFIXES[0] + MINE)

    assert answer.status == 404
    assert "organization" in answer.json()["detail"]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", ["", "/", "/nothing", "/usage", "/usage/my-organization/nothing"])
async def test_unknown_paths_are_json_404(
    people: dict[str, Person], prefix: str, path: str
) -> None:
    for answer in (
        await people["Anna"].get(prefix + path),
        await people["Anna"].post(prefix + path),
    ):
        assert answer.status == 404, path
        assert answer.media_type == "application/problem+json"
        assert answer.json()["status"] == 404


async def test_health_is_for_admins(people: dict[str, Person]) -> None:
    health = await people["Ada"].get(PREFIXES[0] + "/health")

    assert health.status == 200
    assert (await people["Anna"].get(PREFIXES[0] + "/health")).status == 404


async def test_the_host_keeps_its_own_pages(people: dict[str, Person], theatre: Theatre) -> None:
    plain = Person(
        people["Anna"].session,
        theatre.plain.url,
        token=people["Anna"].token,
        model=CHEAP,
    )
    for path in ("/", "/manifest.json", "/static/favicon.png", "/api/v1/nothing", "/some/page"):
        ours, theirs = await people["Anna"].get(path), await plain.get(path)
        assert (ours.status, ours.body) == (theirs.status, theirs.body), path

"""Organizations on a real host: who is billed for whom, with which key, and what is left."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import aiohttp
import pytest
from openrouter import OpenRouter
from openrouter.operations import ListData

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.person import CHAT, OPENAI_CHAT
from mai_usage_ext.ports import SYSTEM
from mai_usage_ext.simulator import Simulator
from tests.host.audit import Audit, until
from tests.host.logs import our_errors
from tests.host.reseller import Newcomer, Reseller
from tests.host.theatre import ADMIN, CHEAP, EMBEDDINGS, Theatre
from tests.host.workers import call_both_workers

pytestmark = pytest.mark.host

# What is promised of a change made in another process.
HOLDS_EVERYWHERE_AFTER_S = 5.0


@pytest.mark.parametrize("by", ["API", "workbench"])
async def test_a_moved_member_is_billed_to_the_new_organization_by_every_worker(
    theatre: Theatre, pair: HostProcess, session: aiohttp.ClientSession, by: str
) -> None:
    reseller = Reseller(pair, theatre.person(session, pair, ADMIN))
    bakery, studio = [
        await reseller.client(f"{name} by {by}", provision_key=False)
        for name in ("Bakery", "Studio")
    ]
    lena = await reseller.newcomer("Lena", bakery)
    assert await billed(theatre, pair, lena) == {bakery["id"]}

    if by == "API":
        await reseller.ask("PATCH", f"/user-mappings/{lena.id}", {"client_org_id": studio["id"]})
    else:
        with theatre.workbench(pair) as workbench:
            workbench.members.assign(lena.id, studio["id"], actor=SYSTEM)
    # Not a wait for something to happen: the promise is about the time that passes.
    await asyncio.sleep(HOLDS_EVERYWHERE_AFTER_S)

    assert await billed(theatre, pair, lena) == {studio["id"]}
    # What was booked before the move stays where it was.
    assert (await reseller.show(bakery))["spent"] != "0"


async def billed(theatre: Theatre, host: HostProcess, who: Newcomer) -> set[str]:
    """The organizations that both workers bill this user's calls to."""
    return {entry.organization_id for entry in await call_both_workers(theatre, host, who)}


async def test_a_user_deleted_in_the_host_becomes_a_pseudonym_and_the_money_stays(
    theatre: Theatre, reseller: Reseller
) -> None:
    client = await reseller.client("Archive", monthly_limit="100")
    mona = await reseller.newcomer("Mona", client)
    audit, logged = Audit(theatre.simulator, reseller.host), len(reseller.host.log_text())
    named = await reseller.ask("GET", f"/user-mappings/{mona.id}")
    for stream in (False, True):
        assert (await mona.person.chat("Hello", stream=stream)).status == 200
    costs = [entry.billed_pusd for entry in await audit.settled(2)]
    spent = (await reseller.show(client))["spent"]
    assert mona.id in everything_in(reseller.host)

    await reseller.delete_user(mona)
    if not theatre.dialect.tells_of_deleted_users:
        # The job that finds them out runs every hour.
        make_due(reseller.host, "deleted users")

    async def forgotten() -> bool:
        return all(entry.user_id != mona.id for entry in audit.entries())

    await until(forgotten, lambda: "a pseudonym", wait_s=10)
    entries = audit.entries()
    [pseudonym] = {entry.user_id for entry in entries}
    assert pseudonym is not None
    assert pseudonym.startswith("deleted-")
    assert [entry.billed_pusd for entry in entries] == costs
    assert (await reseller.show(client))["spent"] == spent
    assert (await reseller.show(client))["members"] == 0
    # The trail of what admins did keeps the id, which says nothing to anybody any more.
    left = everything_in(reseller.host, but=("audit_log",))
    assert mona.id not in left
    assert named["mapping"]["openrouter_user_id"] not in left
    assert mona.email not in everything_in(reseller.host)
    assert our_errors(reseller.host.log_text()[logged:]) == []


def make_due(host: HostProcess, job: str) -> None:
    """Let a job of the host's forget that it has run already."""
    with closing(sqlite3.connect(host.usage_database, timeout=10)) as connection, connection:
        connection.execute("DELETE FROM job_leases WHERE name = ?", (job,))


def everything_in(host: HostProcess, *, but: tuple[str, ...] = ()) -> str:
    """All cells of all our tables."""
    with closing(sqlite3.connect(host.usage_database, timeout=10)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in but
        ]
        return repr([connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names])


async def test_calls_carry_the_organizations_key_and_a_name_that_tells_nothing(
    theatre: Theatre, reseller: Reseller
) -> None:
    client, dialect = await reseller.client("Foundry", monthly_limit="100"), theatre.dialect
    nils, olga = [await reseller.newcomer(name, client) for name in ("Nils", "Olga")]
    audit = Audit(theatre.simulator, reseller.host)

    for newcomer in (nils, olga):
        for path in (CHAT, OPENAI_CHAT):
            answer = await newcomer.person.chat("Hello", stream=path == CHAT, path=path)
            assert answer.status == 200, answer.text
        question = {"model": CHEAP, "input": "Hello"}
        assert (await newcomer.person.post("/openai/responses", question)).status == 200
        embedded = await newcomer.person.embed("Hello", model=EMBEDDINGS, path=dialect.embeddings)
        assert embedded.status == 200

    entries = {entry.generation_id: entry for entry in await audit.settled(8)}
    names = {
        newcomer.id: (await reseller.ask("GET", f"/user-mappings/{newcomer.id}"))["mapping"][
            "openrouter_user_id"
        ]
        for newcomer in (nils, olga)
    }
    assert len(set(names.values())) == 2
    for newcomer in (nils, olga):
        assert newcomer.id not in names[newcomer.id]
        assert "@" not in names[newcomer.id]
    for row in (await audit.bill()).values():
        entry = entries[row["generation_id"]]
        assert row["key_hash"] == client["key"]["hash"]
        assert entry.user_id is not None
        assert row["user"] == names[entry.user_id]

    # Deactivated: refused here, and the host's own key does not stand in.
    await reseller.ask("DELETE", f"/clients/{client['id']}")
    refused = await nils.person.chat("Hello")
    assert dialect.told(refused) == (
        403,
        "Foundry: this organization is deactivated. Please ask your administrator.",
    )
    assert len(await audit.bill()) == 8


@pytest.fixture
def sdk(simulator: Simulator) -> Iterator[OpenRouter]:
    """The official client, with the management key."""
    # Its default retries go on for up to an hour.
    with OpenRouter(
        api_key=simulator.management_key,
        server_url=simulator.url,
        retry_config=None,
        timeout_ms=10_000,
    ) as client:
        yield client


async def test_the_official_client_reads_back_what_we_claim(
    reseller: Reseller, sdk: OpenRouter
) -> None:
    async def key_of(client: dict[str, Any]) -> ListData:
        shown = (await reseller.show(client))["key"]
        [found] = [key for key in await listed(sdk) if key.hash == shown["hash"]]
        assert found.label == shown["label"]
        return found

    client = await reseller.client(
        "Glassworks", slug="glassworks", markup_rate="1.3", monthly_limit="5.20"
    )
    key = await key_of(client)
    assert key.name.startswith(f"mai-usage/glassworks/{client['id']}/")
    assert (key.limit, key.limit_reset, key.disabled) == (4.0, "monthly", False)
    assert key.include_byok_in_limit is True

    await reseller.change(client, monthly_limit="13", slug="glass-and-more")
    key = await key_of(client)
    assert key.limit == 10.0
    assert key.name.startswith(f"mai-usage/glass-and-more/{client['id']}/")

    # It only warns then, so nothing may refuse in its place.
    await reseller.change(client, on_limit="alert")
    assert (await key_of(client)).limit is None
    await reseller.change(client, on_limit="block")
    assert (await key_of(client)).limit == 10.0

    await reseller.ask("POST", f"/clients/{client['id']}/key/disable")
    assert (await key_of(client)).disabled is True
    await reseller.ask("POST", f"/clients/{client['id']}/key/enable")
    assert (await key_of(client)).disabled is False

    await reseller.ask("POST", f"/clients/{client['id']}/key/rotate")
    rotated = await key_of(client)
    assert rotated.hash != key.hash
    assert (rotated.limit, rotated.limit_reset, rotated.disabled) == (10.0, "monthly", False)

    await reseller.ask("DELETE", f"/clients/{client['id']}")
    assert (await key_of(client)).disabled is True
    await reseller.change(client, is_active=True)
    assert (await key_of(client)).disabled is False


async def listed(sdk: OpenRouter) -> list[ListData]:
    return (await asyncio.to_thread(sdk.api_keys.list, include_disabled=True)).data

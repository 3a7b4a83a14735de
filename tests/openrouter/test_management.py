"""The management client against the simulator, the official client, and bad answers."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from openrouter import OpenRouter

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.openrouter.management import ManagementClient
from mai_usage_ext.ports import KeyTerms
from mai_usage_ext.services.key_terms import differences
from mai_usage_ext.simulator import Simulator

TERMS = KeyTerms(name="mai-usage/acme/1/0123abcd", limit_pusd=76_923_077 * 10**6)


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> ManagementClient:
    return ManagementClient(simulator.url)


async def test_a_key_from_birth_to_death(simulator: Simulator, client: ManagementClient) -> None:
    management_key = simulator.management_key
    made = await client.create(TERMS, management_key=management_key)
    assert made.key.hash == hashlib.sha256(made.secret.encode()).hexdigest()
    assert (made.key.name, made.key.limit_pusd) == (TERMS.name, TERMS.limit_pusd)
    assert (made.key.limit_reset, made.key.counts_byok) == ("monthly", True)
    assert not made.key.is_disabled
    assert made.secret not in repr(made)

    stored = simulator.service.keys.by_hash(made.key.hash)
    assert stored is not None
    assert stored.limit == Decimal("76.923077"), "written digit by digit"

    own = await client.own_key(made.secret)
    assert own is not None
    assert (own.label, own.is_management) == (made.key.label, False)

    changes = {"disabled": True, "limit": Decimal("0.000001"), "name": "another"}
    changed = await client.change(made.key.hash, changes, management_key=management_key)
    assert changed is not None
    assert (changed.is_disabled, changed.limit_pusd, changed.name) == (True, 10**6, "another")
    assert await client.own_key(made.secret) is None, "a disabled key is not accepted"
    assert await client.key(made.key.hash, management_key=management_key) == changed

    assert await client.delete(made.key.hash, management_key=management_key)
    assert not await client.delete(made.key.hash, management_key=management_key)
    assert await client.key(made.key.hash, management_key=management_key) is None
    assert await client.change(made.key.hash, changes, management_key=management_key) is None


async def test_the_official_client_reads_the_same(
    simulator: Simulator, client: ManagementClient
) -> None:
    made = await client.create(TERMS, management_key=simulator.management_key)

    def read() -> Any:
        with OpenRouter(
            api_key=simulator.management_key, server_url=simulator.url, retry_config=None
        ) as official:
            return official.api_keys.get(hash=made.key.hash).data

    found = await asyncio.to_thread(read)
    assert (found.name, found.limit, found.disabled) == (TERMS.name, 76.923077, False)
    assert (found.limit_reset, found.include_byok_in_limit) == ("monthly", True)


async def test_without_a_limit(simulator: Simulator, client: ManagementClient) -> None:
    made = await client.create(
        KeyTerms(name="n", limit_pusd=None), management_key=simulator.management_key
    )
    assert made.key.limit_pusd is None


async def test_all_pages(simulator: Simulator, client: ManagementClient) -> None:
    for number in range(230):
        terms = KeyTerms(name=f"key {number}", limit_pusd=None)
        await client.create(terms, management_key=simulator.management_key)
    disabled = simulator.service.keys.inference_keys()[5]
    disabled.disabled = True
    keys = await client.keys(management_key=simulator.management_key)
    assert len({key.hash for key in keys}) == 231
    assert disabled.hash in {key.hash for key in keys if key.is_disabled}


async def test_a_management_key_about_itself(
    simulator: Simulator, client: ManagementClient
) -> None:
    own = await client.own_key(simulator.management_key)
    assert own is not None
    assert own.is_management


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "refused the management key .401.: check OPENROUTER_PROVISIONING_KEY"),
        (402, "run out of credits"),
        (403, "must be a management key"),
        (408, "did not answer in time"),
        (429, "asked too much"),
        (400, "refused the request"),
        (500, "in trouble"),
        (503, "in trouble"),
        (529, "in trouble"),
    ],
)
async def test_each_status_is_a_sentence(
    simulator: Simulator, client: ManagementClient, status: int, sentence: str
) -> None:
    simulator.switch(management_status=status)
    actions: list[Callable[[], Awaitable[object]]] = [
        lambda: client.keys(management_key=simulator.management_key),
        lambda: client.create(TERMS, management_key=simulator.management_key),
        lambda: client.key("h", management_key=simulator.management_key),
        lambda: client.change("h", {"disabled": True}, management_key=simulator.management_key),
        lambda: client.delete("h", management_key=simulator.management_key),
    ]
    for action in actions:
        with pytest.raises(UpstreamError, match=sentence) as raised:
            await action()
        assert raised.value.status == status
        assert simulator.management_key not in str(raised.value)
        assert raised.value.__cause__ is None


async def test_a_key_for_calls_cannot_manage(
    simulator: Simulator, client: ManagementClient
) -> None:
    with pytest.raises(UpstreamError, match="must be a management key") as raised:
        await client.keys(management_key=simulator.inference_key)
    assert raised.value.status == 403


async def test_nobody_there(simulator: Simulator, client: ManagementClient) -> None:
    await simulator.stop()
    with pytest.raises(UpstreamError, match="could not be reached") as raised:
        await client.create(TERMS, management_key="k")
    assert raised.value.status == 0


class Answers:
    """A server that says one thing to everybody."""

    def __init__(self, body: str, *, status: int = 200) -> None:
        self.body = body
        self.status = status
        self.released = asyncio.Event()
        self.released.set()

    async def answer(self, _request: web.Request) -> web.Response:
        await self.released.wait()
        return web.Response(text=self.body, status=self.status)

    async def __aenter__(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return str(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]

    async def __aexit__(self, *_error: object) -> None:
        self.released.set()
        await self._runner.cleanup()


@pytest.mark.parametrize(
    "body",
    [
        "", "null", "[]", "{}", '{"data": null}', '{"data": {}}', '{"data": {"hash": ""}}',
        '{"data": {"hash": "h"}}', '{"data": {"hash": "h"}, "key": 5}', '{"key": "k"}', "<html>",
    ],
)  # fmt: skip
async def test_an_answer_that_makes_no_sense(body: str) -> None:
    async with Answers(body, status=201) as port:
        client = ManagementClient(f"http://127.0.0.1:{port}")
        with pytest.raises(UpstreamError):
            await client.create(TERMS, management_key="sk-or-v1-management")


@pytest.mark.parametrize("limit", ['"9"', "-1", "1e400", "true", "[]", "1e15"])
async def test_a_limit_that_is_no_amount_stops_nothing(limit: str) -> None:
    body = f'{{"data": [{{"hash": "h", "limit": {limit}}}, {{"hash": ""}}, {{}}, 5]}}'
    async with Answers(body) as port:
        client = ManagementClient(f"http://127.0.0.1:{port}")
        [key] = await client.keys(management_key="k")
    terms = KeyTerms(name="", limit_pusd=10**6)
    assert differences(terms, key)["limit"] == Decimal("0.000001")
    assert "limit" in differences(replace(terms, limit_pusd=None), key)


async def test_an_answer_that_never_comes() -> None:
    server = Answers("{}")
    server.released.clear()
    async with server as port:
        client = ManagementClient(f"http://127.0.0.1:{port}", total_s=0.1)
        with pytest.raises(UpstreamError, match="did not answer in time") as raised:
            await client.create(TERMS, management_key="k")
        assert raised.value.status == 0


async def test_an_error_that_repeats_a_key() -> None:
    secret = "sk-or-v1-" + "a" * 64
    async with Answers(f'{{"error": {{"message": "bad {secret}"}}}}', status=418) as port:
        client = ManagementClient(f"http://127.0.0.1:{port}")
        with pytest.raises(UpstreamError, match="bad sk-…") as raised:
            await client.own_key(secret)
        assert secret not in str(raised.value)


async def test_a_list_that_repeats_itself_ends() -> None:
    async with Answers('{"data": [{"hash": "h", "name": "n"}]}') as port:
        client = ManagementClient(f"http://127.0.0.1:{port}")
        assert [key.hash for key in await client.keys(management_key="k")] == ["h"]

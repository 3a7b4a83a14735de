"""The figures client against the simulator, the official client, and bad answers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from openrouter import OpenRouter

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.openrouter.activity import ActivityClient
from mai_usage_ext.ports.reconciliation import Candidate, Figures
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.auth import ApiKey, new_secret
from mai_usage_ext.simulator.bill import Record
from mai_usage_ext.simulator.charge import picodollars

DAY = date(2026, 6, 15)
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
AROUND = {
    "from_ms": int((NOON - timedelta(minutes=1)).timestamp() * 1000),
    "until_ms": int((NOON + timedelta(minutes=1)).timestamp() * 1000),
}
MODEL = "qwen/qwen3-8b"


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def simulator(clock: Clock) -> AsyncIterator[Simulator]:
    async with Simulator(clock=clock) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> ActivityClient:
    return ActivityClient(simulator.url)


async def chat(
    simulator: Simulator, *, user: str = "or-ada", model: str = MODEL, **switches: Any
) -> Record:
    """One real call on the wire; its record."""
    simulator.switch(**switches)
    body = {"model": model, "user": user, "messages": [{"role": "user", "content": "Good day"}]}
    headers = {"Authorization": f"Bearer {simulator.inference_key}"}
    async with (
        ClientSession() as session,
        session.post(f"{simulator.url}/chat/completions", json=body, headers=headers) as answer,
    ):
        assert answer.status == 200
        await answer.read()
    return simulator.bill.records[-1]


async def test_a_day_by_model(simulator: Simulator, client: ActivityClient, clock: Clock) -> None:
    first = await chat(simulator)
    second = await chat(simulator, byok=True, reasoning_tokens=5)
    other = await chat(simulator, model="openai/gpt-4o", byok=False)
    clock.now += timedelta(days=1)
    await chat(simulator)
    asked = {"key_hash": first.key_hash, "management_key": simulator.management_key}
    day = await client.day(DAY, **asked)
    assert day.models[MODEL] == Figures(
        requests=2,
        prompt_tokens=first.tokens.prompt + second.tokens.prompt,
        completion_tokens=first.tokens.completion + second.tokens.completion,
        reasoning_tokens=5,
        raw_pusd=picodollars(first.spend) + picodollars(second.spend),
    )
    assert second.spend > second.cost, "the upstream part of a call with an own key counts too"
    assert day.models["openai/gpt-4o"].raw_pusd == picodollars(other.spend)
    assert day.names == {MODEL + "-04-28": MODEL, "openai/gpt-4o-2024-08-06": "openai/gpt-4o"}

    nobody = await client.day(DAY, key_hash="0" * 64, management_key=simulator.management_key)
    assert nobody.models == {}
    today = await client.day(clock.now.date(), **asked)
    assert today.models == {}, "only completed days"


async def test_the_official_client_reads_the_same(
    simulator: Simulator, client: ActivityClient, clock: Clock
) -> None:
    record = await chat(simulator)
    clock.now += timedelta(days=1)
    key = simulator.management_key
    ours = await client.day(DAY, key_hash=record.key_hash, management_key=key)
    async with OpenRouter(api_key=key, server_url=simulator.url, retry_config=None) as judge:
        answer = await judge.analytics.get_user_activity_async(
            request={"date_": "2026-06-15", "api_key_hash": record.key_hash}
        )
    [row] = answer.data
    assert (row.model, row.requests) == (MODEL, ours.models[MODEL].requests)
    assert round(row.usage * 10**12) == ours.models[MODEL].raw_pusd


async def test_candidates_are_a_keys_generations_of_a_time(
    simulator: Simulator, client: ActivityClient, clock: Clock
) -> None:
    record = await chat(simulator)
    asked = {"key_hash": record.key_hash, "management_key": simulator.management_key}
    clock.now += timedelta(minutes=5)
    await chat(simulator)
    found = await client.candidates(**asked, **AROUND)
    assert found == [Candidate(generation_id=record.generation_id, model=MODEL, user="or-ada")]
    stranger = {**asked, "key_hash": "0" * 64}
    assert await client.candidates(**stranger, **AROUND) == []


async def test_whether_analytics_name_generations(
    simulator: Simulator, client: ActivityClient
) -> None:
    asked = {"management_key": simulator.management_key}
    assert await client.names_generations(**asked)
    simulator.switch(analytics_generation_id=False)
    assert not await client.names_generations(**asked)
    simulator.switch(analytics=False)
    assert not await client.names_generations(**asked)
    simulator.switch(management_status=429)
    with pytest.raises(UpstreamError) as raised:
        await client.names_generations(**asked)
    assert raised.value.status == 429, "trouble is not the same as no"


async def test_counters_of_all_keys(simulator: Simulator, client: ActivityClient) -> None:
    for number in range(120):
        add_key(simulator, f"key {number}")
    record = await chat(simulator, byok=True)
    found = {
        usage.key_hash: usage
        for usage in await client.usage(management_key=simulator.management_key)
    }
    assert len(found) == 121, "two pages"
    assert found[record.key_hash].usage_pusd == picodollars(record.spend)
    assert found[record.key_hash].label.startswith("sk-or-v1-111")
    assert {usage.name for usage in found.values()} == {
        "default",
        *(f"key {number}" for number in range(120)),
    }


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_an_error_carries_its_status(
    simulator: Simulator, client: ActivityClient, status: int
) -> None:
    simulator.switch(management_status=status)
    key = simulator.management_key
    asked: list[Awaitable[object]] = [
        client.day(DAY, key_hash="x", management_key=key),
        client.candidates(key_hash="x", management_key=key, **AROUND),
        client.usage(management_key=key),
    ]
    for one in asked:
        with pytest.raises(UpstreamError) as raised:
            await one
        assert raised.value.status == status


ROW = {"date": "2026-06-15", "model": MODEL, "usage": 1.5, "requests": 1}

BAD_DAYS = [
    {},
    {"data": None},
    {"data": {}},
    {"data": [None]},
    {"data": [{**ROW, "date": "2026-06-14"}]},
    {"data": [{**ROW, "date": None}]},
    {"data": [{**ROW, "model": ""}]},
    {"data": [{**ROW, "usage": "free"}]},
    {"data": [{**ROW, "usage": -1}]},
    {"data": [{**ROW, "usage": 10**9}]},
    {"data": [{**ROW, "byok_usage_inference": True}]},
    {"data": [{**ROW, "requests": -1}]},
    {"data": [{**ROW, "requests": 1.5}]},
    {"data": [{**ROW, "requests": True}]},
    {"data": [{**ROW, "prompt_tokens": "many"}]},
]


@pytest.mark.parametrize("body", BAD_DAYS)
async def test_figures_that_make_no_sense_are_no_figures(body: dict[str, Any]) -> None:
    async with answering(body) as url:
        with pytest.raises(UpstreamError):
            await ActivityClient(url).day(DAY, key_hash="x", management_key="sk-or-v1-test-test")


async def test_what_is_left_out_is_zero_and_counts_may_be_strings() -> None:
    rows = [{**ROW, "requests": "7", "usage": 0.1, "byok_usage_inference": 0.2}, ROW]
    async with answering({"data": rows}) as url:
        day = await ActivityClient(url).day(DAY, key_hash="x", management_key="k")
    assert day.models[MODEL] == Figures(requests=8, raw_pusd=18 * 10**11), "exact, not as floats"
    assert day.names == {}


@pytest.mark.parametrize(
    "body",
    [
        {"data": []},
        {"data": {"data": None}},
        {"data": {"data": [{"model": MODEL}]}},
        {"data": {"data": [{"generation_id": 7, "model": MODEL}]}},
    ],
)
async def test_candidates_that_make_no_sense(body: dict[str, Any]) -> None:
    async with answering(body) as url:
        with pytest.raises(UpstreamError):
            await ActivityClient(url).candidates(key_hash="x", management_key="k", **AROUND)


@pytest.mark.parametrize("truncated", [False, True])
async def test_a_cut_answer_is_no_answer(truncated: bool) -> None:
    rows = [{"generation_id": "gen-1", "model": MODEL, "external_user": None}]
    body = {"data": {"data": rows, "metadata": {"truncated": truncated}}}
    async with answering(body) as url:
        found = await ActivityClient(url).candidates(key_hash="x", management_key="k", **AROUND)
    whole = [Candidate(generation_id="gen-1", model=MODEL, user=None)]
    assert found == (None if truncated else whole)


def add_key(simulator: Simulator, name: str) -> None:
    service = simulator.service
    service.keys.add(ApiKey(secret=new_secret(), name=name, created_at=service.clock()))


class answering:  # noqa: N801 - it reads as what it does: async with answering(body) as url:
    """A server that says the same to everybody."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body

    async def __aenter__(self) -> str:
        app = web.Application()
        handler: Callable[[web.Request], Awaitable[web.Response]] = self._answer
        app.router.add_route("*", "/{path:.*}", handler)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        return f"http://{host}:{port}"

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, _request: web.Request) -> web.Response:
        return web.json_response(self._body)

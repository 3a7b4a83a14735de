"""What the simulator tells of its calls."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from mai_usage_ext.simulator import Simulator
from tests.services.reconciliation_rig import MODEL


async def ask(simulator: Simulator, **switches: Any) -> None:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "hello"}],
        "user": "or-ada",
        "simulate": switches,
    }
    headers = {"Authorization": f"Bearer {simulator.inference_key}"}
    url = f"{simulator.url}/chat/completions"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers=headers) as answer,
    ):
        assert answer.status == 200


async def test_a_trace_has_the_bill_of_its_call() -> None:
    heard: list[Any] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append((request.headers["X-Word"], await request.json()))
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with Simulator() as simulator:
        override = {"session.id": "s", "gen_ai.operation.name": None}
        await ask(
            simulator,
            broadcast_url=url,
            broadcast_headers={"X-Word": "open"},
            broadcast_copies=2,
            broadcast_gzip=True,
            broadcast_lag=0.01,
            broadcast_override=override,
        )
        await simulator.service.broadcaster.sent()
        await ask(simulator)
        [record, _] = simulator.bill.records
    await runner.cleanup()
    assert len(heard) == 2
    assert heard[0] == heard[1]
    word, body = heard[0]
    assert word == "open"
    [root, attempt] = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert attempt["parentSpanId"] == root["spanId"]
    said = {one["key"]: one["value"] for one in root["attributes"]}
    assert said["gen_ai.response.id"] == {"stringValue": record.generation_id}
    assert said["gen_ai.usage.total_cost"] == {"doubleValue": float(record.cost)}
    assert said["gen_ai.usage.input_tokens"] == {"intValue": str(record.tokens.prompt)}
    assert said["user.id"] == {"stringValue": "or-ada"}
    assert said["session.id"] == {"stringValue": "s"}
    assert "gen_ai.operation.name" not in said


@pytest.mark.parametrize("lag", [0, 3600])
async def test_nobody_listens_and_nobody_waits(lag: int) -> None:
    async with Simulator() as simulator:
        # A port nobody may listen on.
        await ask(simulator, broadcast_url="http://127.0.0.1:1/", broadcast_lag=lag)
        broadcaster = simulator.service.broadcaster
        if lag == 0:
            await broadcaster.sent()
            assert [answer.status for answer in broadcaster.answers] == [0]
        await asyncio.wait_for(simulator.stop(), 10)
        assert not broadcaster._under_way

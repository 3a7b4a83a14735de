"""`GET /generation`: unknown for a while, then exact."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulator.conftest import Client


async def test_a_generation_tells_what_the_bill_says(client: Client) -> None:
    answer = await client.stream(
        user="user-1", simulate={"cached_tokens": 2, "reasoning_tokens": 3, "web_search": 1}
    )
    record = client.simulator.bill.records[0]
    data = (await client.call("GET", f"/generation?id={record.generation_id}")).json["data"]
    usage = answer.events[-1]["usage"]
    assert data["id"] == answer.headers["X-Generation-Id"]
    assert data["total_cost"] == data["usage"] == usage["cost"] == record.cost
    assert data["tokens_prompt"] == data["native_tokens_prompt"] == usage["prompt_tokens"]
    assert data["tokens_completion"] == usage["completion_tokens"]
    assert (data["native_tokens_cached"], data["native_tokens_reasoning"]) == (2, 3)
    assert data["num_search_results"] == 1
    assert data["external_user"] == "user-1"
    assert (data["streamed"], data["cancelled"], data["is_byok"]) == (True, False, False)
    assert data["finish_reason"] == "stop"
    assert data["created_at"].endswith("Z")


async def test_it_is_unknown_until_its_delay_is_over(client: Client) -> None:
    answer = await client.chat(simulate={"generation_delay": 30})
    path = f"/generation?id={answer.json['id']}"
    early = await client.call("GET", path)
    assert early.status == early.json["error"]["code"] == 404
    await client.control("POST", "/clock", {"advance": 29})
    assert (await client.call("GET", path)).status == 404
    await client.control("POST", "/clock", {"advance": 2})
    assert (await client.call("GET", path)).status == 200


async def test_it_is_unknown_while_the_call_goes_on(client: Client) -> None:
    call = asyncio.create_task(client.stream(simulate={"chunk_delay": 0.02, "chunks": 3}))
    await client.simulator.bill.until(lambda bill: bill.records)
    path = f"/generation?id={client.simulator.bill.records[0].generation_id}"
    assert (await client.call("GET", path)).status == 404
    await call
    assert (await client.call("GET", path)).status == 200


async def test_an_unknown_or_missing_id_is_404(client: Client) -> None:
    assert (await client.call("GET", "/generation?id=gen-1-x")).status == 404
    assert (await client.call("GET", "/generation")).status == 404
    assert (await client.call("GET", "/generation?id=x", key="wrong")).status == 401


@pytest.mark.parametrize("status", [404, 429, 500])
async def test_a_status_can_be_forced(client: Client, status: int) -> None:
    answer = await client.chat(simulate={"generation_status": status})
    path = f"/generation?id={answer.json['id']}"
    assert (await client.call("GET", path)).status == status


async def test_fields_can_be_replaced(client: Client) -> None:
    answer = await client.chat(simulate={"generation_override": {"total_cost": None}})
    path = f"/generation?id={answer.json['id']}"
    assert (await client.call("GET", path)).json["data"]["total_cost"] is None
    client.simulator.switch(generation_override={"total_cost": "-1"})
    assert (await client.call("GET", path)).json["data"]["total_cost"] == "-1"

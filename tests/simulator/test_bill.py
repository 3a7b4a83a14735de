"""The bill is exact, and every other figure of the account agrees with it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from mai_usage_ext.simulator.bill import Record
from mai_usage_ext.simulator.catalogue import MODELS
from mai_usage_ext.simulator.charge import Tokens, charge_for, picodollars
from tests.simulator.conftest import Client, messages


async def _stop_half_way(client: Client, **switches: Any) -> Record:
    """Start a stream, read one line of it and hang up; returns the closed record."""
    wanted = {"chunks": 2000, "chunk_delay": 0.002, **switches}
    body = {"model": "openai/gpt-4o", "messages": messages("Hi"), "stream": True}
    async with aiohttp.ClientSession() as session:
        response = await session.post(
            f"{client.simulator.url}/chat/completions",
            json={**body, "simulate": wanted},
            headers={"Authorization": f"Bearer {client.simulator.inference_key}"},
        )
        await response.content.readline()
        response.close()
    record = client.simulator.bill.records[-1]
    await client.simulator.bill.until(lambda _: record.ended_at)
    return record


@pytest.mark.parametrize("billing", ["none", "partial", "full"])
async def test_a_stopped_stream(client: Client, billing: str) -> None:
    whole = (await client.stream("Hi", model="openai/gpt-4o", simulate={"chunks": 2000})).events
    full = whole[-1]["usage"]["cost"]
    record = await _stop_half_way(client, cancel_billing=billing)
    assert (record.cancelled, record.delivered, record.finish_reason) == (True, False, None)
    if billing == "none":
        assert record.cost == record.tokens.total == 0
    elif billing == "full":
        assert record.cost == full
    else:
        assert 0 < record.cost < full
    generation = await client.call("GET", f"/generation?id={record.generation_id}")
    assert generation.json["data"]["cancelled"] is True
    assert generation.json["data"]["total_cost"] == record.cost


async def test_a_stopped_plain_call(client: Client) -> None:
    async with aiohttp.ClientSession() as session:
        call = asyncio.create_task(
            session.post(
                f"{client.simulator.url}/chat/completions",
                json={
                    "model": "openai/gpt-4o",
                    "messages": messages("Hi"),
                    "simulate": {"first_delay": 600},
                },
                headers={"Authorization": f"Bearer {client.simulator.inference_key}"},
            )
        )
        await client.simulator.bill.until(lambda bill: bill.records)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    record = client.simulator.bill.records[0]
    await client.simulator.bill.until(lambda _: record.ended_at)
    assert (record.cancelled, record.streamed) == (True, False)
    assert record.cost > 0


async def test_hanging_up_after_done_is_no_cancellation(client: Client) -> None:
    body = {"model": "openai/gpt-4o", "messages": messages("Hi"), "stream": True}
    headers = {"Authorization": f"Bearer {client.simulator.inference_key}"}
    for _ in range(20):
        async with aiohttp.ClientSession() as session:
            url = f"{client.simulator.url}/chat/completions"
            response = await session.post(url, json=body, headers=headers)
            while await response.content.readline() != b"data: [DONE]\n":
                pass
            response.close()
    records = client.simulator.bill.records
    assert all(record.delivered and not record.cancelled for record in records)


async def test_the_bill_is_served(client: Client) -> None:
    await client.chat(user="user-1")
    await client.stream(simulate={"byok": True})
    await client.chat(simulate={"status": 429})
    await client.chat(key="sk-or-v1-wrong")
    bill = (await client.control("GET", "/bill")).json
    assert bill["counts"] == {
        "records": 2,
        "open": 0,
        "delivered": 2,
        "cancelled": 0,
        "failed": 0,
        "streamed": 1,
        "refused": 2,
    }
    first, second = bill["records"]
    assert (first["sequence"], second["sequence"]) == (1, 2)
    assert first["user"] == "user-1"
    assert first["model_asked"] == first["model_answered"] == "openai/gpt-4o-mini"
    assert (first["provider"], first["endpoint"]) == ("OpenAI", "/chat/completions")
    assert (first["streamed"], second["streamed"]) == (False, True)
    assert client.simulator.inference_key not in str(bill)
    for row in (first, second, bill["totals"]):
        for name in ("cost", "upstream_cost", "spend"):
            assert isinstance(row[name], str)
            assert Decimal(row[name]) == row[f"{name}_pusd"] * Decimal("1e-12")
    assert second["spend_pusd"] == second["cost_pusd"] + second["upstream_cost_pusd"]
    assert first["spend_pusd"] == first["cost_pusd"]
    assert bill["totals"]["spend_pusd"] == first["spend_pusd"] + second["spend_pusd"]
    assert [row["status"] for row in bill["refused"]] == [429, 401]
    assert [row["key_hash"] for row in bill["refused"]] == [first["key_hash"], None]
    later = (await client.control("GET", "/bill?since=1")).json
    assert later == {**bill, "records": [second]}
    assert (await client.control("GET", "/bill?since=now")).status == 400
    emptied = (await client.control("DELETE", "/bill")).json
    assert (emptied["records"], emptied["refused"]) == ([], [])
    assert emptied["totals"]["cost_pusd"] == 0


async def test_a_call_that_outlives_a_reset_stays_off_the_new_bill(client: Client) -> None:
    call = asyncio.create_task(client.chat(simulate={"first_delay": 0.05}))
    await client.simulator.bill.until(lambda bill: bill.records)
    client.simulator.bill.reset()
    assert (await call).status == 200
    assert client.simulator.bill.records == []
    assert client.simulator.bill.total_cost() == 0


async def test_everything_adds_up(client: Client) -> None:
    """Usage blocks = generations = key usage = activity = credits = bill, to the last digit."""
    made = await client.manage("POST", "/keys", {"name": "second"})
    keys = (client.simulator.inference_key, made.json["key"])
    shown = await _traffic(client, keys)
    bill = client.simulator.bill
    ids = [record.generation_id for record in bill.records]
    generations = [(await client.call("GET", f"/generation?id={i}")).json["data"] for i in ids]
    client.simulator.switch(include_today=True)
    listed = (await client.manage("GET", "/keys")).json["data"]
    activity = (await client.manage("GET", "/activity")).json["data"]
    credit = (await client.manage("GET", "/credits")).json["data"]
    analytics = await client.manage(
        "POST", "/analytics/query", {"metrics": ["total_usage"], "dimensions": ["model"]}
    )
    total = sum((record.cost for record in bill.records), Decimal(0))
    assert total > 0
    assert sum(shown) == total
    assert sum(generation["total_cost"] for generation in generations) == total
    assert sum(key["usage"] for key in listed) == total
    assert sum(row["usage"] for row in activity) == total
    assert sum(row["total_usage"] for row in analytics.json["data"]["data"]) == total
    assert credit["total_usage"] == total
    statement = bill.statement()
    assert Decimal(statement["totals"]["cost"]) == total
    assert sum(row["cost_pusd"] for row in statement["records"]) == picodollars(total)
    assert sum(row["requests"] for row in activity) == len(ids) == len(set(ids))
    upstream = sum(row["byok_usage_inference"] for row in activity)
    assert sum(key["byok_usage"] for key in listed) == upstream
    assert bill.total_spend() == total + upstream


async def _traffic(client: Client, keys: tuple[str, str]) -> list[Decimal]:
    """Calls of many kinds, all of them delivered; returns the costs that their answers show."""
    costs: list[Decimal] = []
    for number, model in enumerate(MODELS.values()):
        key = keys[number % 2]
        extra = {"byok": number % 3 == 0, "cached_tokens": number, "reasoning_tokens": number}
        if model.embeds:
            body = {"model": model.id, "input": f"Text {number}", "simulate": extra}
            answer = await client.call("POST", "/embeddings", body, key=key)
            costs.append(answer.json["usage"]["cost"])
            continue
        text = f"Question {number} about " + "rivers " * number
        options = {"model": model.id, "key": key, "simulate": extra}
        costs.append((await client.chat(text, **options)).json["usage"]["cost"])
        costs.append((await client.stream(text, **options)).events[-1]["usage"]["cost"])
        body = {"model": model.id, "input": text, "simulate": extra}
        answer = await client.call("POST", "/responses", body, key=key)
        costs.append(answer.json["usage"]["cost"])
        answer = await client.call("POST", "/responses", {**body, "stream": True}, key=key)
        costs.append(answer.events[-1]["response"]["usage"]["cost"])
    return costs


async def test_calls_side_by_side_are_all_there(client: Client) -> None:
    answers = await asyncio.gather(*(client.stream(f"Question {n}") for n in range(60)))
    ids = {answer.headers["X-Generation-Id"] for answer in answers}
    records = client.simulator.bill.records
    assert {record.generation_id for record in records} == ids
    assert sorted(record.sequence for record in records) == list(range(1, 61))
    costs = [answer.events[-1]["usage"]["cost"] for answer in answers]
    assert sum(costs) == client.simulator.bill.total_cost()


async def test_stopping_the_simulator_closes_every_record(client: Client) -> None:
    call = asyncio.create_task(client.stream(simulate={"chunk_delay": 600}))
    await client.simulator.bill.until(lambda bill: bill.records)
    await client.simulator.stop()
    with pytest.raises(aiohttp.ClientError):
        await call
    record = client.simulator.bill.records[0]
    assert record.ended_at is not None
    assert (record.cancelled, record.delivered) == (True, False)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.id)
@pytest.mark.parametrize("is_byok", [False, True])
def test_every_price_gives_whole_picodollars(model: Any, is_byok: bool) -> None:
    tokens = Tokens(prompt=99_991, completion=7_919, cached=13, reasoning=5, searches=1)
    charge = charge_for(model, tokens, is_byok=is_byok)
    assert picodollars(charge.spend) > 0
    assert picodollars(charge.cost) * Decimal("1e-12") == charge.cost


def test_less_than_a_picodollar_is_never_rounded_away() -> None:
    with pytest.raises(ValueError, match="not a whole number of picodollars"):
        picodollars(Decimal("1e-13"))


def test_the_real_example() -> None:
    """8174 prompt and 30 completion tokens with one search, as the live service billed them."""
    model = MODELS["openai/gpt-4o-mini"]
    priced = type(model)(
        id=model.id,
        slug=model.slug,
        name=model.name,
        provider=model.provider,
        prompt_price=Decimal("0.0000004"),
        completion_price=Decimal("0.0000016"),
    )
    charge = charge_for(priced, Tokens(prompt=8174, completion=30, searches=1), is_byok=False)
    assert charge.upstream_prompt == Decimal("0.0032696")
    assert charge.upstream_completion == Decimal("0.000048")
    assert charge.cost == Decimal("0.0133176")

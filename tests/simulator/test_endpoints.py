"""The other ways to ask: `/responses`, `/embeddings`, `/messages`, and the lists of models."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from anthropic import Anthropic

from mai_usage_ext.simulator import Simulator
from tests.simulator.conftest import Client, messages

MODEL = "anthropic/claude-sonnet-4"


async def test_responses_carry_their_usage_at_the_end(client: Client) -> None:
    body = {"model": MODEL, "instructions": "Be kind.", "input": messages("Good morning")}
    whole = (await client.call("POST", "/responses", body)).json
    stream = await client.call("POST", "/responses", {**body, "stream": True})
    types = [event["type"] for event in stream.events]
    assert types[0] == "response.created"
    assert types[-1] == "response.completed"
    assert stream.data[-1] == "[DONE]"
    completed = stream.events[-1]["response"]
    assert completed["usage"] == whole["usage"]
    assert completed["output_text"] == whole["output"][0]["content"][0]["text"]
    assert completed["id"] == stream.headers["X-Generation-Id"]
    deltas = [e["delta"] for e in stream.events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == whole["output_text"]
    assert "usage" not in stream.events[0]["response"]
    assert whole["usage"]["cost"] == client.simulator.bill.records[0].cost


async def test_a_response_cut_short_is_incomplete(client: Client) -> None:
    body = {"model": MODEL, "input": "Good morning", "max_output_tokens": 3}
    answer = (await client.call("POST", "/responses", body)).json
    assert answer["status"] == "incomplete"
    assert answer["incomplete_details"] == {"reason": "max_output_tokens"}


async def test_embeddings_are_unit_vectors_and_repeat(client: Client) -> None:
    body = {"model": "qwen/qwen3-embedding-8b", "input": ["one", "two", "one"]}
    answer = (await client.call("POST", "/embeddings", body)).json
    vectors = [[float(part) for part in item["embedding"]] for item in answer["data"]]
    assert [item["index"] for item in answer["data"]] == [0, 1, 2]
    assert vectors[0] == vectors[2] != vectors[1]
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-4) for vector in vectors)
    usage = answer["usage"]
    assert usage["cost"] == usage["prompt_tokens"] * Decimal("0.000000010013")
    assert "completion_tokens" not in usage


async def test_a_stream_of_embeddings_does_not_exist(client: Client) -> None:
    body = {"model": "qwen/qwen3-embedding-8b", "input": "one", "stream": True}
    answer = await client.call("POST", "/embeddings", body)
    assert answer.json["object"] == "list"
    assert client.simulator.bill.records[0].streamed is False


@pytest.mark.parametrize("path", ["/embeddings", "/responses", "/messages"])
async def test_an_empty_request_is_refused(client: Client, path: str) -> None:
    answer = await client.call("POST", path, {"model": MODEL})
    assert answer.status == 400
    assert "Input required" in answer.json["error"]["message"]


async def test_a_stream_of_messages_has_tokens_but_no_cost(client: Client) -> None:
    body = {"model": MODEL, "max_tokens": 500, "messages": messages("Hi"), "stream": True}
    stream = await client.call("POST", "/messages", body)
    usages = [event["usage"] for event in stream.events if event["type"] == "message_delta"]
    assert usages[0]["output_tokens"] > 0
    assert not [usage for usage in usages if "cost" in usage]
    assert client.simulator.bill.total_cost() > 0
    priced = await client.call("POST", "/messages", {**body, "simulate": {"messages_cost": True}})
    delta = next(event for event in priced.events if event["type"] == "message_delta")
    assert delta["usage"]["cost"] == client.simulator.bill.records[1].cost
    failed = await client.call(
        "POST", "/messages", {**body, "simulate": {"stream_error": "without_usage"}}
    )
    assert failed.events[-1]["type"] == "error"


async def test_counting_tokens_is_free(client: Client) -> None:
    body = {"model": MODEL, "messages": messages("Good morning")}
    counted = (await client.call("POST", "/messages/count_tokens", body)).json
    answer = (await client.call("POST", "/messages", {**body, "max_tokens": 500})).json
    assert counted == {"input_tokens": answer["usage"]["input_tokens"]}
    assert answer["usage"]["cost"] == client.simulator.bill.total_cost()
    assert len(client.simulator.bill.records) == 1


def test_the_client_of_anthropic(threaded: Simulator) -> None:
    asked: Any = {"model": MODEL, "max_tokens": 500, "messages": messages("Good morning")}
    with Anthropic(
        api_key=threaded.inference_key, base_url=f"{threaded.origin}/api", max_retries=0
    ) as anthropic:
        whole: Any = anthropic.messages.create(**asked)
        with anthropic.messages.stream(**asked) as stream:
            streamed: Any = stream.get_final_message()
        counted = anthropic.messages.count_tokens(model=MODEL, messages=asked["messages"])
    assert whole.content[0].text == streamed.content[0].text
    assert whole.usage.output_tokens == streamed.usage.output_tokens
    assert counted.input_tokens == whole.usage.input_tokens
    assert len(threaded.bill.records) == 2


async def test_models_need_no_key(client: Client) -> None:
    async with client.session.get(f"{client.simulator.url}/models") as response:
        listed = {model["id"]: model for model in (await response.json())["data"]}
    assert listed["openrouter/auto"]["pricing"]["prompt"] == "-1"
    assert listed["qwen/qwen3-8b"]["pricing"]["prompt"] == "0.000000035137"
    assert len({model["pricing"]["prompt"] for model in listed.values()}) > 5


@pytest.mark.parametrize("path", ["/nothing", "/chat/completions"])
async def test_an_unknown_path_or_method_is_an_error_in_json(client: Client, path: str) -> None:
    answer = await client.call("GET", path)
    assert answer.status == answer.json["error"]["code"]
    assert answer.status in {404, 405}


@pytest.mark.parametrize(
    "body", [{}, {"now": "noon"}, {"now": "2026-03-02T12:00:00"}, {"advance": "a day"}]
)
async def test_a_wrong_time_is_refused(client: Client, body: dict[str, str]) -> None:
    assert (await client.control("POST", "/clock", body)).status == 400


async def test_the_clock_can_be_moved_and_put_back(client: Client) -> None:
    await client.control("POST", "/clock", {"now": "2026-03-02T12:00:00+01:00"})
    assert (await client.control("GET", "/clock")).json["now"].startswith("2026-03-02T11:00:0")
    assert (await client.chat()).json["created"] // 86_400 == 20_514
    await client.control("DELETE", "/clock")
    real = client.simulator.service.clock.offset
    assert real.total_seconds() == 0

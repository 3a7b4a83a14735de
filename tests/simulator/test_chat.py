"""What a completion says, how it is counted, and the shapes of its usage."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.simulator.text import answer_to, count_tokens
from tests.simulator.conftest import Client

TITLE = (
    "### Task:\nGenerate a concise title.\n### Output:\n"
    'JSON format: { "title": "your concise title here" }\n'
    "### Chat History:\n<chat_history>\nUSER: {question}\n</chat_history>"
)


async def test_a_plain_answer(client: Client) -> None:
    answer = await client.chat()
    body = answer.json
    assert answer.status == 200
    assert answer.headers["X-Generation-Id"] == body["id"]
    assert body["choices"][0]["message"]["content"].endswith((".", "?"))
    usage, record = body["usage"], client.simulator.bill.records[0]
    assert usage["prompt_tokens"] == record.tokens.prompt
    assert usage["completion_tokens"] == count_tokens(body["choices"][0]["message"]["content"])
    assert usage["cost"] == record.cost
    expected = usage["prompt_tokens"] * Decimal("0.00000015")
    expected += usage["completion_tokens"] * Decimal("0.0000006")
    assert usage["cost"] == expected


async def test_a_generation_id_carries_its_second(client: Client) -> None:
    first = (await client.chat()).json
    second = (await client.chat()).json
    prefix, at, tail = first["id"].split("-")
    assert (prefix, int(at)) == ("gen", first["created"])
    assert len(tail) == 20
    assert tail.isalnum()
    assert first["id"] != second["id"]


async def test_the_same_question_costs_the_same_and_another_does_not(client: Client) -> None:
    costs = [
        (await client.chat(text)).json["usage"]["cost"]
        for text in ("Tell me about owls", "Tell me about owls", "Why are there so many birds?")
    ]
    assert costs[0] == costs[1] != costs[2]


async def test_a_stream_says_what_the_whole_says(client: Client) -> None:
    whole = (await client.chat()).json
    stream = await client.stream()
    chunks = stream.events
    text = "".join(c["choices"][0]["delta"]["content"] for c in chunks if c["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"] == whole["usage"]
    assert chunks[-1]["choices"] == []
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert stream.data[-1] == "[DONE]"
    assert {chunk["id"] for chunk in chunks} == {stream.headers["X-Generation-Id"]}


async def test_max_tokens_cuts_the_answer(client: Client) -> None:
    body = (await client.chat(max_tokens=5)).json
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] <= 5


@pytest.mark.parametrize(
    ("asked", "answered", "cost_is_zero"),
    [
        ("openai/gpt-4o:nitro", "openai/gpt-4o:nitro", False),
        ("openrouter/auto", "openai/gpt-4o-mini", False),
        ("meta-llama/llama-3.3-70b-instruct:free", None, True),
    ],
)
async def test_names_of_models(
    client: Client, asked: str, answered: str | None, cost_is_zero: bool
) -> None:
    body = (await client.chat(model=asked)).json
    assert body["model"] == (answered or asked)
    assert (body["usage"]["cost"] == 0) is cost_is_zero


async def test_online_adds_a_web_search(client: Client) -> None:
    body = (await client.chat(model="openai/gpt-4o-mini:online")).json
    assert body["usage"]["server_tool_use_details"] == {"web_search_requests": 1}
    assert body["usage"]["cost"] > Decimal("0.01")


@pytest.mark.parametrize(
    "body",
    [
        {"model": "openai/none", "messages": [{"role": "user", "content": "Hi"}]},
        {"model": "openai/text-embedding-3-small", "messages": [{"role": "user"}]},
        {"model": "openai/gpt-4o-mini", "messages": []},
        {"messages": [{"role": "user", "content": "Hi"}]},
        ["not an object"],
    ],
)
async def test_a_bad_request_is_refused(client: Client, body: Any) -> None:
    answer = await client.call("POST", "/chat/completions", body)
    assert answer.status == answer.json["error"]["code"] == 400
    assert not client.simulator.bill.records
    assert client.simulator.bill.refused[0].status == 400


async def test_cached_and_reasoning_tokens(client: Client) -> None:
    plain = (await client.chat()).json["usage"]
    usage = (await client.chat(simulate={"cached_tokens": 4, "reasoning_tokens": 100})).json[
        "usage"
    ]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 4
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 100
    assert usage["completion_tokens"] == plain["completion_tokens"] + 100
    more = 100 * Decimal("0.0000006") - 4 * Decimal("0.000000075")
    assert usage["cost"] == plain["cost"] + more
    assert client.simulator.bill.records[1].row()["tokens"]["cached"] == 4


async def test_byok_costs_a_fee_and_the_upstream_part(client: Client) -> None:
    plain = (await client.chat()).json["usage"]
    usage = (await client.chat(simulate={"byok": True})).json["usage"]
    upstream = usage["cost_details"]["upstream_inference_cost"]
    assert usage["is_byok"] is True
    assert upstream == plain["cost"]
    assert usage["cost"] == upstream * Decimal("0.05")
    row = client.simulator.bill.records[1].row()
    assert Decimal(row["spend"]) == usage["cost"] + upstream
    assert Decimal(row["cost"]) == usage["cost"]


async def test_web_searches_cost_a_cent_each(client: Client) -> None:
    plain = (await client.chat()).json["usage"]
    usage = (await client.chat(simulate={"web_search": 3})).json["usage"]
    assert usage["cost"] - plain["cost"] == Decimal("0.03")
    assert usage["cost_details"]["server_tool_cost"] == Decimal("0.03")


async def test_a_marker_in_the_message_switches_and_is_not_read(client: Client) -> None:
    plain = (await client.stream("Good morning", simulate={"chunks": 7})).events
    marked = (await client.stream('Good morning [[simulate {"chunks": 7}]]')).events
    assert len(marked) == len(plain) == 9
    assert marked[-1]["usage"] == plain[-1]["usage"]


async def test_background_tasks_get_the_json_they_want(client: Client) -> None:
    question = 'How do I bake bread? [[simulate {"status": 500}]]'
    prompt = TITLE.replace("{question}", question)
    answer = await client.chat(prompt)
    # The marker is quoted from the chat, so it is not meant for this call.
    assert answer.status == 200
    title = json.loads(answer.json["choices"][0]["message"]["content"])
    assert set(title) == {"title"}
    assert "bread" in title["title"].lower()


@pytest.mark.parametrize(
    ("key", "kind"),
    [("tags", list), ("follow_ups", list), ("queries", list), ("text", str), ("prompt", str)],
)
def test_other_tasks(key: str, kind: type) -> None:
    prompt = f'### Task:\nDo it.\n### Output:\n{{ "{key}": … }}\n<chat_history>\n</chat_history>'
    answer = json.loads(answer_to(prompt))
    assert list(answer) == [key]
    assert isinstance(answer[key], kind)
    assert answer[key]


async def test_a_tool_is_called_once(client: Client) -> None:
    tool = {"name": "weather", "arguments": {"city": "Bern"}}
    chunks = (await client.stream(simulate={"tool_call": tool})).events
    delta = chunks[0]["choices"][0]["delta"]
    assert delta["tool_calls"][0]["function"]["name"] == "weather"
    assert chunks[1]["choices"][0]["finish_reason"] == "tool_calls"

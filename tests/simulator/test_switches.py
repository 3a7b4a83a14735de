"""Every switch of an answer does what it says, and a wrong one is refused by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.simulator.panel import Panel
from mai_usage_ext.simulator.switches import FIELDS, INFERENCE, explain
from tests.simulator.conftest import Client, messages


async def test_usage_missing(client: Client) -> None:
    whole = (await client.chat(simulate={"usage": "missing"})).json
    stream = await client.stream(simulate={"usage": "missing"})
    assert "usage" not in whole
    assert not [chunk for chunk in stream.events if "usage" in chunk]
    assert stream.data[-1] == "[DONE]"
    records = client.simulator.bill.records
    assert all(record.cost > 0 for record in records)
    assert not any(record.delivered for record in records)


async def test_repeated_stop(client: Client) -> None:
    chunks = (await client.stream(simulate={"usage_shape": "repeated_stop"})).events
    assert [c["choices"][0]["finish_reason"] for c in chunks[-2:]] == ["stop", "stop"]
    assert "usage" in chunks[-1]


async def test_usage_null_in_ordinary_chunks(client: Client) -> None:
    chunks = (await client.stream(simulate={"usage_null_chunks": True})).events
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert chunks[-1]["usage"]["cost"] > 0


async def test_running_totals_grow_to_the_whole(client: Client) -> None:
    chunks = (await client.stream(simulate={"running_totals": True})).events
    costs = [chunk["usage"]["cost"] for chunk in chunks]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1] == client.simulator.bill.total_cost()


@pytest.mark.parametrize("kind", ["with_usage", "without_usage"])
async def test_an_error_in_the_middle(client: Client, kind: str) -> None:
    wanted = {"stream_error": kind, "stream_error_after": 3, "error_message": "Gone"}
    stream = await client.stream(simulate=wanted)
    last = stream.events[-1]
    record = client.simulator.bill.records[0]
    assert stream.status == 200
    assert len(stream.events) == 4
    assert last["error"] == {"code": 502, "message": "Gone"}
    assert last["choices"][0]["finish_reason"] == "error"
    assert ("usage" in last) is (kind == "with_usage") is record.delivered
    assert stream.data[-1] != "[DONE]"
    assert (record.failed, record.cancelled) == (502, False)
    assert record.cost > 0
    if "usage" in last:
        assert last["usage"]["cost"] == record.cost


@pytest.mark.parametrize("kind", ["with_usage", "without_usage"])
async def test_an_error_in_the_middle_of_responses(client: Client, kind: str) -> None:
    body = {"model": "openai/gpt-4o", "input": "Hi", "stream": True}
    stream = await client.call("POST", "/responses", {**body, "simulate": {"stream_error": kind}})
    last = stream.events[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "server_error"
    assert ("usage" in last["response"]) is (kind == "with_usage")


async def test_dated_slug(client: Client) -> None:
    body = (await client.chat(simulate={"dated_slug": True})).json
    assert body["model"] == "openai/gpt-4o-mini-2024-07-18"
    assert client.simulator.bill.records[0].model_asked == "openai/gpt-4o-mini"


async def test_no_id_header_and_no_id_anywhere(client: Client) -> None:
    headless = await client.chat(simulate={"no_id_header": True})
    nameless = await client.stream(simulate={"no_id_anywhere": True})
    assert "X-Generation-Id" not in headless.headers
    assert headless.json["id"].startswith("gen-")
    assert "X-Generation-Id" not in nameless.headers
    assert not [chunk for chunk in nameless.events if "id" in chunk]
    assert len(client.simulator.bill.records) == 2


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("null", "null"),
        ('"0.12"', '"0.12"'),
        ("-1", "-1"),
        ("NaN", "NaN"),
        ("1e999", "1E+999"),
        ("[]", "[]"),
        ("true", "true"),
    ],
)
async def test_cost_override_sends_anything(client: Client, given: str, sent: str) -> None:
    answer = await client.call(
        "POST",
        "/chat/completions",
        {"model": "openai/gpt-4o", "messages": messages("Hi")},
        **{"X-Simulate": f'{{"cost_override": {given}}}'},
    )
    assert f'"cost":{sent},' in answer.body.decode()
    assert client.simulator.bill.total_cost() > 0


async def test_usage_override_sends_anything(client: Client) -> None:
    for wanted in (None, "many", {"cost": "free"}, [1]):
        body = (await client.chat(simulate={"usage_override": wanted})).json
        assert body["usage"] == wanted


async def test_cost_null_is_still_billed(client: Client) -> None:
    body = (await client.chat(simulate={"cost_null": True})).json
    assert body["usage"]["cost"] is None
    assert client.simulator.bill.total_cost() > 0


@pytest.mark.parametrize("status", [400, 401, 402, 403, 429, 500, 502, 503, 504, 529])
async def test_a_status_is_refused_before_any_work(client: Client, status: int) -> None:
    answer = await client.stream(simulate={"status": status})
    assert answer.status == answer.json["error"]["code"] == status
    assert answer.json["error"]["message"]
    assert "X-Generation-Id" not in answer.headers
    assert ("Retry-After" in answer.headers) is (status in {402, 429, 503})
    bill = client.simulator.bill
    assert not bill.records
    assert bill.refused[0].row()["status"] == status
    assert bill.refused[0].row()["generation_id"] is None


async def test_the_error_can_be_written(client: Client) -> None:
    wanted = {
        "status": 402,
        "error_message": "No budget",
        "error_metadata": {"limit_source": "key"},
        "retry_after": 9,
    }
    answer = await client.chat(simulate=wanted)
    assert answer.json["error"]["message"] == "No budget"
    assert answer.json["error"]["metadata"] == {"limit_source": "key"}
    assert answer.headers["Retry-After"] == "9"


async def test_bill_anyway(client: Client) -> None:
    answer = await client.chat(simulate={"status": 502, "bill_anyway": True})
    record = client.simulator.bill.records[0]
    assert answer.status == 502
    assert answer.headers["X-Generation-Id"] == record.generation_id
    assert (record.failed, record.delivered) == (502, False)
    assert record.cost > 0


async def test_raw_body(client: Client) -> None:
    page = "<html>Bad gateway</html>"
    answer = await client.stream(simulate={"raw_body": page})
    assert answer.body.decode() == page
    assert answer.headers["Content-Type"] == "text/html"
    wanted = {"raw_body": "", "content_type": "text/event-stream"}
    empty = await client.stream(simulate=wanted)
    assert (empty.status, empty.body) == (200, b"")
    assert empty.headers["Content-Type"] == "text/event-stream"
    assert client.simulator.bill.total_cost() > 0


async def test_no_done(client: Client) -> None:
    stream = await client.stream(simulate={"no_done": True})
    assert "[DONE]" not in stream.data
    assert "usage" in stream.events[-1]


# Bad input: the culprit is named, the known ones are listed.


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"usagee": "missing"}, "Unknown switch 'usagee'"),
        ({"usage": "gone"}, "Switch 'usage' must be one of None, 'missing'; got 'gone'"),
        ({"chunks": 0}, "Switch 'chunks' must be a whole number of at least 1, or null"),
        ({"chunks": True}, "Switch 'chunks' must be"),
        ({"cached_tokens": -1}, "Switch 'cached_tokens' must be"),
        ({"chunk_delay": "soon"}, "Switch 'chunk_delay' must be a number of seconds"),
        ({"first_delay": 1e9}, "Switch 'first_delay' must be a number of seconds"),
        ({"byok": 1}, "Switch 'byok' must be true or false"),
        ({"status": 200}, "Switch 'status' must be an HTTP status from 400 to 599"),
        ({"total_credits": "much"}, "Switch 'total_credits' must be an amount of USD"),
        ({"limit_zero_status": 404}, "Switch 'limit_zero_status' must be one of 402, 403"),
        ({"generation_override": []}, "Switch 'generation_override' must be an object"),
        ({"raw_body": 5}, "Switch 'raw_body' must be a string, or null"),
        ([], "Switches must be a JSON object"),
    ],
)
async def test_a_wrong_switch_is_named(client: Client, wanted: Any, complaint: str) -> None:
    answer = await client.chat(simulate=wanted)
    assert answer.status == 400
    assert complaint in answer.json["error"]["message"]
    # The control route is as strict.
    if isinstance(wanted, dict):
        control = await client.control("POST", "/switches", wanted)
        assert control.status == 400
        assert complaint in control.json["error"]["message"]


async def test_an_unknown_switch_lists_the_known_ones(client: Client) -> None:
    message = (await client.chat(simulate={"nope": 1})).json["error"]["message"]
    assert all(name in message for name in FIELDS)


async def test_a_header_that_is_not_json(client: Client) -> None:
    body = {"model": "openai/gpt-4o", "messages": messages("Hi")}
    answer = await client.call("POST", "/chat/completions", body, **{"X-Simulate": "{chunks"})
    assert answer.status == 400
    assert "simulate header is not JSON" in answer.json["error"]["message"]


# Who gets which.


async def test_the_header_wins_over_the_marker_over_the_body_over_the_rest(client: Client) -> None:
    client.simulator.switch(error_message="all", status=500)
    client.simulator.switch(error_message="rule", times=5)

    async def message(text: str = "Hi", **extra: Any) -> str:
        header = extra.pop("header", None)
        body = {"model": "openai/gpt-4o", "messages": messages(text), **extra}
        headers = {} if header is None else {"X-Simulate": header}
        answer = await client.call("POST", "/chat/completions", body, **headers)
        found: str = answer.json["error"]["message"]
        return found

    body = {"error_message": "body"}
    marker = 'Hi [[simulate {"error_message": "marker"}]]'
    assert await message() == "rule"
    assert await message(simulate=body) == "body"
    assert await message(marker, simulate=body) == "marker"
    assert await message(marker, simulate=body, header='{"error_message": "header"}') == "header"
    client.simulator.service.panel.rules.clear()
    assert await message() == "all"


async def test_a_rule_holds_for_some_calls_only(client: Client) -> None:
    client.simulator.switch(status=503, times=2)
    assert [(await client.chat()).status for _ in range(3)] == [503, 503, 200]
    client.simulator.switch(status=500, model="openai/gpt-4o")
    assert (await client.chat()).status == 200
    assert (await client.chat(model="openai/gpt-4o")).status == 500
    client.simulator.switch(status=429, endpoint="/embeddings")
    assert (await client.chat()).status == 200
    embeddings = {"model": "openai/text-embedding-3-small", "input": "Hi"}
    assert (await client.call("POST", "/embeddings", embeddings)).status == 429


async def test_a_rule_about_generations_waits_for_one(client: Client) -> None:
    client.simulator.switch(generation_status=500, times=1)
    path = f"/generation?id={(await client.chat()).json['id']}"
    assert (await client.call("GET", path)).status == 500
    assert (await client.call("GET", path)).status == 200


async def test_the_control_routes_merge_show_and_reset(client: Client) -> None:
    await client.control("POST", "/switches", {"byok": True})
    await client.control("POST", "/switches", {"chunks": 3})
    await client.control("POST", "/switches", {"status": 500, "times": 1})
    shown = (await client.control("GET", "/switches")).json
    assert shown["switches"] == {"byok": True, "chunks": 3}
    assert shown["rules"][0]["times"] == 1
    assert shown["known"] == explain()
    reset = (await client.control("DELETE", "/switches")).json
    assert (reset["switches"], reset["rules"]) == ({}, [])


@pytest.mark.parametrize("wanted", [{"times": 0}, {"times": "x"}, {"model": 5}, {"endpoint": []}])
async def test_a_rule_with_a_wrong_word_is_refused(client: Client, wanted: Any) -> None:
    answer = await client.control("POST", "/switches", {"byok": True, **wanted})
    assert answer.status == 400
    assert next(iter(wanted)) in answer.json["error"]["message"]


def test_switches_of_the_start_outlive_a_reset() -> None:
    panel = Panel({"total_credits": "5"})
    panel.merge({"byok": True})
    panel.reset()
    switches = panel.resolve(INFERENCE, "/chat/completions")
    assert (switches.total_credits, switches.byok) == (Decimal(5), False)


def test_every_switch_is_explained() -> None:
    assert all(about.strip() for about in explain().values())

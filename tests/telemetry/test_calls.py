"""A span for each call, whichever way it goes and however it ends; its content stays out of it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
import requests
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from mai_usage_ext.metering.money import PICO
from tests.telemetry.observed import Observed, is_below
from tests.wire.pipes import chat_of, headers_of, in_thread, spend_nothing
from tests.wire.rig import MODEL, Rig

SLOW = {"chunks": 200, "chunk_delay": 0.01}
SECRET_TEXT = "the formula of the elixir"


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    assert span.attributes is not None
    return span.attributes


def how(span: ReadableSpan) -> tuple[Any, ...]:
    """Outcome, state of the hold, error and status."""
    told = attributes(span)
    names = ("mai_usage.outcome", "mai_usage.hold.state", "error.type")
    return (*(told.get(name) for name in names), span.status.status_code)


@pytest.mark.parametrize(
    ("path", "operation"),
    [("/chat/completions", "chat"), ("/responses", "chat"), ("/embeddings", "embeddings")],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_call_that_went_well(
    observed: Observed, sqlite_rig: Rig, path: str, operation: str, *, stream: bool
) -> None:
    rig = sqlite_rig
    switches = {"cached_tokens": 2, "reasoning_tokens": 5}
    await rig.read(path, stream=stream, switches=switches)
    span = await observed.call()
    [entry] = rig.entries()
    [(hold_id,)] = rig.query("SELECT id FROM usage_holds")
    [record] = rig.simulator.bill.records
    told = dict(attributes(span))
    first_s = told.pop("gen_ai.response.time_to_first_chunk", None)
    is_stream = stream and path != "/embeddings"
    assert (first_s is not None) == is_stream
    model = record.model_asked
    optional = {
        # An embedding's usage block says nothing of caches.
        "gen_ai.usage.cache_read.input_tokens": operation == "chat" and record.tokens.cached,
        "gen_ai.usage.reasoning.output_tokens": record.tokens.reasoning,
        "gen_ai.request.stream": is_stream,
        "mai_usage.provider": entry["provider"],
    }
    address = urlsplit(rig.simulator.url)
    assert told == {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "openrouter",
        "gen_ai.request.model": model,
        "gen_ai.response.model": entry["model"],
        "gen_ai.response.id": entry["generation_id"],
        "gen_ai.usage.input_tokens": entry["prompt_tokens"],
        "gen_ai.usage.output_tokens": entry["completion_tokens"],
        **{name: value for name, value in optional.items() if value},
        "server.address": address.hostname,
        "server.port": address.port,
        "mai_usage.hold.id": hold_id,
        "mai_usage.hold.state": "settled",
        "mai_usage.organization.id": "default",
        "mai_usage.purpose": "chat",
        "mai_usage.outcome": "completed",
        "mai_usage.cost.raw": told["mai_usage.cost.raw"],
        "mai_usage.cost.billed": told["mai_usage.cost.billed"],
    }
    assert Decimal(told["mai_usage.cost.raw"]) * PICO == rig.bill_pusd() > 0
    assert Decimal(told["mai_usage.cost.billed"]) * PICO == entry["billed_pusd"]
    assert span.name == f"{operation} {model}"
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent is None


async def test_it_belongs_to_what_the_host_traces_and_has_its_own_parts(
    observed: Observed, sqlite_rig: Rig
) -> None:
    """As with an instrumented aiohttp, whose span of the request opens inside the dispatch."""

    async def opened(*_: object) -> None:
        observed.host.start_span("POST").end()

    parts = aiohttp.TraceConfig()
    parts.on_request_start.append(opened)
    async with aiohttp.ClientSession(trace_configs=[parts]) as session:
        with observed.host.start_as_current_span("a chat of the host"):
            await sqlite_rig.read(stream=True, session=session)
    call = await observed.call()
    [host] = [span for span in observed.spans() if span.name == "a chat of the host"]
    [part] = [span for span in observed.spans() if span.name == "POST"]
    assert is_below(call, host)
    assert is_below(part, call)
    assert call.end_time is not None
    assert part.end_time is not None
    assert call.end_time > part.end_time


def by_httpx(rig: Rig, body: dict[str, Any], headers: dict[str, str]) -> None:
    url = rig.simulator.url + "/chat/completions"
    with httpx.Client() as client, client.stream("POST", url, json=body, headers=headers) as one:
        assert one.read()


def by_requests(rig: Rig, body: dict[str, Any], headers: dict[str, str]) -> None:
    url = rig.simulator.url + "/chat/completions"
    with requests.post(url, json=body, headers=headers, stream=True, timeout=30) as one:
        assert one.content


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("send", [by_httpx, by_requests])
async def test_what_pipes_send_from_threads(
    observed: Observed, sqlite_rig: Rig, send: Callable[..., None], *, stream: bool
) -> None:
    rig = sqlite_rig
    with observed.host.start_as_current_span("a pipe"):
        await in_thread(lambda: send(rig, chat_of(stream=stream), headers_of(rig)))
    call = await observed.call()
    [pipe] = [span for span in observed.spans() if span.name == "a pipe"]
    assert is_below(call, pipe)
    assert Decimal(attributes(call)["mai_usage.cost.raw"]) * PICO == rig.bill_pusd() > 0
    assert how(call) == ("completed", "settled", None, StatusCode.UNSET)


async def test_httpx_in_a_task(observed: Observed, sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    url = rig.simulator.url + "/chat/completions"
    with observed.host.start_as_current_span("a pipe"):
        async with httpx.AsyncClient() as client:
            await client.post(url, json=chat_of(), headers=headers_of(rig))
    call = await observed.call()
    [pipe] = [span for span in observed.spans() if span.name == "a pipe"]
    assert is_below(call, pipe)
    assert how(call) == ("completed", "settled", None, StatusCode.UNSET)


async def test_a_refused_call(observed: Observed, sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    await rig.read(switches={"status": 500})
    observed.exporter.clear()
    await spend_nothing(rig)
    async with rig.call() as response:
        assert response.status == 402
    call = await observed.call()
    assert how(call) == ("refused", None, "402", StatusCode.ERROR)
    assert attributes(call)["gen_ai.request.model"] == MODEL
    assert attributes(call)["mai_usage.organization.id"] == "default"
    assert len(rig.simulator.bill.refused) == 1, "it was not sent"


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({"status": 429}, ("not_billed", "void", "429", StatusCode.ERROR)),
        (
            {"stream_error": "with_usage"},
            ("failed", "settled", "error_in_answer", StatusCode.ERROR),
        ),
        ({"usage": "missing"}, ("completed", "pending", None, StatusCode.UNSET)),
    ],
    ids=["error answer", "error in the stream", "no usage"],
)
async def test_calls_that_end_otherwise(
    observed: Observed, sqlite_rig: Rig, switches: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    rig = sqlite_rig
    async with rig.call(stream=True, switches=switches) as response:
        await response.read()
    call = await observed.call()
    assert how(call) == expected
    assert ("mai_usage.cost.raw" in attributes(call)) == (expected[1] == "settled")


async def test_a_call_that_was_stopped(observed: Observed, sqlite_rig: Rig) -> None:
    """Nobody's error; its cost is not known when it ends, but its generation is."""
    rig = sqlite_rig
    async with rig.call(stream=True, switches=SLOW) as response:
        await response.content.readany()
    call = await observed.call()
    assert how(call) == ("cancelled", "pending", None, StatusCode.UNSET)
    told = attributes(call)
    assert told["gen_ai.response.id"] == rig.simulator.bill.records[0].generation_id
    assert told["gen_ai.response.time_to_first_chunk"] > 0
    assert "mai_usage.cost.raw" not in told
    await rig.all_settled()
    assert len(observed.calls()) == 1


async def test_a_task_cancelled_before_the_answer(observed: Observed, sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    chat = asyncio.create_task(rig.read(switches={"first_delay": 30}))
    await rig.eventually("SELECT COUNT(*) = 1 FROM usage_holds")
    await rig.simulator.bill.until(lambda bill: bill.records)
    chat.cancel()
    await asyncio.gather(chat, return_exceptions=True)
    call = await observed.call()
    assert how(call) == ("lost", "unidentified", "CancelledError", StatusCode.ERROR)


async def test_a_connection_that_never_was(observed: Observed, sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    await rig.simulator.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await rig.read()
    call = await observed.call()
    assert how(call) == ("not_billed", "void", "ClientConnectorError", StatusCode.ERROR)


async def test_no_content_no_person_and_no_key(observed: Observed, sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    answer = json.loads(await rig.read(user="mallory@example.com", text=SECRET_TEXT))
    told = (await observed.call()).to_json()
    written = answer["choices"][0]["message"]["content"]
    for secret in (SECRET_TEXT, written, "mallory", rig.simulator.inference_key):
        assert len(secret) > 3
        assert secret not in told


async def test_what_is_measured(observed: Observed, sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    await rig.read(stream=True)
    await rig.read(switches={"status": 429})
    [entry] = rig.entries()
    points = observed.points("gen_ai.client.operation.duration")
    assert {point.attributes.get("error.type"): point.count for point in points} == {
        None: 1,
        "429": 1,
    }
    tokens = {
        point.attributes["gen_ai.token.type"]: point.sum
        for point in observed.points("gen_ai.client.token.usage")
    }
    assert tokens == {"input": entry["prompt_tokens"], "output": entry["completion_tokens"]}
    for point in points:
        assert set(point.attributes) <= {
            "gen_ai.operation.name",
            "gen_ai.provider.name",
            "gen_ai.request.model",
            "gen_ai.response.model",
            "server.address",
            "server.port",
            "error.type",
        }

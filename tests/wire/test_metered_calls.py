"""Calls of every kind end in the ledger, once, at what the simulator billed."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from mai_usage_ext import guard
from mai_usage_ext.host.caller import Caller, current_caller
from tests.wire.rig import MODEL, Rig


@pytest.mark.parametrize("path", ["/chat/completions", "/responses", "/embeddings"])
@pytest.mark.parametrize("stream", [False, True])
async def test_every_shape(rig: Rig, path: str, stream: bool) -> None:
    await rig.read(path, stream=stream)
    [entry] = rig.entries()
    [record] = rig.simulator.bill.records
    assert entry["generation_id"] == record.generation_id
    assert entry["raw_pusd"] == rig.bill_pusd() > 0
    assert entry["billed_pusd"] * 10 == entry["raw_pusd"] * 13
    assert (entry["prompt_tokens"], entry["completion_tokens"]) == (
        record.tokens.prompt,
        record.tokens.completion,
    )
    assert (entry["user_id"], entry["organization_id"]) == ("alice", "default")
    assert entry["outcome"] == "completed"
    assert rig.holds() == {"settled": 1}


@pytest.mark.parametrize(
    "switches",
    [
        {"usage_shape": "repeated_stop"},
        {"running_totals": True},
        {"usage_null_chunks": True},
        {"dated_slug": True},
        {"byok": True},
        {"cached_tokens": 3, "reasoning_tokens": 40},
        {"web_search": 2},
        {"crlf": True},
        {"cr": True},
        {"split_lines": True},
        {"processing_comments": True},
        {"no_done": True},
        {"no_id_header": True},
        {"chunks": 300},
        {"gzip": True},
        {"stream_error": "with_usage"},
    ],
    ids=lambda switches: "+".join(switches),
)
async def test_every_oddity_of_a_stream(sqlite_rig: Rig, switches: dict[str, Any]) -> None:
    rig = sqlite_rig
    await rig.read(stream=True, switches=switches)
    [entry] = rig.entries()
    assert entry["raw_pusd"] == rig.bill_pusd() > 0
    assert entry["source"] == "stream"
    assert rig.holds() == {"settled": 1}


async def test_the_body_without_any_id_is_booked_under_its_hold(sqlite_rig: Rig) -> None:
    await sqlite_rig.read(stream=True, switches={"no_id_anywhere": True})
    [entry] = sqlite_rig.entries()
    assert entry["generation_id"].startswith("hold:")
    assert entry["raw_pusd"] == sqlite_rig.bill_pusd()


Reader = Callable[[aiohttp.ClientResponse], Awaitable[bytes]]


async def joined(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def by_chunks(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([data async for data, _ in response.content.iter_chunks()])


async def by_json(response: aiohttp.ClientResponse) -> bytes:
    await response.json(content_type=None)
    return await response.read()


async def by_exact_bytes(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    while not response.content.at_eof():
        try:
            body += await response.content.readexactly(7)
        except asyncio.IncompleteReadError as rest:
            body += rest.partial
    return body


async def by_waiting_and_taking(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    while not response.content.at_eof():
        body += await response.content.readany()
        body += response.content.read_nowait() if not response.content.at_eof() else b""
    return body


async def until_line_end(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    while line := await response.content.readuntil(b"\n"):
        body += line
    return body


READERS: dict[str, Reader] = {
    "read": lambda response: response.read(),
    "lines": lambda response: joined(response.content.__aiter__()),
    "any": lambda response: joined(response.content.iter_any()),
    "chunked": lambda response: joined(response.content.iter_chunked(5)),
    "chunks": by_chunks,
    "exactly": by_exact_bytes,
    "nowait": by_waiting_and_taking,
    "until": until_line_end,
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("how", READERS)
async def test_however_the_host_reads(sqlite_rig: Rig, how: str, stream: bool) -> None:
    """The bytes are those an unmetered client gets, and the entry is there when they end."""
    rig = sqlite_rig
    async with rig.call(stream=stream) as response:
        body = await READERS[how](response)
    await rig.all_settled()
    [entry] = rig.entries()
    assert entry["raw_pusd"] == rig.bill_pusd() > 0
    with guard.own_traffic():
        plain = await rig.read(stream=stream)
    assert len(rig.entries()) == 1, "what is marked as ours is not metered"
    assert without_ids(body) == without_ids(plain)


def without_ids(body: bytes) -> list[Any]:
    lines = body.decode().replace("data: ", "").splitlines()
    chunks = [json.loads(line) for line in lines if line.startswith("{")]
    return [
        {name: value for name, value in chunk.items() if name not in ("id", "created")}
        for chunk in chunks
    ]


async def test_who_calls_follows_the_context(rig: Rig) -> None:
    async def chat(user: str) -> None:
        current_caller.set(Caller(user_id=user, purpose=f"purpose of {user}"))
        for _ in range(5):
            await rig.read(user=user, purpose=f"purpose of {user}", stream=True, text=user)

    await asyncio.gather(*(chat(f"user-{n}") for n in range(8)))
    entries = rig.entries()
    assert len(entries) == 40
    assert all(entry["purpose"] == f"purpose of {entry['user_id']}" for entry in entries)
    assert rig.ledger_pusd() == rig.bill_pusd()


async def test_a_call_nobody_made_is_unassigned(sqlite_rig: Rig) -> None:
    await sqlite_rig.read(user=None)
    [entry] = sqlite_rig.entries()
    assert (entry["organization_id"], entry["user_id"]) == ("unassigned", "")
    assert guard.tally["calls without a caller"] == 1


async def test_other_hosts_gets_and_free_posts_pass_unmetered(
    sqlite_rig: Rig, simulator: Any
) -> None:
    rig = sqlite_rig
    headers = {"Authorization": f"Bearer {simulator.management_key}"}
    async with rig.session.get(simulator.url + "/models") as response:
        assert type(response.content) is aiohttp.StreamReader
    async with rig.session.post(
        simulator.url + "/keys", json={"name": "made"}, headers=headers
    ) as response:
        assert response.status == 201
        assert type(response.content) is aiohttp.StreamReader
    async with rig.session.post(simulator.origin + "/__control/switches", json={}) as response:
        assert type(response.content) is aiohttp.StreamReader
    assert rig.holds() == {}


async def test_an_unknown_post_is_metered_and_said(sqlite_rig: Rig) -> None:
    await sqlite_rig.read("/brand/new")
    assert guard.tally["calls of unknown kind"] == 1
    assert sqlite_rig.holds() == {"void": 1}, "the simulator knows no such path: 404, not billed"


async def test_a_session_with_a_base_url(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    base = rig.simulator.url + "/"
    headers = {"Authorization": f"Bearer {rig.simulator.inference_key}"}
    async with aiohttp.ClientSession(base, headers=headers) as session:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
        async with session.post("chat/completions", json=body) as response:
            await response.json()
    assert rig.entries()[0]["raw_pusd"] == rig.bill_pusd() > 0


async def test_a_key_is_kept_only_while_its_call_is_unsettled(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    assert rig.meter.gate is not None
    keys = rig.meter.gate.call_keys
    await rig.read()
    await rig.read(switches={"status": 402})
    assert len(keys) == 0
    await rig.read(switches={"cost_null": True, "generation_delay": 1})
    assert len(keys) == 1
    await rig.all_settled()
    # It is forgotten a moment after the entry that others can see.
    await rig.until(lambda _holds: len(keys) == 0)


async def test_the_wrapper_comes_off(sqlite_rig: Rig) -> None:
    assert hasattr(aiohttp.ClientSession._request, "__wrapped__")
    await sqlite_rig.read()
    await sqlite_rig.all_settled()


async def test_it_came_off() -> None:
    assert not hasattr(aiohttp.ClientSession._request, "__wrapped__")

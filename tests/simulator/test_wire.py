"""The bytes of an answer: line ends, splits, compression, delays and cuts."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

import aiohttp
import pytest

from tests.simulator.conftest import Client, messages


async def _raw_stream(client: Client, switches: dict[str, Any]) -> list[bytes]:
    """The body of a stream in the very chunks the server wrote."""
    body = {"model": "openai/gpt-4o-mini", "messages": messages("Hi"), "stream": True}
    headers = {"Authorization": f"Bearer {client.simulator.inference_key}"}
    async with client.session.post(
        f"{client.simulator.url}/chat/completions",
        json={**body, "simulate": switches},
        headers=headers,
    ) as response:
        chunks, part = [], b""
        async for data, ends in response.content.iter_chunks():
            part += data
            if ends:
                chunks.append(part)
                part = b""
        return chunks


@pytest.mark.parametrize(("switch", "end"), [("crlf", b"\r\n"), ("cr", b"\r")])
async def test_line_ends(client: Client, switch: str, end: bytes) -> None:
    raw = b"".join(await _raw_stream(client, {switch: True, "chunks": 3}))
    assert raw.endswith(b"data: [DONE]" + end + end)
    assert raw.replace(end, b"").count(b"\n") == raw.replace(end, b"").count(b"\r") == 0
    assert raw.count(end) == 12


async def test_a_line_takes_several_writes(client: Client) -> None:
    plain = await _raw_stream(client, {"chunks": 3})
    split = await _raw_stream(client, {"chunks": 3, "split_lines": True})
    assert len(plain) == 6
    assert len(split) > 3 * len(plain)
    assert not any(b"\n" in part[:-1] for part in split)
    assert b"".join(split).count(b"data: ") == b"".join(plain).count(b"data: ")


async def test_comments(client: Client) -> None:
    raw = b"".join(await _raw_stream(client, {"processing_comments": True, "chunks": 10}))
    assert raw.startswith(b": OPENROUTER PROCESSING\n\ndata: ")
    assert raw.count(b": OPENROUTER PROCESSING\n\n") == 3


async def test_many_chunks(client: Client) -> None:
    stream = await client.stream(simulate={"chunks": 500})
    assert len(stream.events) == 502
    assert client.simulator.bill.records[0].tokens.completion >= 500


async def test_gzip_of_both_kinds(client: Client) -> None:
    honest = await client.chat(simulate={"gzip": True})
    assert honest.headers["Content-Encoding"] == "gzip"
    assert b'"usage"' in gzip.decompress(honest.body)
    lying = await client.chat(simulate={"gzip_lie": True})
    assert "Content-Encoding" not in lying.headers
    assert b'"usage"' in gzip.decompress(lying.body)


async def test_a_gzipped_stream_arrives_bit_by_bit(client: Client) -> None:
    parts = await _raw_stream(client, {"gzip": True, "chunks": 3})
    unpacker = zlib.decompressobj(wbits=31)
    texts = [unpacker.decompress(part) for part in parts]
    assert len([text for text in texts if text.startswith(b"data: ")]) == 6


@pytest.mark.parametrize("after", [0, 1, 4])
async def test_a_cut_stream(client: Client, after: int) -> None:
    with pytest.raises(aiohttp.ClientError):
        await client.stream(simulate={"cut_after": after, "chunks": 9})
    record = client.simulator.bill.records[0]
    assert (record.cancelled, record.delivered) == (True, False)
    assert (record.tokens.completion > 0) is (after > 0)
    assert record.tokens.completion < 9 * 2


@pytest.mark.parametrize("after", [-1, 3])
async def test_a_cut_body(client: Client, after: int) -> None:
    with pytest.raises(aiohttp.ClientError):
        await client.chat(simulate={"cut_after": after})
    assert client.simulator.bill.records[0].cancelled


async def test_a_cut_before_the_headers_of_a_stream(client: Client) -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.stream(simulate={"cut_after": -1})


async def test_delays_hold_the_bytes_back(client: Client) -> None:
    clock = asyncio.get_running_loop().time
    start = clock()
    await client.chat(simulate={"first_delay": 0.05})
    assert clock() - start >= 0.05
    start = clock()
    await client.stream(simulate={"chunk_delay": 0.01, "chunks": 5})
    assert clock() - start >= 0.05


async def test_headers_of_a_stream_come_before_its_first_chunk(client: Client) -> None:
    body = {"model": "openai/gpt-4o-mini", "messages": messages("Hi"), "stream": True}
    async with client.session.post(
        f"{client.simulator.url}/chat/completions",
        json={**body, "simulate": {"first_delay": 600}},
        headers={"Authorization": f"Bearer {client.simulator.inference_key}"},
    ) as response:
        assert response.status == 200
        record = client.simulator.bill.records[0]
        assert response.headers["X-Generation-Id"] == record.generation_id
        assert record.ended_at is None

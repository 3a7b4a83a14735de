"""Nanoseconds that metering adds to one streamed chunk, beside what reading it costs anyway."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import aiohttp
from aiohttp.base_protocol import BaseProtocol

from mai_usage_ext.host.body import MeteredBody
from mai_usage_ext.host.watch import Watch
from tests.benchmarks.figures import Arguments, at_most
from tests.storage.samples import make_hold

__all__ = ["main"]

CHUNKS = 2_000
ROUNDS = 41
TARGET_NS = 2_000

_CHUNK = (
    b'data: {"id":"gen-1766000000-abcdefghijklmnopqrst","provider":"OpenAI",'
    b'"model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1766000000,'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":" word"},'
    b'"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}\n\n'
)


class Deaf:
    """A recording that takes everything and writes nothing: chunks only are measured here."""

    def identified(self, *_: object) -> None:
        return None

    def ended(self, *_: object, **__: object) -> "Future[None]":
        done: Future[None] = Future()
        done.set_result(None)
        return done


async def _drain(body: Any) -> None:
    async for _ in body.iter_any():
        pass


async def _round(wrap: Callable[[aiohttp.StreamReader], Any]) -> float:
    """Nanoseconds a chunk, each fed and read on its own as the network would bring it."""
    loop = asyncio.get_running_loop()
    inner = aiohttp.StreamReader(BaseProtocol(loop), limit=2**20, loop=loop)
    body = wrap(inner)
    read: Callable[[], Awaitable[bytes]] = body.readany
    started = time.perf_counter_ns()
    for _ in range(CHUNKS):
        inner.feed_data(_CHUNK)
        await read()
    spent = time.perf_counter_ns() - started
    inner.feed_eof()
    await _drain(body)
    return spent / CHUNKS


def _metered(inner: aiohttp.StreamReader) -> MeteredBody:
    watch = Watch(
        make_hold("acme"),
        Deaf(),  # type: ignore[arg-type]
        status=200,
        header_id=None,
        is_stream=True,
        started_at=time.monotonic(),
    )
    return MeteredBody(inner, watch, commit_wait_s=1)


async def _measure() -> tuple[float, float]:
    plain, metered = [], []
    for _ in range(ROUNDS):
        plain.append(await _round(lambda inner: inner))
        metered.append(await _round(_metered))
    return statistics.median(plain), statistics.median(metered)


def main(_arguments: Arguments = ()) -> None:
    plain, metered = asyncio.run(_measure())
    added = metered - plain
    print(f"chunk, read by aiohttp alone   {plain:8,.0f} ns")
    print(f"chunk, read through the meter  {metered:8,.0f} ns")
    print(
        f"added per streamed chunk       {added:8,.0f} ns   {added / plain:.1f} × aiohttp's own "
        f"{at_most(added, TARGET_NS)}"
    )


if __name__ == "__main__":
    main()

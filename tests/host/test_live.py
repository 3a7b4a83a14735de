"""The live stream on a real host: two workers, its own middlewares, a real shutdown."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from mai_usage_ext.demo.host_process import HostProcess
from tests.host.audit import Audit
from tests.host.reseller import OURS, Reseller
from tests.host.theatre import ADMIN, Theatre
from tests.host.workers import ask_anew, call_both_workers

pytestmark = pytest.mark.host

EVENTS = f"{OURS}/usage/my-organization/events"
# What a browser sends, so that the host compresses what it would compress for one.
BROWSER = {"Accept": "text/event-stream", "Accept-Encoding": "gzip, deflate, br, zstd"}
SHOWN_WITHIN_S = 2.0
STOPPED_WITHIN_S = 10.0
WAIT_S = 30.0
CALLS = 8


class Events:
    """An open stream, read as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def next(self) -> Any:
        """The data of the next event."""
        # Signs of life do not count.
        async with asyncio.timeout(WAIT_S):
            while line := await self.answer.content.readline():
                if line.startswith(b"data: "):
                    return json.loads(line[len(b"data: ") :])
        raise AssertionError("the stream ended")

    async def until_requests(self, count: int, *, of: str | None = None) -> float:
        """When so many requests were told of and none was pending, on the monotonic clock; all of
        it of the organization ``of``, where that is given."""
        while True:
            told = await self.next()
            assert told["client_id"] == (of or told["client_id"])
            if (told["today"]["requests"], told["today"]["pending_requests"]) == (count, 0):
                return time.monotonic()

    async def end(self) -> None:
        """Read to the end; an end that is not clean is an error of aiohttp's."""
        async with asyncio.timeout(WAIT_S):
            while await self.answer.content.readline():
                pass


@asynccontextmanager
async def opened(host: HostProcess, token: str) -> AsyncIterator[Events]:
    """A stream in a connection of its own, signed in by cookie as a browser's ``EventSource``."""
    async with (
        aiohttp.ClientSession(cookies={"token": token}) as session,
        session.get(host.url + EVENTS, headers=BROWSER) as answer,
    ):
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert int(answer.headers["RateLimit-Remaining"]) > 0
        yield Events(answer)


async def test_a_chat_in_either_worker_shows_on_a_page_of_the_other(
    theatre: Theatre, pair: HostProcess, session: aiohttp.ClientSession
) -> None:
    reseller = Reseller(pair, theatre.person(session, pair, ADMIN))
    bakery = await reseller.client("Live bakery", provision_key=False)
    mona = await reseller.newcomer("Mona", bakery)
    quiet = await reseller.client("Quiet", provision_key=False)
    stranger = await reseller.newcomer("Nora", quiet)
    asked = len(await call_both_workers(theatre, pair, mona))
    audit = Audit(theatre.simulator, pair)

    async with (
        opened(pair, mona.person.token) as events,
        opened(pair, stranger.person.token) as others,
    ):
        await events.until_requests(asked)
        assert (await others.next())["today"]["requests"] == 0
        while len(audit.owners()) < 2:
            asked += CALLS
            told = asyncio.create_task(events.until_requests(asked))
            calls = (ask_anew(pair, mona, number) for number in range(CALLS))
            assert await asyncio.gather(*calls) == [200] * CALLS
            finished_at = time.monotonic()
            # The stream is in one of the workers, so some of these calls were in the other.
            assert await told - finished_at < SHOWN_WITHIN_S
        # Nobody else heard of it.
        await ask_anew(pair, stranger, 0)
        assert await others.until_requests(1, of=quiet["id"]) > finished_at


@pytest.mark.oldest_too
async def test_a_host_that_is_told_to_stop_does_not_wait_for_open_pages(theatre: Theatre) -> None:
    host = theatre.new("live-stop")
    with host:
        async with opened(host, theatre.people["Anna"].account.token) as events:
            await events.next()
            stopping = asyncio.create_task(asyncio.to_thread(host.stop))
            await events.end()
            began = time.monotonic()
            code = await stopping
        # Nobody had to kill it, and once the stream was through it waited for nothing of ours.
        assert code != -signal.SIGKILL
        assert time.monotonic() - began < STOPPED_WITHIN_S
        assert "Traceback" not in host.log_text()

"""The guest changes nothing: the same bytes with the extension on, and without it."""

from __future__ import annotations

import json

import aiohttp
import pytest

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.person import CHAT, OPENAI_CHAT, Answer
from tests.host.audit import Audit
from tests.host.conftest import Metered
from tests.host.theatre import Theatre

pytestmark = pytest.mark.host

_USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.00000123}


def _chunk(**fields: object) -> str:
    return json.dumps({"id": "gen-x", "model": "m", "object": "chat.completion.chunk", **fields})


def _delta(text: str) -> str:
    return _chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])


STREAM = (
    ": OPENROUTER PROCESSING\n\n"
    f"data: {_delta('Zażółć ')}\n\n"
    f"data: {_delta('gęślą 🦆')}\n\n"
    f"data: {_chunk(choices=[], usage=_USAGE)}\n\n"
    "data: [DONE]\n\n"
)
PLAIN = json.dumps(
    {
        "id": "gen-x",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "🦆"}}],
        "usage": _USAGE,
    }
)
ANSWERS = {
    "stream": (STREAM, "text/event-stream", True),
    "plain": (PLAIN, "application/json", False),
    "html": ("<html><body>502 Bad Gateway</body></html>", "text/html", False),
    "html for a stream": ("<html><body>502</body></html>", "text/html", True),
    "empty": ("", "application/json", False),
    "empty stream": ("", "text/event-stream", True),
    "half a JSON": ('{"id": "gen-x", "choices": [', "application/json", False),
    "no JSON in the stream": ("data: {oops\n\ndata: [DONE]\n\n", "text/event-stream", True),
    "not a number": (PLAIN.replace("1.23e-06", "NaN"), "application/json", False),
}


@pytest.mark.parametrize("path", [CHAT, OPENAI_CHAT])
@pytest.mark.parametrize("kind", list(ANSWERS))
async def test_bytes_are_those_of_the_plain_host(
    theatre: Theatre,
    metered: Metered,
    session: aiohttp.ClientSession,
    audit: Audit,
    kind: str,
    path: str,
) -> None:
    body, content_type, stream = ANSWERS[kind]
    theatre.simulator.switch(raw_body=body, content_type=content_type)

    async def ask(on: bool) -> Answer:
        host = metered.host if on else theatre.plain
        return await theatre.person(session, host, "Anna").chat("Hi", stream=stream, path=path)

    with_us, without_us = await ask(on=True), await ask(on=False)

    assert with_us == without_us
    # The upstream charged for both; ours is the one that the books hold.
    assert len(await audit.hold_in("settled", "void", "pending")) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["gzip", "gzip_lie"])
async def test_compressed_answers(
    theatre: Theatre,
    metered: Metered,
    session: aiohttp.ClientSession,
    audit: Audit,
    fault: str,
    stream: bool,
) -> None:
    body, content_type = (STREAM, "text/event-stream") if stream else (PLAIN, "application/json")
    theatre.simulator.switch(raw_body=body, content_type=content_type, **{fault: True})

    async def ask(host: HostProcess) -> Answer | str:
        try:
            return await theatre.person(session, host, "Anna").chat("Hi", stream=stream)
        except aiohttp.ClientPayloadError as error:
            # 0.6.18 says of an unpacked stream that it is packed, with us and without.
            return str(error)

    assert await ask(metered.host) == await ask(theatre.plain)
    await audit.hold_in("settled", "pending")

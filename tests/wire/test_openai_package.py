"""The openai package, as pipes use it: through httpx, counted once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio

from mai_usage_ext.host.caller import Caller, current_caller
from tests.wire.overheard import Overheard
from tests.wire.pipes import in_thread, spend_nothing
from tests.wire.rig import MODEL, Rig

CHAT: Any = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Overheard]:
    async with Overheard() as running:
        yield running


def options_of(rig: Rig) -> dict[str, Any]:
    return {
        "base_url": rig.simulator.url,
        "api_key": rig.simulator.inference_key,
        "max_retries": 0,
    }


@pytest_asyncio.fixture
async def client(sqlite_rig: Rig) -> AsyncIterator[openai.AsyncOpenAI]:
    current_caller.set(Caller(user_id="alice", purpose="chat"))
    async with openai.AsyncOpenAI(**options_of(sqlite_rig)) as client:
        yield client


def assert_once(rig: Rig, calls: int = 1) -> None:
    assert rig.holds() == {"settled": calls}
    assert len(rig.simulator.bill.records) == calls
    assert rig.ledger_pusd() == rig.bill_pusd() > 0
    assert {entry["user_id"] for entry in rig.entries()} == {"alice"}


async def test_plain(sqlite_rig: Rig, client: openai.AsyncOpenAI) -> None:
    current_caller.set(Caller(user_id="alice", purpose="chat"))
    answer = await client.chat.completions.create(**CHAT)
    assert answer.choices[0].message.content
    assert_once(sqlite_rig)


async def test_a_stream(sqlite_rig: Rig, client: openai.AsyncOpenAI) -> None:
    current_caller.set(Caller(user_id="alice", purpose="chat"))
    chunks = [chunk async for chunk in await client.chat.completions.create(**CHAT, stream=True)]
    assert chunks[-1].usage is not None
    assert_once(sqlite_rig)


async def test_responses_and_embeddings(sqlite_rig: Rig, client: openai.AsyncOpenAI) -> None:
    current_caller.set(Caller(user_id="alice", purpose="chat"))
    events = [
        event.type
        async for event in await client.responses.create(model=MODEL, input="hello", stream=True)
    ]
    assert events[-1] == "response.completed"
    model = "openai/text-embedding-3-small"
    vectors = await client.embeddings.create(model=model, input=["a", "b"])
    assert len(vectors.data) == 2
    assert_once(sqlite_rig, calls=2)


async def test_in_a_thread(rig: Rig) -> None:
    def work() -> tuple[str | None, int]:
        with openai.OpenAI(**options_of(rig)) as client:
            plain = client.chat.completions.create(**CHAT)
            chunks = list(client.chat.completions.create(**CHAT, stream=True))
        return plain.choices[0].message.content, len(chunks)

    text, chunks = await in_thread(work)
    assert text
    assert chunks > 2
    assert_once(rig, calls=2)


async def test_a_stream_that_is_closed_early(sqlite_rig: Rig, client: openai.AsyncOpenAI) -> None:
    sqlite_rig.simulator.switch(chunks=200, chunk_delay=0.01)
    current_caller.set(Caller(user_id="alice", purpose="chat"))
    stream = await client.chat.completions.create(**CHAT, stream=True)
    await anext(stream)
    await stream.close()
    await sqlite_rig.until(lambda holds: holds == {"pending": 1})
    await sqlite_rig.all_settled()
    assert_once(sqlite_rig)


async def test_a_refusal_shows_its_sentence(sqlite_rig: Rig, client: openai.AsyncOpenAI) -> None:
    await spend_nothing(sqlite_rig)
    current_caller.set(Caller(user_id="alice", purpose="chat"))
    with pytest.raises(openai.APIStatusError, match="Acme GmbH") as raised:
        await client.chat.completions.create(**CHAT, stream=True)
    assert raised.value.status_code == 402
    assert sqlite_rig.simulator.bill.records == []


async def test_each_time_it_tries_again_is_a_call(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.simulator.switch(status=429)
    current_caller.set(Caller(user_id="alice", purpose="chat"))
    options = {**options_of(rig), "max_retries": 1}
    async with openai.AsyncOpenAI(**options) as client:
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(**CHAT)
    assert len(rig.simulator.sent()) == 2  # type: ignore[attr-defined]
    await rig.until(lambda holds: holds == {"void": 2})


async def test_a_loop_of_its_own_in_a_thread(sqlite_rig: Rig) -> None:
    """Some pipes run a coroutine in a thread of theirs."""

    async def ask() -> int:
        async with openai.AsyncOpenAI(**options_of(sqlite_rig)) as client:
            return len([c async for c in await client.chat.completions.create(**CHAT, stream=True)])

    assert await in_thread(lambda: asyncio.run(ask())) > 2
    assert_once(sqlite_rig)

"""The `openai` package, which pipes bring along, talks to the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest
from openai import OpenAI

from mai_usage_ext.simulator import Simulator
from tests.simulator.conftest import messages

MODEL = "google/gemini-2.5-flash"


@pytest.fixture
def client(threaded: Simulator) -> Iterator[OpenAI]:
    with OpenAI(
        api_key=threaded.inference_key, base_url=threaded.url, max_retries=0, timeout=10
    ) as running:
        yield running


def _cost(usage: Any) -> Decimal:
    """The cost, which this client knows nothing about and hands through."""
    return Decimal(repr(usage.model_extra["cost"]))


def test_chat(client: OpenAI, threaded: Simulator) -> None:
    answer: Any = client.chat.completions.create(model=MODEL, messages=messages("Good morning"))
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert _cost(answer.usage) == threaded.bill.total_cost()


def test_chat_stream(client: OpenAI, threaded: Simulator) -> None:
    stream: Any = client.chat.completions.create(
        model=MODEL, messages=messages("Good morning"), stream=True
    )
    with stream:
        chunks = list(stream)
    assert "".join(c.choices[0].delta.content for c in chunks[:-1]) != ""
    assert _cost(chunks[-1].usage) == threaded.bill.total_cost()


def test_a_stopped_stream_is_cancelled(client: OpenAI, threaded: Simulator) -> None:
    threaded.switch(chunks=10_000, chunk_delay=0.002)
    stream: Any = client.chat.completions.create(
        model=MODEL, messages=messages("Good morning"), stream=True
    )
    with stream:
        next(iter(stream))
    # The next answer comes after the loop has seen the first client go.
    threaded.switch(chunks=1, chunk_delay=0)
    while threaded.bill.records[0].ended_at is None:
        client.models.list()
    assert threaded.bill.records[0].cancelled
    assert 0 < threaded.bill.records[0].tokens.completion < 10_000


def test_tool_call(client: OpenAI, threaded: Simulator) -> None:
    threaded.switch(tool_call={"name": "weather", "arguments": {"city": "Bern"}})
    question: list[Any] = messages("Is it raining?")
    answer: Any = client.chat.completions.create(model=MODEL, messages=question)
    call = answer.choices[0].message.tool_calls[0]
    assert (answer.choices[0].finish_reason, call.function.name) == ("tool_calls", "weather")
    assert call.function.arguments == '{"city":"Bern"}'
    question.append(answer.choices[0].message.model_dump(exclude_none=True))
    question.append({"role": "tool", "tool_call_id": call.id, "content": "Sunny"})
    after: Any = client.chat.completions.create(model=MODEL, messages=question)
    assert after.choices[0].finish_reason == "stop"
    assert len(threaded.bill.records) == 2


def test_embeddings_are_the_same_in_both_encodings(client: OpenAI) -> None:
    model = "openai/text-embedding-3-small"
    packed = client.embeddings.create(model=model, input="one")
    plain = client.embeddings.create(model=model, input="one", encoding_format="float")
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)


def test_responses(client: OpenAI, threaded: Simulator) -> None:
    answer: Any = client.responses.create(model=MODEL, input="Good morning")
    assert answer.output_text
    assert _cost(answer.usage) == threaded.bill.total_cost()


def test_responses_stream(client: OpenAI, threaded: Simulator) -> None:
    stream: Any = client.responses.create(model=MODEL, input="Good morning", stream=True)
    with stream:
        events = list(stream)
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert _cost(events[-1].response.usage) == threaded.bill.total_cost()


def test_models(client: OpenAI) -> None:
    assert MODEL in [model.id for model in client.models.list()]


def test_errors(client: OpenAI, threaded: Simulator) -> None:
    threaded.switch(status=429, retry_after=7)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=MODEL, messages=messages("Good morning"))
    assert caught.value.response.headers["Retry-After"] == "7"

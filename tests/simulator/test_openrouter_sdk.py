"""The official Python client judges the simulator: its own validation must pass."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openrouter import OpenRouter
from openrouter.components import (
    ChatResult,
    ChatUsage,
    CostDetails,
    GenerationResponseData,
    Model,
    OpenResponsesResult,
    ServerToolUseDetails,
    StreamEventsResponseCompleted,
    Usage,
)
from openrouter.errors import (
    ForbiddenResponseError,
    NotFoundResponseError,
    PaymentRequiredResponseError,
    TooManyRequestsResponseError,
    UnauthorizedResponseError,
)
from openrouter.operations import CreateEmbeddingsResponseBody, FilterTypedDict
from openrouter.types.basemodel import BaseModel, Unset

from mai_usage_ext.simulator import Simulator
from tests.simulator.conftest import messages

MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def sdk(threaded: Simulator) -> Iterator[OpenRouter]:
    with _client(threaded, threaded.inference_key) as client:
        yield client


@pytest.fixture
def manager(threaded: Simulator) -> Iterator[OpenRouter]:
    with _client(threaded, threaded.management_key) as client:
        yield client


def _client(simulator: Simulator, key: str) -> OpenRouter:
    # Its default retries go on for up to an hour.
    return OpenRouter(api_key=key, server_url=simulator.url, retry_config=None, timeout_ms=10_000)


def _assert_set(value: BaseModel, *names: str) -> None:
    """The client turns a malformed optional object silently into `Unset`: none may be so."""
    unset = [name for name in names if isinstance(getattr(value, name), Unset)]
    assert not unset


def _assert_usage(usage: Any) -> None:
    assert isinstance(usage, ChatUsage)
    _assert_set(usage, "cost", "prompt_tokens_details", "completion_tokens_details")
    assert isinstance(usage.cost, float)
    assert usage.cost > 0
    assert isinstance(usage.cost_details, CostDetails)
    assert isinstance(usage.cost_details.upstream_inference_cost, float)
    assert usage.is_byok is False
    assert usage.prompt_tokens + usage.completion_tokens == usage.total_tokens


def test_chat(sdk: OpenRouter, threaded: Simulator) -> None:
    result = sdk.chat.send(model=MODEL, messages=messages("Good morning"), user="user-1")
    assert isinstance(result, ChatResult)
    _assert_usage(result.usage)
    assert result.choices[0].finish_reason == "stop"
    assert isinstance(result.choices[0].message.content, str)
    assert threaded.bill.records[0].generation_id == result.id
    assert threaded.bill.records[0].user == "user-1"


def test_chat_with_everything_in_its_usage(sdk: OpenRouter, threaded: Simulator) -> None:
    threaded.switch(cached_tokens=2, reasoning_tokens=7, web_search=1, byok=True, dated_slug=True)
    usage = sdk.chat.send(model=MODEL, messages=messages("Good morning")).usage
    assert isinstance(usage, ChatUsage)
    assert usage.is_byok is True
    assert usage.prompt_tokens_details
    assert usage.prompt_tokens_details.cached_tokens == 2
    assert usage.completion_tokens_details
    assert usage.completion_tokens_details.reasoning_tokens == 7
    assert isinstance(usage.server_tool_use_details, ServerToolUseDetails)
    assert usage.server_tool_use_details.web_search_requests == 1


@pytest.mark.parametrize("shape", ["empty_choices", "repeated_stop"])
def test_chat_stream(sdk: OpenRouter, threaded: Simulator, shape: str) -> None:
    threaded.switch(usage_shape=shape, processing_comments=True)
    with sdk.chat.send(model=MODEL, messages=messages("Good morning"), stream=True) as stream:
        chunks = list(stream)
    _assert_usage(chunks[-1].usage)
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert {chunk.id for chunk in chunks} == {threaded.bill.records[0].generation_id}
    assert bool(chunks[-1].choices) is (shape == "repeated_stop")


def test_chat_stream_with_an_error(sdk: OpenRouter, threaded: Simulator) -> None:
    threaded.switch(stream_error="with_usage")
    with sdk.chat.send(model=MODEL, messages=messages("Good morning"), stream=True) as stream:
        last = list(stream)[-1]
    assert last.error is not None
    assert last.error.code == 502
    _assert_usage(last.usage)


def test_embeddings(sdk: OpenRouter) -> None:
    result = sdk.embeddings.generate(
        model="openai/text-embedding-3-small", input=["one", "two"], dimensions=8
    )
    assert isinstance(result, CreateEmbeddingsResponseBody)
    assert [len(item.embedding) for item in result.data] == [8, 8]
    assert result.usage is not None
    assert result.usage.cost
    assert isinstance(result.usage.cost_details, CostDetails)


def test_responses(sdk: OpenRouter) -> None:
    result = sdk.responses.send(model=MODEL, input="Good morning")
    assert isinstance(result, OpenResponsesResult)
    assert isinstance(result.usage, Usage)
    assert isinstance(result.usage.cost, float)
    assert result.usage.cost_details
    assert result.output_text


def test_responses_stream(sdk: OpenRouter) -> None:
    with sdk.responses.send(model=MODEL, input="Good morning", stream=True) as stream:
        events = list(stream)
    assert not [event for event in events if getattr(event, "is_unknown", False)]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert isinstance(events[-1], StreamEventsResponseCompleted)
    assert isinstance(events[-1].response.usage, Usage)
    assert isinstance(events[-1].response.usage.cost, float)


def test_models(sdk: OpenRouter) -> None:
    page = sdk.models.list()
    assert page is not None
    models = {model.id: model for model in page.result.data}
    assert all(isinstance(model, Model) for model in models.values())
    assert models["openrouter/auto"].pricing.prompt == "-1"
    assert models["meta-llama/llama-3.3-70b-instruct:free"].pricing.completion == "0"
    assert models[MODEL].pricing.input_cache_read == "0.000000075"
    assert page.result.total_count == len(models)
    embedders = sdk.embeddings.list_models()
    assert embedders is not None
    assert "openai/text-embedding-3-small" in [model.id for model in embedders.result.data]


def test_generation(sdk: OpenRouter, threaded: Simulator) -> None:
    answer = sdk.chat.send(model=MODEL, messages=messages("Good morning"), user="user-1")
    data = sdk.generations.get_generation(id=answer.id).data
    assert isinstance(data, GenerationResponseData)
    _assert_set(data, "request_id", "session_id", "response_cache_source_id")
    assert data.total_cost == float(threaded.bill.total_cost())
    assert data.external_user == "user-1"
    assert data.cancelled is False
    with pytest.raises(NotFoundResponseError):
        sdk.generations.get_generation(id="gen-1-unknown")


# The client warns about a field of its own that it also demands.
@pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")
def test_keys(manager: OpenRouter, threaded: Simulator) -> None:
    created = manager.api_keys.create(
        name="Acme",
        limit=25.5,
        limit_reset="monthly",
        include_byok_in_limit=True,
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )
    assert created.key.startswith("sk-or-v1-")
    _assert_set(created.data, "expires_at")
    assert (created.data.limit, created.data.limit_reset) == (25.5, "monthly")
    key_hash = created.data.hash
    with _client(threaded, created.key) as theirs:
        theirs.chat.send(model=MODEL, messages=messages("Good morning"))
        own = theirs.api_keys.get_current_key_metadata().data
    assert own.is_management_key is False
    assert own.usage == float(threaded.bill.total_cost())
    changed = manager.api_keys.update(hash=key_hash, name="Acme Ltd", limit=None).data
    assert (changed.name, changed.limit, changed.limit_remaining) == ("Acme Ltd", None, None)
    shown = manager.api_keys.get(hash=key_hash).data
    assert shown.usage == own.usage
    assert shown.last_used_at is not None
    assert key_hash in [key.hash for key in manager.api_keys.list().data]
    assert manager.api_keys.delete(hash=key_hash).DELETED is True
    with pytest.raises(NotFoundResponseError):
        manager.api_keys.get(hash=key_hash)


def test_credits_and_activity(sdk: OpenRouter, manager: OpenRouter, threaded: Simulator) -> None:
    sdk.chat.send(model=MODEL, messages=messages("Good morning"))
    threaded.switch(include_today=True)
    total = float(threaded.bill.total_cost())
    assert manager.credits.get_credits().data.total_usage == total
    items = manager.analytics.get_user_activity().data
    assert [item.usage for item in items] == [total]
    assert items[0].requests == 1
    assert items[0].date_ == threaded.bill.records[0].day.isoformat()


def test_analytics(sdk: OpenRouter, manager: OpenRouter, threaded: Simulator) -> None:
    answer = sdk.chat.send(model=MODEL, messages=messages("Good morning"), user="user-1")
    meta = manager.analytics.get_analytics_meta().data
    assert "generation_id" in [dimension.name for dimension in meta.dimensions]
    own: list[FilterTypedDict] = [{"field": "external_user", "operator": "eq", "value": "user-1"}]
    found = manager.analytics.query_analytics(
        metrics=["request_count", "total_usage"],
        dimensions=["generation_id", "external_user"],
        filters=own,
    ).data
    assert found.metadata.truncated is False
    assert found.metadata.row_count == len(found.data) == 1
    assert answer.id == threaded.bill.records[0].generation_id


def test_errors(sdk: OpenRouter, manager: OpenRouter, threaded: Simulator) -> None:
    with pytest.raises(UnauthorizedResponseError, match=r"User not found\."):
        manager.chat.send(model=MODEL, messages=messages("Good morning"))
    with pytest.raises(ForbiddenResponseError, match="Only management keys"):
        sdk.credits.get_credits()
    threaded.switch(status=402, times=1)
    with pytest.raises(PaymentRequiredResponseError):
        sdk.chat.send(model=MODEL, messages=messages("Good morning"))
    threaded.switch(status=429, times=1)
    with pytest.raises(TooManyRequestsResponseError):
        sdk.chat.send(model=MODEL, messages=messages("Good morning"))
    assert sdk.chat.send(model=MODEL, messages=messages("Good morning")).id

"""The management client against the simulator: what it reads, and what each fault becomes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from mai_usage_ext import guard
from mai_usage_ext.errors import GenerationNotFound, UpstreamError
from mai_usage_ext.openrouter.client import OpenRouterClient
from mai_usage_ext.openrouter.prices import PriceBook, read_price
from mai_usage_ext.simulator import Simulator


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest_asyncio.fixture
async def client(simulator: Simulator) -> AsyncIterator[OpenRouterClient]:
    async with OpenRouterClient(simulator.url) as opened:
        yield opened


async def test_an_unknown_generation(simulator: Simulator, client: OpenRouterClient) -> None:
    with pytest.raises(GenerationNotFound):
        await client.fetch("gen-no/../such", key=simulator.inference_key)


async def test_a_wrong_key(client: OpenRouterClient) -> None:
    with pytest.raises(UpstreamError, match="401") as raised:
        await client.fetch("gen-1", key="sk-or-v1-wrong")
    assert raised.value.status == 401
    assert "sk-or-v1-wrong" not in str(raised.value)


async def test_nobody_there(simulator: Simulator, client: OpenRouterClient) -> None:
    await simulator.stop()
    with pytest.raises(UpstreamError, match="no answer") as raised:
        await client.fetch("gen-1", key="k")
    assert raised.value.status == 0


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_error_statuses(simulator: Simulator, client: OpenRouterClient, status: int) -> None:
    simulator.switch(generation_status=status)
    with pytest.raises(UpstreamError) as raised:
        await client.fetch("gen-1", key=simulator.inference_key)
    assert raised.value.status == status


async def test_prices(client: OpenRouterClient) -> None:
    book = PriceBook(client)
    assert book.of("openai/gpt-4o-mini") is None
    assert await book.refresh() > 3
    price = book.of("openai/gpt-4o-mini")
    assert price is not None
    assert price.completion_pusd > price.prompt_pusd > 0
    assert book.of("openai/gpt-4o-mini:nitro") == price
    assert book.of("openrouter/auto") is None, "a price of -1 is none"
    assert book.of("no/such") is None


async def test_a_price_list_that_cannot_be_read(
    simulator: Simulator, client: OpenRouterClient
) -> None:
    book = PriceBook(client)
    known = await book.refresh()
    await simulator.stop()
    assert await book.refresh() == known, "the old prices stay"
    assert guard.tally["price lists not read"] == 1


@pytest.mark.parametrize(
    "pricing",
    [
        None, "free", {}, {"prompt": "-1", "completion": "-1"}, {"prompt": "x", "completion": "0"},
        {"prompt": "0", "completion": "NaN"}, {"prompt": "0", "completion": "1e99"},
        {"prompt": 0.1, "completion": "0"},
    ],
)  # fmt: skip
def test_what_is_no_price(pricing: Any) -> None:
    assert read_price({"id": "a/b", "pricing": pricing}) is None


def test_a_free_model_has_a_price_of_zero() -> None:
    price = read_price({"id": "a/b:free", "pricing": {"prompt": "0", "completion": "0"}})
    assert price is not None
    assert (price.prompt_pusd, price.completion_pusd, price.max_completion_tokens) == (0, 0, None)

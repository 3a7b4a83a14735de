"""The price book: what counts as a price, and what it knows while OpenRouter is away."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from mai_usage_ext import guard
from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.openrouter.client import OpenRouterClient
from mai_usage_ext.openrouter.prices import PriceBook, read_price, read_prices
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.model_prices import StoredPriceRows

MODEL = "openai/gpt-4o-mini"


class FixedClock:
    def now_ms(self) -> int:
        return 1_768_903_200_000


class Listing(OpenRouterClient):
    """A client whose list is what a test says; the simulator's own list cannot be broken."""

    def __init__(self, *models: Mapping[str, Any]) -> None:
        super().__init__("http://127.0.0.1:9")
        self.listed = list(models)

    async def models(self) -> list[Mapping[str, Any]]:
        return self.listed


class NoDatabase:
    def load(self) -> Mapping[str, ModelPrice]:
        raise StorageUnavailable("database is locked")

    def save(self, prices: Mapping[str, ModelPrice], *, now_ms: int) -> int:
        raise StorageUnavailable("database is locked")


def listed(name: Any = MODEL, **pricing: Any) -> dict[str, Any]:
    return {"id": name, "pricing": {"prompt": "0.001", "completion": "0.002", **pricing}}


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest_asyncio.fixture
async def client(simulator: Simulator) -> AsyncIterator[OpenRouterClient]:
    async with OpenRouterClient(simulator.url) as opened:
        yield opened


@pytest_asyncio.fixture
async def stored(database_url: str) -> AsyncIterator[StoredPriceRows]:
    db = open_database(database_url, owned=True)
    Migrator(db, version="0.1.0").up()
    yield StoredPriceRows(db)
    close_database(db)


async def test_a_restart_while_openrouter_is_away_still_has_estimates(
    simulator: Simulator, client: OpenRouterClient, stored: StoredPriceRows
) -> None:
    before = PriceBook(client, stored, clock=FixedClock())
    known = await before.refresh()
    await simulator.stop()

    after = PriceBook(client, stored, clock=FixedClock())
    assert after.of(MODEL) is None
    assert await after.load() == known
    assert await after.refresh() == known, "the stored prices stay"
    assert after.of(MODEL) == before.of(MODEL) is not None
    assert guard.tally["price lists not read"] == 1


async def test_a_refresh_replaces_what_is_stored(
    client: OpenRouterClient, stored: StoredPriceRows
) -> None:
    stored.save({"gone/model": ModelPrice(prompt_pusd=1, completion_pusd=1)}, now_ms=1)
    book = PriceBook(client, stored, clock=FixedClock())
    assert await book.load() == 1
    assert book.of("gone/model") is not None
    known = await book.refresh()
    assert book.of("gone/model") is None
    assert len(stored.load()) == known
    assert stored.load()[MODEL] == book.of(MODEL)


async def test_the_stored_list_never_replaces_a_newer_one(
    client: OpenRouterClient, stored: StoredPriceRows
) -> None:
    book = PriceBook(client, stored, clock=FixedClock())
    known = await book.refresh()
    stored.save({MODEL: ModelPrice(prompt_pusd=1, completion_pusd=1)}, now_ms=1)
    assert await book.load() == known


@pytest.mark.parametrize("useless", [[], [listed(prompt="-1")], [{"id": "a/b"}], [{}]])
async def test_a_list_without_a_single_price_leaves_the_one_before(
    stored: StoredPriceRows, useless: list[Mapping[str, Any]]
) -> None:
    client = Listing(listed())
    book = PriceBook(client, stored, clock=FixedClock())
    await book.refresh()
    client.listed = useless
    assert await book.refresh() == 1
    assert book.of(MODEL) is not None
    assert list(stored.load()) == [MODEL]
    assert guard.tally["price lists without prices"] == 1


async def test_without_a_database_the_book_goes_on(client: OpenRouterClient) -> None:
    book = PriceBook(client, NoDatabase())
    assert await book.load() == 0
    assert await book.refresh() > 3
    assert book.of(MODEL) is not None
    assert guard.tally["stored prices not read"] == 1
    assert guard.tally["prices not stored"] == 1


async def test_a_book_without_a_store(client: OpenRouterClient) -> None:
    book = PriceBook(client)
    assert await book.load() == 0
    assert await book.refresh() == await book.load() > 3


def test_every_price_of_a_model() -> None:
    model = listed(request="0.01", image="0.003613", input_cache_read="0.00025")
    model["top_provider"] = {"max_completion_tokens": 16_384}
    assert read_price(model) == ModelPrice(
        prompt_pusd=1_000_000_000,
        completion_pusd=2_000_000_000,
        request_pusd=10_000_000_000,
        image_pusd=3_613_000_000,
        max_completion_tokens=16_384,
        cache_read_pusd=250_000_000,
    )


@pytest.mark.parametrize("cached", [None, "", "-1", "0.11", "NaN", [1]])
def test_no_price_of_cached_tokens_is_no_reason_to_have_none_at_all(cached: Any) -> None:
    price = read_price(listed(input_cache_read=cached))
    assert price is not None
    assert (price.prompt_pusd, price.cache_read_pusd) == (1_000_000_000, None)


async def test_the_list_names_prices_of_cached_tokens(client: OpenRouterClient) -> None:
    book = PriceBook(client)
    await book.refresh()
    price = book.of(MODEL)
    assert price is not None
    assert price.cache_read_pusd is not None
    assert 0 < price.cache_read_pusd < price.prompt_pusd


def test_prices_that_a_model_does_not_have_are_zero() -> None:
    price = read_price(listed(request=None, image=""))
    assert price is not None
    assert (price.request_pusd, price.image_pusd) == (0, 0)


@pytest.mark.parametrize(
    "pricing",
    [
        {"prompt": "-1"}, {"completion": "-0.000001"}, {"request": "-1"}, {"image": "-1"},
        {"prompt": None}, {"completion": None}, {"prompt": ""}, {"image": "NaN"}, {"image": [1]},
        {"prompt": "0.11"}, {"completion": "1e5"}, {"request": "100.01"}, {"image": "1e30"},
    ],
)  # fmt: skip
def test_negative_missing_and_absurd_prices_are_none(pricing: dict[str, Any]) -> None:
    assert read_price(listed(**pricing)) is None


@pytest.mark.parametrize("most", [None, 0, -1, True, "16384", 10**8, 1.5])
def test_what_is_no_bound_on_the_answer(most: Any) -> None:
    price = read_price({**listed(), "top_provider": {"max_completion_tokens": most}})
    assert price is not None
    assert price.max_completion_tokens is None


@pytest.mark.parametrize("name", [None, 7, "", "x" * 201, "a b", "a\0b", "\ud800"])
def test_what_is_no_name_has_no_price(name: Any) -> None:
    assert read_prices([listed(name), listed()]).keys() == {MODEL}


def test_the_first_of_two_entries_of_one_name_holds() -> None:
    prices = read_prices([listed(), listed(prompt="0.05")])
    assert prices[MODEL].prompt_pusd == 1_000_000_000

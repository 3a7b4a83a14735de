"""The price list, for estimates only. A negative, malformed or absurd price is no price."""

import asyncio
from collections.abc import Mapping
from typing import Any

from mai_usage_ext.errors import BadInput, StorageError, UpstreamError
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.answers import identifier
from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.metering.money import PICO, pusd_from_usd
from mai_usage_ext.openrouter.client import OpenRouterClient
from mai_usage_ext.ports import Clock, SystemClock
from mai_usage_ext.ports.prices import StoredPrices

__all__ = ["PriceBook", "read_price"]

# The dearest model of 2026 takes 0.0006 USD for a token. What is far above that is a defect of the
# list, and a hold made of it would refuse everybody.
_MAX_TOKEN_PUSD = PICO // 10
_MAX_UNIT_PUSD = 100 * PICO
_MOST_TOKENS = 10**8


class PriceBook:
    """Prices by model name, replaced as a whole by ``refresh``; ``stored`` outlives the process."""

    def __init__(
        self,
        client: OpenRouterClient,
        stored: StoredPrices | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._client = client
        self._stored = stored
        self._clock = clock or SystemClock()
        self._prices: dict[str, ModelPrice] = {}

    def of(self, model: str) -> ModelPrice | None:
        """The model's price; a variant such as ``:nitro`` without one has its base model's."""
        known = self._prices.get(model)
        return known if known is not None else self._prices.get(model.partition(":")[0])

    async def load(self) -> int:
        """Take the stored list, unless there is one already; return how many models have a price.

        A database that does not answer is counted: the next ``refresh`` does without it.
        """
        if self._stored is None:
            return len(self._prices)
        try:
            stored = await asyncio.to_thread(self._stored.load)
        except StorageError as error:
            tally.warn("stored prices not read", f"reading the stored prices failed: {error}")
        else:
            # A refresh may have been faster, and knows better.
            self._prices = self._prices or dict(stored)
        return len(self._prices)

    async def refresh(self) -> int:
        """Read the list anew and store it; return how many models have a usable price.

        A list that cannot be read, or that holds no usable price at all, is counted and leaves the
        one before in force.
        """
        try:
            prices = read_prices(await self._client.models())
        except UpstreamError as error:
            tally.warn("price lists not read", f"GET /models failed: {error}")
            return len(self._prices)
        if not prices:
            tally.warn("price lists without prices", "GET /models named no usable price at all")
            return len(self._prices)
        self._prices = prices
        await self._store(prices)
        return len(prices)

    async def _store(self, prices: Mapping[str, ModelPrice]) -> None:
        if self._stored is None:
            return
        try:
            await asyncio.to_thread(self._stored.save, prices, now_ms=self._clock.now_ms())
        except StorageError as error:
            tally.warn("prices not stored", f"storing the price list failed: {error}")


def read_prices(models: list[Mapping[str, Any]]) -> dict[str, ModelPrice]:
    """The usable prices of ``GET /models``; the first of two entries of one name holds."""
    prices: dict[str, ModelPrice] = {}
    for model in models:
        name, price = identifier(model.get("id")), read_price(model)
        if name is not None and price is not None:
            prices.setdefault(name, price)
    return prices


def read_price(model: Mapping[str, Any]) -> ModelPrice | None:
    """Picodollars per token of one entry of ``GET /models``, or ``None`` where they make no sense.

    ``openrouter/auto`` is listed at −1: its price depends on where the call goes.
    """
    pricing = model.get("pricing")
    if not isinstance(pricing, Mapping):
        return None
    try:
        return ModelPrice(
            prompt_pusd=_per_token(pricing, "prompt"),
            completion_pusd=_per_token(pricing, "completion"),
            request_pusd=_per_unit(pricing, "request"),
            image_pusd=_per_unit(pricing, "image"),
            max_completion_tokens=_most_tokens(model),
            cache_read_pusd=_cached(pricing),
        )
    except BadInput:
        return None


def _per_token(pricing: Mapping[str, Any], name: str) -> int:
    """Raises ``BadInput``, also where the price is missing."""
    return _bounded(pricing.get(name), name, most_pusd=_MAX_TOKEN_PUSD)


def _cached(pricing: Mapping[str, Any]) -> int | None:
    """``None`` where there is no such price, or none that makes sense: nothing is held by it."""
    try:
        return _per_token(pricing, "input_cache_read")
    except BadInput:
        return None


def _per_unit(pricing: Mapping[str, Any], name: str) -> int:
    """Zero where the model has no such price. Raises ``BadInput``."""
    return _bounded(pricing.get(name) or "0", name, most_pusd=_MAX_UNIT_PUSD)


def _bounded(usd: object, name: str, *, most_pusd: int) -> int:
    pusd = pusd_from_usd(usd, field=f"pricing.{name}")
    if pusd > most_pusd:
        raise BadInput(f"pricing.{name}", got=usd, expected="a price that somebody would pay")
    return pusd


def _most_tokens(model: Mapping[str, Any]) -> int | None:
    top = model.get("top_provider")
    most = top.get("max_completion_tokens") if isinstance(top, Mapping) else None
    if isinstance(most, bool) or not isinstance(most, int):
        return None
    return most if 0 < most < _MOST_TOKENS else None

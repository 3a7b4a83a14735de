"""The price list, for estimates only. A negative or malformed price is no price."""

from collections.abc import Mapping
from typing import Any

from mai_usage_ext.errors import BadInput, UpstreamError
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.metering.money import pusd_from_usd
from mai_usage_ext.openrouter.client import OpenRouterClient

__all__ = ["PriceBook", "read_price"]


class PriceBook:
    """Prices by model name, replaced as a whole by ``refresh``."""

    def __init__(self, client: OpenRouterClient) -> None:
        self._client = client
        self._prices: dict[str, ModelPrice] = {}

    def of(self, model: str) -> ModelPrice | None:
        """The model's price; a variant such as ``:nitro`` without one has its base model's."""
        known = self._prices.get(model)
        return known if known is not None else self._prices.get(model.partition(":")[0])

    async def refresh(self) -> int:
        """Read the list anew and return how many models have a usable price."""
        try:
            models = await self._client.models()
        except UpstreamError as error:
            tally.warn("price lists not read", f"GET /models failed: {error}")
            return len(self._prices)
        prices = {str(model.get("id")): price for model in models if (price := read_price(model))}
        self._prices = prices
        return len(prices)


def read_price(model: Mapping[str, Any]) -> ModelPrice | None:
    """Picodollars per token of one entry of ``GET /models``, or ``None`` where they make no sense.

    ``openrouter/auto`` is listed at −1: its price depends on where the call goes.
    """
    pricing = model.get("pricing")
    if not isinstance(pricing, Mapping):
        return None
    try:
        return ModelPrice(
            prompt_pusd=pusd_from_usd(pricing.get("prompt"), field="pricing.prompt"),
            completion_pusd=pusd_from_usd(pricing.get("completion"), field="pricing.completion"),
            request_pusd=pusd_from_usd(pricing.get("request") or "0", field="pricing.request"),
            max_completion_tokens=_most_tokens(model),
        )
    except BadInput:
        return None


def _most_tokens(model: Mapping[str, Any]) -> int | None:
    top = model.get("top_provider")
    most = top.get("max_completion_tokens") if isinstance(top, Mapping) else None
    return most if isinstance(most, int) and 0 < most < 10**8 else None

"""The model that a test call costs least with."""

from mai_usage_ext.errors import BadInput, UpstreamError
from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.openrouter.client import OpenRouterClient
from mai_usage_ext.openrouter.prices import read_prices
from mai_usage_ext.ports.self_test import ModelOffer

__all__ = ["CheapestOffer"]

# The test's question and its answer, in tokens, with room to spare.
_QUESTION, _ANSWER = 40, 32


class CheapestOffer:
    """Implements ``ports.self_test.CheapestModel``: from the price list as it is now."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    async def find(self, model: str | None = None) -> ModelOffer:
        async with OpenRouterClient(self._base_url) as client:
            prices = read_prices(await client.models())
        if model is not None:
            if model not in prices:
                expected = "a model of OpenRouter's list that has a price"
                raise BadInput("model", got=model, expected=expected)
            return ModelOffer(model=model, most_pusd=_cost(prices[model]))
        # A call that costs nothing proves nothing; a model without a price for its answer is none
        # to chat with.
        offers = [
            (_cost(price), name)
            for name, price in prices.items()
            if price.prompt_pusd > 0 and price.completion_pusd > 0
        ]
        if not offers:
            raise UpstreamError("GET /models names no model with a price", status=200)
        most_pusd, name = min(offers)
        return ModelOffer(model=name, most_pusd=most_pusd)


def _cost(price: ModelPrice) -> int:
    return _QUESTION * price.prompt_pusd + _ANSWER * price.completion_pusd + price.request_pusd

"""What the caches of models saved, as far as the price list can tell."""

from collections.abc import Callable

from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.metering.measures import UsageTally

__all__ = ["CacheSavings"]


class CacheSavings:
    """``price_of`` is today's price list."""

    def __init__(self, price_of: Callable[[str], ModelPrice | None]) -> None:
        self._price_of = price_of

    def of(self, model: str, sums: UsageTally) -> int | None:
        """Raw picodollars: cached tokens × (price of a prompt token − price of a cached one).

        ``None`` where the list has no price for cached tokens of the model. It is an estimate: the
        list is of now, and writing into a cache may have cost something too.
        """
        price = self._price_of(model)
        if price is None or price.cache_read_pusd is None:
            return None
        return sums.cached_tokens * max(0, price.prompt_pusd - price.cache_read_pusd)

"""The price list as last read, kept for a start while OpenRouter is away."""

from collections.abc import Mapping
from typing import Protocol

from mai_usage_ext.metering.estimate import ModelPrice

__all__ = ["StoredPrices"]


class StoredPrices(Protocol):
    """Prices by model name. Raises ``StorageUnavailable``."""

    def load(self) -> Mapping[str, ModelPrice]: ...

    def save(self, prices: Mapping[str, ModelPrice], *, now_ms: int) -> int:
        """Make the stored list just this one, in one transaction; return how many rows changed."""
        ...

"""How much of OpenRouter's UTC days the meter booked by itself, all keys together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

__all__ = ["CaptureDay", "CaptureStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureDay:
    """The sums of a day's comparisons, in raw picodollars as ``ReconciliationRecord`` has them.

    ``keys`` counts them; ``below`` those with too little captured, ``waiting`` and ``unexplained``
    those that were found to be so.
    """

    day: date
    captured_pusd: int
    adjusted_pusd: int
    provider_pusd: int
    keys: int
    below: int
    waiting: int
    unexplained: int


class CaptureStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def days(self, *, first: date, last: date, organization_id: str | None) -> Sequence[CaptureDay]:
        """Days that were compared, oldest first; of every key, or of an organization's."""
        ...

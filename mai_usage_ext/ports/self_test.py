"""A real call that is made to see whether it is metered."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["PURPOSE", "CheapestModel", "ModelOffer", "TestAnswer", "TestCall"]

PURPOSE = "self_test"
"""What such a call is booked for, under the organization of nobody: no client pays for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOffer:
    """``most_pusd`` is about what the test call costs at most, in raw picodollars."""

    model: str
    most_pusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TestAnswer:
    """``cost_pusd`` is what the answer itself says; ``problem`` why there is none."""

    status: int
    generation_id: str | None
    cost_pusd: int | None
    problem: str | None = None


class CheapestModel(Protocol):
    async def find(self, model: str | None = None) -> ModelOffer:
        """The model that the test costs least with, or the one that is named. Raises
        ``UpstreamError``, and ``BadInput`` for a model that is not on the list."""
        ...


class TestCall(Protocol):
    async def send(self, model: str, *, key: str) -> TestAnswer:
        """One short chat completion through the process's own HTTP client. Raises nothing."""
        ...

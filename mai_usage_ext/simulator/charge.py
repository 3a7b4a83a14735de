"""What one call costs, computed exactly from its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from mai_usage_ext.simulator.catalogue import WEB_SEARCH_PRICE, Model

PICODOLLAR: Final = Decimal("0.000000000001")
_BYOK_FEE: Final = Decimal("0.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Token counts; `cached` is part of `prompt`, `reasoning` is part of `completion`."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    searches: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """The money of one call, in USD.

    `cost` is what the account's credits pay. With the caller's own provider key (BYOK) that is only
    the fee, and `upstream` is paid to the provider on top of it. Otherwise `upstream` is a part of
    `cost` and must never be added.
    """

    cost: Decimal
    upstream_prompt: Decimal
    upstream_completion: Decimal
    server_tools: Decimal
    is_byok: bool

    @property
    def upstream(self) -> Decimal:
        return self.upstream_prompt + self.upstream_completion

    @property
    def spend(self) -> Decimal:
        """All the money the call took, whoever was paid."""
        return self.cost + self.upstream if self.is_byok else self.cost


def charge_for(model: Model, tokens: Tokens, *, is_byok: bool) -> Charge:
    """Price one call. The result is a whole number of picodollars."""
    prompt = (tokens.prompt - tokens.cached) * model.prompt_price
    prompt += tokens.cached * model.cache_read_price
    completion = tokens.completion * model.completion_price
    tools = tokens.searches * WEB_SEARCH_PRICE
    inference = prompt + completion
    if is_byok:
        fee = (inference * _BYOK_FEE).quantize(PICODOLLAR)
        cost = fee + tools
    else:
        cost = inference + tools
    return Charge(
        cost=cost,
        upstream_prompt=prompt,
        upstream_completion=completion,
        server_tools=tools,
        is_byok=is_byok,
    )


def picodollars(amount: Decimal) -> int:
    """USD to a whole number of picodollars; `ValueError` if that would lose a digit."""
    scaled = amount / PICODOLLAR
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{amount} USD is not a whole number of picodollars")
    return whole

"""Usage blocks: what the provider says a call took and cost.

Three shapes are read: chat (``prompt_tokens`` …), responses and messages (``input_tokens`` …) and
embeddings (no completion). Source: OpenRouter's Python client 1.3.84 and its API reference.

A usage block is trusted whole or not at all. A call whose block is missing, carries no cost or does
not make sense is settled from ``GET /generation`` later; it is never booked at zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.money import MAX_PUSD, MAX_RATE, RATE_ONE, pusd_from_usd

__all__ = ["MAX_CALL_PUSD", "MAX_TOKENS", "Usage", "UsageUnusable", "read_generation", "read_usage"]

# No model reads or writes a billion tokens in one call; a larger count is a defect, not usage.
MAX_TOKENS = 10**9

# At the highest markup rate a call of this cost still fits what the ledger can hold. One that costs
# more than 9,000 USD is a defect of the answer.
MAX_CALL_PUSD = MAX_PUSD * RATE_ONE // MAX_RATE


class UsageUnusable(ValueError):
    """The block is missing something or makes no sense. The text names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, and the raw cost in picodollars (with BYOK, the upstream provider's part included).

    ``cached_tokens`` are part of ``prompt_tokens``, ``reasoning_tokens`` of ``completion_tokens``.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    raw_pusd: int
    is_byok: bool = False


def read_usage(block: object) -> Usage:
    """The ``usage`` object of an answer. Raises ``UsageUnusable``."""
    if not isinstance(block, Mapping):
        raise UsageUnusable("usage is not an object")
    is_byok = _flag(block, "is_byok")
    return Usage(
        prompt_tokens=_tokens(block, "prompt_tokens", "input_tokens"),
        completion_tokens=_tokens(block, "completion_tokens", "output_tokens"),
        cached_tokens=_detail(
            block, ("prompt_tokens_details", "input_tokens_details"), "cached_tokens"
        ),
        reasoning_tokens=_detail(
            block, ("completion_tokens_details", "output_tokens_details"), "reasoning_tokens"
        ),
        raw_pusd=_cost(block, "cost") + (_byok_upstream(block) if is_byok else 0),
        is_byok=is_byok,
    )


def read_generation(data: object) -> Usage:
    """The ``data`` object of ``GET /generation``. Raises ``UsageUnusable``.

    Native counts are what the provider billed; the others are a normalised estimate.
    """
    if not isinstance(data, Mapping):
        raise UsageUnusable("generation is not an object")
    is_byok = _flag(data, "is_byok")
    upstream = 0
    if is_byok and data.get("upstream_inference_cost") is not None:
        upstream = _cost(data, "upstream_inference_cost")
    return Usage(
        prompt_tokens=_tokens(data, "native_tokens_prompt", "tokens_prompt"),
        completion_tokens=_tokens(data, "native_tokens_completion", "tokens_completion"),
        cached_tokens=_tokens(data, "native_tokens_cached"),
        reasoning_tokens=_tokens(data, "native_tokens_reasoning"),
        raw_pusd=_cost(data, "total_cost") + upstream,
        is_byok=is_byok,
    )


def _tokens(block: Mapping[str, Any], *names: str) -> int:
    """The first of ``names`` that is there; a count nobody reports is zero."""
    for name in names:
        value = block.get(name)
        if value is None:
            continue
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value) if abs(value) <= MAX_TOKENS else -1
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageUnusable(f"{name} is not a whole number")
        if not 0 <= value <= MAX_TOKENS:
            raise UsageUnusable(f"{name} is out of range")
        return value
    return 0


def _detail(block: Mapping[str, Any], holders: tuple[str, str], name: str) -> int:
    for holder in holders:
        details = block.get(holder)
        if details is None:
            continue
        if not isinstance(details, Mapping):
            raise UsageUnusable(f"{holder} is not an object")
        return _tokens(details, name)
    return 0


def _cost(block: Mapping[str, Any], name: str) -> int:
    value = block.get(name)
    if value is None:
        raise UsageUnusable(f"{name} is missing")
    if isinstance(value, str):
        raise UsageUnusable(f"{name} is a string")
    try:
        cost = pusd_from_usd(value, field=name)
    except BadInput as error:
        raise UsageUnusable(str(error)) from None
    if cost > MAX_CALL_PUSD:
        raise UsageUnusable(f"{name} is above 9,000 USD for one call")
    return cost


def _byok_upstream(block: Mapping[str, Any]) -> int:
    """With the client's own provider key, ``cost`` is only OpenRouter's fee."""
    details = block.get("cost_details")
    if not isinstance(details, Mapping):
        raise UsageUnusable("cost_details is missing on a BYOK call")
    return _cost(details, "upstream_inference_cost")


def _flag(block: Mapping[str, Any], name: str) -> bool:
    value = block.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise UsageUnusable(f"{name} is not true or false")
    return value

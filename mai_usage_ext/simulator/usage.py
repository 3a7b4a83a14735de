"""The usage block in its three shapes, from the exact tokens and charge of a call."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mai_usage_ext.simulator.charge import Charge, Tokens
from mai_usage_ext.simulator.switches import UNSET, Switches


def chat_usage(tokens: Tokens, charge: Charge, switches: Switches) -> Any:
    """`usage` of `/chat/completions`."""
    return _overridden(
        {
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.completion,
            "total_tokens": tokens.total,
            "cost": _cost(charge, switches),
            "is_byok": charge.is_byok,
            "prompt_tokens_details": {
                "cached_tokens": tokens.cached,
                "cache_write_tokens": 0,
                "audio_tokens": 0,
                "video_tokens": 0,
            },
            "cost_details": _cost_details(charge, "prompt", "completions"),
            "completion_tokens_details": {"reasoning_tokens": tokens.reasoning, "audio_tokens": 0},
            **_searches(tokens),
        },
        switches,
    )


def responses_usage(tokens: Tokens, charge: Charge, switches: Switches) -> Any:
    """`usage` of `/responses`."""
    return _overridden(
        {
            "input_tokens": tokens.prompt,
            "input_tokens_details": {"cached_tokens": tokens.cached},
            "output_tokens": tokens.completion,
            "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
            "total_tokens": tokens.total,
            "cost": _cost(charge, switches),
            "is_byok": charge.is_byok,
            "cost_details": _cost_details(charge, "input", "output"),
            **_searches(tokens),
        },
        switches,
    )


def embeddings_usage(tokens: Tokens, charge: Charge, switches: Switches) -> Any:
    """`usage` of `/embeddings`."""
    return _overridden(
        {
            "prompt_tokens": tokens.prompt,
            "total_tokens": tokens.total,
            "cost": _cost(charge, switches),
            "is_byok": charge.is_byok,
            "cost_details": _cost_details(charge, "prompt", "completions"),
        },
        switches,
    )


def messages_usage(tokens: Tokens, charge: Charge, switches: Switches, *, priced: bool) -> Any:
    """`usage` of `/messages`, where cached tokens are counted apart from the input."""
    usage: dict[str, Any] = {
        "input_tokens": tokens.prompt - tokens.cached,
        "output_tokens": tokens.completion,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": tokens.cached,
        "service_tier": "standard",
    }
    if priced:
        usage["cost"] = _cost(charge, switches)
        usage["is_byok"] = charge.is_byok
        usage["cost_details"] = _cost_details(charge, "prompt", "completions")
    return _overridden(usage, switches)


def _overridden(usage: dict[str, Any], switches: Switches) -> Any:
    return usage if switches.usage_override is UNSET else switches.usage_override


def _cost(charge: Charge, switches: Switches) -> Any:
    if switches.cost_override is not UNSET:
        return switches.cost_override
    return None if switches.cost_null else charge.cost


def _cost_details(charge: Charge, prompt: str, completion: str) -> dict[str, Decimal]:
    details = {
        "upstream_inference_cost": charge.upstream,
        f"upstream_inference_{prompt}_cost": charge.upstream_prompt,
        f"upstream_inference_{completion}_cost": charge.upstream_completion,
    }
    if charge.server_tools:
        details["server_tool_cost"] = charge.server_tools
    return details


def _searches(tokens: Tokens) -> dict[str, Any]:
    if not tokens.searches:
        return {}
    return {"server_tool_use_details": {"web_search_requests": tokens.searches}}

"""The models on offer and what a token of each costs.

Prices are USD per token with at most twelve decimals, so that every product of a price and a token
count is a whole number of picodollars (1e-12 USD).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

WEB_SEARCH_PRICE: Final = Decimal("0.01")
ZERO: Final = Decimal(0)

_PARAMETERS = ["max_tokens", "temperature", "top_p", "stop", "seed", "tools", "tool_choice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One entry of `GET /models`; prices are USD per token."""

    id: str
    slug: str
    name: str
    provider: str
    prompt_price: Decimal
    completion_price: Decimal
    cached_price: Decimal | None = None
    context_length: int = 131_072
    created: int = 1_735_689_600
    family: str = "Other"
    embeds: bool = False
    searches: int = 0

    @property
    def cache_read_price(self) -> Decimal:
        """What a cached prompt token costs; the full price where no discount is known."""
        return self.prompt_price if self.cached_price is None else self.cached_price


def find_model(asked: str) -> Model | None:
    """The model behind a name as callers write it, or None.

    `:nitro` and `:floor` only choose the provider, `:online` adds one web search, and `:free` is a
    model of its own. `openrouter/auto` is answered by an ordinary model.
    """
    if asked == AUTO.id:
        return MODELS["openai/gpt-4o-mini"]
    found = MODELS.get(asked)
    if found is not None or ":" not in asked:
        return found
    name, _, suffix = asked.rpartition(":")
    base = MODELS.get(name)
    if base is None or suffix not in {"nitro", "floor", "online"}:
        return None
    return replace(base, searches=1) if suffix == "online" else base


def listing() -> list[dict[str, Any]]:
    """`data` of `GET /models`; embedding models have a listing of their own."""
    return [_described(model) for model in (*MODELS.values(), AUTO) if not model.embeds]


def embedding_listing() -> list[dict[str, Any]]:
    """`data` of `GET /embeddings/models`."""
    return [_described(model) for model in MODELS.values() if model.embeds]


def _described(model: Model) -> dict[str, Any]:
    output = "embeddings" if model.embeds else "text"
    return {
        "id": model.id,
        "canonical_slug": model.slug,
        "hugging_face_id": None,
        "name": model.name,
        "created": model.created,
        "description": f"{model.name}, as the simulator plays it.",
        "context_length": model.context_length,
        "architecture": {
            "modality": f"text->{output}",
            "input_modalities": ["text"],
            "output_modalities": [output],
            "tokenizer": model.family,
            "instruct_type": None,
        },
        "pricing": _pricing(model),
        "top_provider": {
            "context_length": model.context_length,
            "max_completion_tokens": 16_384,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": _PARAMETERS,
        "supported_voices": None,
        "default_parameters": None,
        "links": {"details": f"/api/v1/models/{model.slug}/endpoints"},
    }


def _pricing(model: Model) -> dict[str, str]:
    prices = {
        "prompt": _price_text(model.prompt_price),
        "completion": _price_text(model.completion_price),
        "request": "0",
        "image": "0",
        "web_search": _price_text(WEB_SEARCH_PRICE),
    }
    if model.cached_price is not None:
        prices["input_cache_read"] = _price_text(model.cached_price)
    return prices


def _price_text(price: Decimal) -> str:
    return format(price, "f")


def _chat(
    name: str,
    dated: str,
    title: str,
    provider: str,
    family: str,
    prompt: str,
    completion: str,
    cached: str | None = None,
) -> Model:
    return Model(
        id=name,
        slug=dated,
        name=title,
        provider=provider,
        family=family,
        prompt_price=Decimal(prompt),
        completion_price=Decimal(completion),
        cached_price=None if cached is None else Decimal(cached),
    )


def _embedding(name: str, title: str, provider: str, prompt: str) -> Model:
    return Model(
        id=name,
        slug=name,
        name=title,
        provider=provider,
        prompt_price=Decimal(prompt),
        completion_price=ZERO,
        context_length=8_192,
        embeds=True,
    )


_ALL = (
    _chat(
        "openai/gpt-4o-mini",
        "openai/gpt-4o-mini-2024-07-18",
        "OpenAI: GPT-4o-mini",
        "OpenAI",
        "GPT",
        "0.00000015",
        "0.0000006",
        "0.000000075",
    ),
    _chat(
        "openai/gpt-4o",
        "openai/gpt-4o-2024-08-06",
        "OpenAI: GPT-4o",
        "OpenAI",
        "GPT",
        "0.0000025",
        "0.00001",
        "0.00000125",
    ),
    _chat(
        "anthropic/claude-sonnet-4",
        "anthropic/claude-4-sonnet-20250522",
        "Anthropic: Claude Sonnet 4",
        "Anthropic",
        "Claude",
        "0.000003",
        "0.000015",
        "0.0000003",
    ),
    _chat(
        "google/gemini-2.5-flash",
        "google/gemini-2.5-flash-20250617",
        "Google: Gemini 2.5 Flash",
        "Google",
        "Gemini",
        "0.0000003",
        "0.0000025",
        "0.000000075",
    ),
    _chat(
        "deepseek/deepseek-chat-v3-0324",
        "deepseek/deepseek-chat-v3-0324-20250324",
        "DeepSeek: DeepSeek V3 0324",
        "DeepInfra",
        "DeepSeek",
        "0.000000249",
        "0.000000881",
        "0.0000000623",
    ),
    _chat(
        "meta-llama/llama-3.3-70b-instruct",
        "meta-llama/llama-3.3-70b-instruct-20241206",
        "Meta: Llama 3.3 70B Instruct",
        "Together",
        "Llama3",
        "0.000000038",
        "0.00000012",
    ),
    _chat(
        "meta-llama/llama-3.3-70b-instruct:free",
        "meta-llama/llama-3.3-70b-instruct-20241206",
        "Meta: Llama 3.3 70B Instruct (free)",
        "Venice",
        "Llama3",
        "0",
        "0",
    ),
    _chat(
        "qwen/qwen3-8b",
        "qwen/qwen3-8b-04-28",
        "Qwen: Qwen3 8B",
        "Novita",
        "Qwen3",
        "0.000000035137",
        "0.000000138409",
    ),
    _embedding(
        "openai/text-embedding-3-small",
        "OpenAI: Text Embedding 3 Small",
        "OpenAI",
        "0.00000002",
    ),
    _embedding(
        "qwen/qwen3-embedding-8b",
        "Qwen: Qwen3 Embedding 8B",
        "Nebius",
        "0.000000010013",
    ),
)

MODELS: Final = {model.id: model for model in _ALL}
"""Every model that can be asked for by its plain name, in the order of the listing."""

AUTO: Final = Model(
    id="openrouter/auto",
    slug="openrouter/auto",
    name="Auto Router",
    provider="OpenRouter",
    family="Router",
    prompt_price=Decimal(-1),
    completion_price=Decimal(-1),
    context_length=2_000_000,
)
"""The router; its price in the listing is -1, which is a mark and not a price."""

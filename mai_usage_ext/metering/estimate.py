"""What a call may cost at most, guessed before it is sent. Only holds use it; bills never do."""

from dataclasses import dataclass

__all__ = ["ModelPrice", "Request", "estimate_pusd"]

# English runs at about four bytes a token, other scripts at fewer; three errs to the safe side.
_BYTES_PER_TOKEN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """Picodollars per token and per request, and the most tokens the model answers with."""

    prompt_pusd: int
    completion_pusd: int
    request_pusd: int = 0
    max_completion_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What matters of a request before it is sent. ``size`` is its body in bytes."""

    model: str | None
    size: int
    max_tokens: int | None
    stream: bool
    choices: int = 1


def estimate_pusd(request: Request, price: ModelPrice | None, *, default_pusd: int) -> int:
    """Raw cost, in picodollars, the request is unlikely to exceed.

    Without a price the default stands in. Without any bound on the answer the default is added to
    the prompt's cost, since a model's context window would hold far more than a chat ever costs.
    """
    if price is None:
        return default_pusd
    prompt = price.request_pusd + price.prompt_pusd * (request.size // _BYTES_PER_TOKEN + 1)
    bound = request.max_tokens or price.max_completion_tokens
    if bound is None:
        return prompt + default_pusd
    return prompt + price.completion_pusd * bound * request.choices

"""What a call may cost at most, guessed before it is sent. Only holds use it; bills never do."""

from dataclasses import dataclass

from mai_usage_ext.metering.money import RATE_ONE

__all__ = ["Estimate", "ModelPrice", "Request", "estimate", "tokens_within"]

# English runs at about four bytes a token, other scripts at fewer; three errs to the safe side.
_BYTES_PER_TOKEN = 3
# A picture is billed by its area in tiles; the largest that is sent on is about this many tokens.
_TOKENS_PER_IMAGE = 2_000
# An answer cut shorter than this is no answer; where not even so much fits, the call is refused.
_FEWEST_TOKENS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """Picodollars per token, request and image, and the most tokens the model answers with.

    ``cache_read_pusd`` is of a token that the model has in its cache; estimates do without it.
    """

    prompt_pusd: int
    completion_pusd: int
    request_pusd: int = 0
    image_pusd: int = 0
    max_completion_tokens: int | None = None
    cache_read_pusd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What matters of a request before it is sent.

    ``size`` is its body in bytes, messages and tools together, without the ``images`` inlined in
    it. ``has_answer`` is false for what only reads, such as embeddings.
    """

    model: str | None
    size: int
    max_tokens: int | None
    stream: bool
    choices: int = 1
    images: int = 0
    has_answer: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Raw picodollars a call is unlikely to exceed.

    ``least_pusd`` is there when only the model's own maximum makes it so much: with a shorter
    answer, which we may ask for, it would cost as little as that.
    """

    raw_pusd: int
    least_pusd: int | None = None


def estimate(request: Request, price: ModelPrice | None, *, default_pusd: int) -> Estimate:
    """The raw cost of a call at most.

    Without a price the default stands in. Without any bound on the answer the default is added to
    the prompt's cost, since a model's context window would hold far more than a chat ever costs.
    """
    if price is None:
        return Estimate(raw_pusd=default_pusd)
    prompt = _prompt_pusd(request, price)
    if not request.has_answer:
        return Estimate(raw_pusd=prompt)
    per_token = price.completion_pusd * request.choices
    if request.max_tokens is not None:
        return Estimate(raw_pusd=prompt + per_token * request.max_tokens)
    least = prompt + per_token * _FEWEST_TOKENS
    most = price.max_completion_tokens
    raw = prompt + (default_pusd if most is None else per_token * most)
    return Estimate(raw_pusd=raw, least_pusd=least if least < raw else None)


def tokens_within(
    granted_pusd: int, request: Request, price: ModelPrice, *, rate_micro: int, fee_pusd: int
) -> int:
    """The longest answer, in tokens, whose billed cost stays within what was granted.

    The inverse of ``estimate`` and ``money.billed_pusd``, rounded down.
    """
    per_token = price.completion_pusd * request.choices
    prompt = _prompt_pusd(request, price)
    if per_token == 0 or rate_micro == 0:
        return price.max_completion_tokens or _FEWEST_TOKENS
    # The exact product stays within a whole number, so rounding it half-even does too.
    raw = (granted_pusd - fee_pusd) * RATE_ONE // rate_micro
    return max(0, raw - prompt) // per_token


def _prompt_pusd(request: Request, price: ModelPrice) -> int:
    tokens = request.size // _BYTES_PER_TOKEN + 1 + request.images * _TOKENS_PER_IMAGE
    return price.request_pusd + price.image_pusd * request.images + price.prompt_pusd * tokens

"""Which upstream calls are billable: one table of paths below a metered base URL."""

from enum import StrEnum

__all__ = ["Shape", "shape_of"]


class Shape(StrEnum):
    """What kind of call a path is; the default purpose of its entries."""

    CHAT = "chat"
    RESPONSES = "responses"
    MESSAGES = "messages"
    EMBEDDINGS = "embeddings"
    IMAGES = "images"
    AUDIO = "audio"
    RERANK = "rerank"
    UNKNOWN = "unknown"


BILLABLE = {
    "/chat/completions": Shape.CHAT,
    "/completions": Shape.CHAT,
    "/responses": Shape.RESPONSES,
    "/messages": Shape.MESSAGES,
    "/embeddings": Shape.EMBEDDINGS,
    "/images/generations": Shape.IMAGES,
    "/images/edits": Shape.IMAGES,
    "/audio/speech": Shape.AUDIO,
    "/audio/transcriptions": Shape.AUDIO,
    "/rerank": Shape.RERANK,
}

# POSTs that cost nothing: counting tokens, managing keys, asking for statistics.
FREE = ("/messages/count_tokens", "/keys", "/analytics/query", "/auth/keys", "/credits/coinbase")


def shape_of(method: str, path: str) -> Shape | None:
    """The shape of a billable call, or ``None`` for one that costs nothing.

    ``path`` is what follows the base URL, without a query. A POST nobody has heard of is metered
    as ``UNKNOWN``: a new endpoint must not be free by accident.
    """
    if method.upper() != "POST":
        return None
    path = path.rstrip("/")
    known = BILLABLE.get(path)
    if known is not None:
        return known
    if any(path == free or path.startswith(free + "/") for free in FREE):
        return None
    return Shape.UNKNOWN

"""What of an outgoing request the meter needs to know: one parse, nothing changed."""

from collections.abc import Mapping
from typing import Any

from mai_usage_ext.metering.estimate import Request
from mai_usage_ext.metering.money import parse_json

__all__ = ["bearer_of", "read_request"]

_MAX_TOKENS_NAMES = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def read_request(kwargs: Mapping[str, Any]) -> Request:
    """Model, size and bounds of the body in ``data=`` or ``json=``; unknown parts stay ``None``."""
    data, size = kwargs.get("json"), 0
    raw = kwargs.get("data")
    if isinstance(raw, str | bytes | bytearray):
        size = len(raw)
        try:
            data = parse_json(raw)
        except (ValueError, RecursionError):
            data = None
    if not isinstance(data, Mapping):
        return Request(model=None, size=size, max_tokens=None, stream=False)
    model = data.get("model")
    return Request(
        model=model[:200] if isinstance(model, str) else None,
        size=size or len(str(data)),
        max_tokens=_first_count(data, _MAX_TOKENS_NAMES),
        stream=data.get("stream") is True,
        choices=_first_count(data, ("n",)) or 1,
    )


def bearer_of(headers: Any) -> str | None:
    """The key a call carries, to ask about that call later. Never logged, never stored."""
    for name, value in dict(headers or {}).items():
        if str(name).lower() == "authorization" and str(value).lower().startswith("bearer "):
            return str(value)[7:].strip() or None
    return None


def _first_count(data: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = data.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9:
            return value
    return None

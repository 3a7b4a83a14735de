"""What of an outgoing request the meter needs to know, and the three things it may change of it."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from mai_usage_ext.metering.estimate import Request
from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.metering.routes import Shape

__all__ = ["MAX_TOKENS_OF", "OutgoingBody", "bearer_of", "with_bearer"]

_MAX_TOKENS_NAMES = ("max_completion_tokens", "max_tokens", "max_output_tokens")
# What a call calls the longest answer it wants, where we have to say it.
MAX_TOKENS_OF = {
    Shape.CHAT: "max_tokens",
    Shape.MESSAGES: "max_tokens",
    Shape.RESPONSES: "max_output_tokens",
}
_WITHOUT_ANSWER = frozenset({Shape.EMBEDDINGS, Shape.RERANK})
_INLINE = re.compile(rb"data:[a-z]+/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=_-]+")
_PICTURE = b"data:image/"
_SPACE = re.compile(r"[ \t\n\r]*")
# To find where a value ends; what it is does not matter.
_VALUE = json.JSONDecoder(parse_float=str, parse_int=str)


class OutgoingBody:
    """The JSON body in ``data=`` or ``json=``, parsed once; one that is none has no fields."""

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        self._text, self._fields = None, kwargs.get("json")
        self._size, self._images = 0, 0
        raw = kwargs.get("data")
        if isinstance(raw, str | bytes | bytearray):
            body = raw.encode() if isinstance(raw, str) else bytes(raw)
            self._size, self._images = _measured(body)
            with suppress(ValueError, RecursionError):
                text = body.decode()
                self._fields, self._text = parse_json(text), text

    @property
    def is_object(self) -> bool:
        """Whether fields can be set."""
        return isinstance(self._fields, Mapping)

    def read(self, shape: Shape) -> Request:
        """Model, size and bounds; unknown parts stay ``None``."""
        data = self._fields if isinstance(self._fields, Mapping) else {}
        model = data.get("model")
        return Request(
            model=model[:200] if isinstance(model, str) else None,
            size=self._size or len(str(data)),
            max_tokens=_first_count(data, _MAX_TOKENS_NAMES),
            stream=data.get("stream") is True,
            choices=_first_count(data, ("n",)) or 1,
            images=self._images,
            has_answer=shape not in _WITHOUT_ANSWER,
        )

    def with_fields(self, kwargs: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
        """The request with these fields set; one whose body is no JSON object stays as it is.

        They are put into the text, so that not a byte of the rest is written anew.
        """
        if not fields or not isinstance(self._fields, Mapping):
            return kwargs
        if self._text is None:
            return {**kwargs, "json": {**self._fields, **fields}}
        text = _with_members(self._text, self._fields, fields)
        data = text if isinstance(kwargs["data"], str) else text.encode()
        # A length that was right before would cut the body short now.
        return {**kwargs, **_headers_without(kwargs, "content-length"), "data": data}


def bearer_of(headers: Any) -> str | None:
    """The key a call carries, to ask about that call later. Never logged, never stored."""
    for name, value in dict(headers or {}).items():
        if str(name).lower() == "authorization" and str(value).lower().startswith("bearer "):
            return str(value)[7:].strip() or None
    return None


def with_bearer(kwargs: dict[str, Any], bearer: str) -> dict[str, Any]:
    """The request with this key and no other; the host's own objects stay as they are."""
    kept = _headers_without(kwargs, "authorization", "x-api-key").get("headers") or []
    changed = {**kwargs, "headers": [*kept, ("Authorization", f"Bearer {bearer}")]}
    # aiohttp refuses a request that authorizes twice.
    changed.pop("auth", None)
    return changed


def _headers_without(kwargs: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The headers as pairs with these left out, where there are any."""
    headers: Any = kwargs.get("headers")
    if not headers:
        return {}
    pairs = headers.items() if hasattr(headers, "items") else headers
    return {"headers": [(key, value) for key, value in pairs if str(key).lower() not in names]}


def _with_members(text: str, known: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """A JSON object's text with these members replaced, or else put in front."""
    if any(name in known for name in fields):
        for name, start, end in reversed(list(_members(text))):
            if name in fields:
                text = text[:start] + json.dumps(fields[name]) + text[end:]
    added = json.dumps({name: value for name, value in fields.items() if name not in known})[1:-1]
    if not added:
        return text
    return "{" + added + (", " if known else "") + text.lstrip()[1:]


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """Each member of an object that is known to be sound: its name, and where its value stands."""
    at = _past_space(text, text.index("{") + 1)
    while text[at] == '"':
        name, at = _VALUE.raw_decode(text, at)
        start = _past_space(text, _past_space(text, at) + 1)
        _, end = _VALUE.raw_decode(text, start)
        yield name, start, end
        # Behind a comma comes the next name; behind the last brace nothing that is one.
        at = min(_past_space(text, _past_space(text, end) + 1), len(text) - 1)


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _measured(body: bytes) -> tuple[int, int]:
    """Bytes that become tokens, and pictures: those are no text, however long they are spelt."""
    if b";base64," not in body:
        return len(body), 0
    inline = _INLINE.findall(body)
    images = sum(one.startswith(_PICTURE) for one in inline)
    return len(body) - sum(map(len, inline)), images


def _first_count(data: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = data.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9:
            return value
    return None

"""Reading what a client sends, after it is known who sends it.

FastAPI reads and checks a declared body before it asks who is calling, so a stranger would learn
field names from a 422 and could make us read megabytes. Here a body is read by a dependency that
stands behind the one for the role, counted while it comes in, and parsed with exact numbers.
"""

import json
from collections.abc import Iterator
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from mai_usage_ext.api.problems import Rejected
from mai_usage_ext.metering.money import parse_json

__all__ = [
    "BULK_BYTES",
    "MOST_BYTES",
    "fields_of",
    "media_type_of",
    "read_bytes",
    "read_json",
    "read_text",
]

MOST_BYTES = 1_000_000
BULK_BYTES = 3_000_000


async def read_json(request: Request, *, most: int = MOST_BYTES) -> Any:
    """The JSON of a request, fractions as ``Decimal``. Raises ``Rejected``."""
    media_type = media_type_of(request)
    # Asking for JSON by name also keeps a form on another site from sending one.
    if media_type != "application/json":
        raise Rejected(415, "Unsupported content type", "send the body as application/json")
    return _parsed(await _read(request, most))


async def read_bytes(request: Request, *, most: int) -> bytes:
    """A request's body as it came. Raises ``Rejected``."""
    return await _read(request, most)


async def read_text(request: Request, *, most: int) -> str:
    """The text of a request in UTF-8, a byte order mark taken off. Raises ``Rejected``."""
    try:
        text = (await _read(request, most)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Rejected(400, "Not UTF-8", "the body is not text in UTF-8") from None
    if "\0" in text:
        raise Rejected(400, "Not text", "the body holds a NUL character")
    return text


def fields_of(body: Any, model: type[BaseModel]) -> dict[str, Any]:
    """What the body says, by the names the services know; what it does not say is left out.

    The model refuses unknown names and wrong types, and changes no value. Raises ``Rejected``
    with every field that is wrong.
    """
    if not isinstance(body, dict):
        raise Rejected(422, "A value cannot be used", "the body is not a JSON object")
    try:
        return model.model_validate(body).model_dump(exclude_unset=True, by_alias=True)
    except ValidationError as error:
        raise Rejected.of_fields(error.errors(include_url=False, include_input=False)) from None


def media_type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read(request: Request, most: int) -> bytes:
    """The whole body, which is never held when it is longer than ``most``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise _too_long(most)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise _too_long(most)
    except ClientDisconnect:
        raise Rejected(400, "Incomplete", "the client went away while it sent the body") from None
    return bytes(body)


def _too_long(most: int) -> Rejected:
    return Rejected(413, "Too long", f"the body is longer than {most:,} bytes")


def _parsed(body: bytes) -> Any:
    try:
        value = parse_json(body)
        # Of a name that stands twice one value would win unseen.
        json.loads(body, object_pairs_hook=_without_doubles)
        _check_texts(value)
    except RecursionError:
        raise Rejected(400, "Not JSON", "the body is nested too deeply") from None
    except ValueError as error:
        raise Rejected(400, "Not JSON", f"the body is not usable JSON: {_reason(error)}") from None
    return value


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return str(error)


def _without_doubles(pairs: list[tuple[str, Any]]) -> None:
    names = set[str]()
    for name, _ in pairs:
        if name in names:
            raise ValueError(f"the name {name[:80]!r} stands twice in one object")
        names.add(name)


def _check_texts(value: Any) -> None:
    """No database takes these, and no answer in UTF-8 could show half a surrogate pair."""
    for text in _texts(value):
        if "\0" in text:
            raise ValueError("a text holds a NUL character")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("a text holds half a surrogate pair") from None


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            yield from each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each

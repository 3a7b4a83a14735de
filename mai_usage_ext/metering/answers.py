"""What can be read from an answer: which generation it was, what it used, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mai_usage_ext.metering.usage import Usage, UsageUnusable, read_usage

__all__ = ["Answer", "Ending", "Fragment", "identifier", "read_body", "read_event", "trusted"]

# Identifiers are stored and sent back in a URL; anything longer or stranger is not one.
_MAX_ID = 200

# The responses API ends with an event of its own, behind which no [DONE] need come.
_LAST_EVENTS = ("response.completed", "response.incomplete", "response.failed")


class Ending(StrEnum):
    """How the bytes of an answer ended, as the meter saw it."""

    COMPLETE = "complete"  # [DONE], or the end of the body
    FAILED = "failed"  # an error status, or an error event inside the stream
    INTERRUPTED = "interrupted"  # stopped, cut, timed out: usage seen so far is not final


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything the meter learned from one answer's bytes.

    ``usage`` is final and trusted, or ``None``; then ``problem`` says why.
    """

    ending: Ending
    generation_id: str | None = None
    model: str | None = None
    provider: str | None = None
    usage: Usage | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """What one JSON object on the wire carries; a stream has many, a plain answer one."""

    generation_id: str | None
    model: str | None
    provider: str | None
    usage: object
    is_error: bool
    is_last: bool


def read_event(payload: object) -> Fragment | None:
    """A chunk, an event or a whole body, whichever of the three shapes it has."""
    if not isinstance(payload, Mapping):
        return None
    # /responses puts the answer below "response", /messages its start below "message".
    inner = payload.get("response") or payload.get("message")
    source: Mapping[str, Any] = inner if isinstance(inner, Mapping) else payload
    usage = source.get("usage")
    return Fragment(
        generation_id=identifier(source.get("id")),
        model=_label(source.get("model")),
        provider=_label(source.get("provider")),
        usage=payload.get("usage") if usage is None else usage,
        is_error=_is_error(payload) or _is_error(source),
        is_last=payload.get("type") in _LAST_EVENTS,
    )


def read_body(payload: object, *, status: int, header_id: str | None) -> Answer:
    """The answer of a call that was not streamed. ``header_id`` is its ``X-Generation-Id``."""
    fragment = read_event(payload)
    if fragment is None:
        ending = Ending.COMPLETE if status < 400 else Ending.FAILED
        return Answer(ending=ending, generation_id=header_id, problem="the body is not an object")
    failed = status >= 400 or fragment.is_error
    usage, problem = trusted(fragment.usage)
    return Answer(
        ending=Ending.FAILED if failed else Ending.COMPLETE,
        generation_id=header_id or fragment.generation_id,
        model=fragment.model,
        provider=fragment.provider,
        usage=usage,
        problem=problem,
    )


def trusted(block: object) -> tuple[Usage | None, str | None]:
    """The usage, or the reason why it cannot be booked."""
    if block is None:
        return None, "usage is missing"
    try:
        return read_usage(block), None
    except UsageUnusable as unusable:
        return None, str(unusable)


def identifier(value: object) -> str | None:
    """A generation id, or ``None`` for what cannot be one."""
    if isinstance(value, str) and 0 < len(value) <= _MAX_ID and value.isascii():
        return value if value.isprintable() and " " not in value else None
    return None


def _label(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value[:_MAX_ID]


def _is_error(payload: Mapping[str, Any]) -> bool:
    # A chunk may carry "error": null; only an object or a text is one.
    return bool(payload.get("error")) or payload.get("type") in ("error", "response.failed")

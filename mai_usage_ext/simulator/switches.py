"""The faults and oddities that a test can ask for, each with its check and its explanation.

One table: the fields of `Switches`. What a caller may send, what `GET /__control/switches` explains
and what the handlers read all come from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Final

from mai_usage_ext.simulator import checks
from mai_usage_ext.simulator.errors import ApiError

INFERENCE: Final = "inference"
GENERATION: Final = "generation"
MANAGEMENT: Final = "management"

_MARKER = re.compile(r"\[\[simulate\s+(\{.*?\})\s*\]\]", re.DOTALL)


class _Unset:
    """The value of an override that nobody asked for; null is a value of its own."""

    def __repr__(self) -> str:
        return "not set"


UNSET: Final = _Unset()


def _about(about: str, check: checks.Check, scope: str = INFERENCE) -> dict[str, Any]:
    """What the table says of one switch besides its default."""
    return {"about": about, "check": check, "scope": scope}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Everything that can be switched; the defaults are a service in good health."""

    # The usage block.
    usage: str | None = field(
        default=None,
        metadata=_about(
            'usage: "missing" leaves it out altogether', checks.choice(None, "missing")
        ),
    )
    usage_shape: str = field(
        default="empty_choices",
        metadata=_about(
            "the chunk that carries usage: no choices, or finish_reason stop once more",
            checks.choice("empty_choices", "repeated_stop"),
        ),
    )
    usage_null_chunks: bool = field(
        default=False, metadata=_about("ordinary chunks say usage: null", checks.flag)
    )
    running_totals: bool = field(
        default=False, metadata=_about("every chunk carries the usage so far", checks.flag)
    )
    usage_override: Any = field(
        default=UNSET, metadata=_about("any JSON instead of the usage block", checks.anything)
    )
    cost_override: Any = field(
        default=UNSET, metadata=_about("any JSON instead of usage.cost", checks.anything)
    )
    cost_null: bool = field(default=False, metadata=_about("usage.cost is null", checks.flag))
    messages_cost: bool = field(
        default=False, metadata=_about("streams of /messages carry the cost too", checks.flag)
    )
    cached_tokens: int = field(
        default=0, metadata=_about("prompt tokens read from the cache", checks.count)
    )
    reasoning_tokens: int = field(
        default=0, metadata=_about("reasoning tokens on top of the visible ones", checks.count)
    )
    web_search: int = field(default=0, metadata=_about("web searches, 0.01 USD each", checks.count))
    byok: bool = field(
        default=False,
        metadata=_about("own provider key: cost is the fee, upstream comes on top", checks.flag),
    )
    # The answer.
    dated_slug: bool = field(
        default=False, metadata=_about("answer with the dated model slug", checks.flag)
    )
    no_id_header: bool = field(
        default=False, metadata=_about("leave X-Generation-Id out", checks.flag)
    )
    no_id_anywhere: bool = field(
        default=False, metadata=_about("no generation id in header or body", checks.flag)
    )
    tool_call: dict[str, Any] | None = field(
        default=None,
        metadata=_about(
            "call this tool ({name, arguments}) until a tool has answered", checks.mapping
        ),
    )
    raw_body: str | None = field(
        default=None, metadata=_about("send exactly this body", checks.text)
    )
    content_type: str | None = field(
        default=None, metadata=_about("the content type that goes with raw_body", checks.text)
    )
    # The bytes.
    chunks: int | None = field(
        default=None, metadata=_about("number of content chunks of a stream", checks.whole(1))
    )
    chunk_delay: float = field(
        default=0.0, metadata=_about("seconds before each chunk", checks.seconds)
    )
    first_delay: float = field(
        default=0.0, metadata=_about("seconds before the first byte of the answer", checks.seconds)
    )
    cut_after: int | None = field(
        default=None,
        metadata=_about(
            "abort the TCP connection after so many chunks (a JSON body: half-way); "
            "-1: before the headers",
            checks.whole(-1),
        ),
    )
    processing_comments: bool = field(
        default=False, metadata=_about("SSE comments before and between chunks", checks.flag)
    )
    crlf: bool = field(default=False, metadata=_about("SSE lines end in CR LF", checks.flag))
    cr: bool = field(default=False, metadata=_about("SSE lines end in CR", checks.flag))
    split_lines: bool = field(
        default=False, metadata=_about("every SSE line takes several TCP writes", checks.flag)
    )
    no_done: bool = field(
        default=False, metadata=_about("no [DONE] at the end of a stream", checks.flag)
    )
    gzip: bool = field(
        default=False, metadata=_about("the answer is gzipped, and says so", checks.flag)
    )
    gzip_lie: bool = field(
        default=False, metadata=_about("the answer is gzipped without saying so", checks.flag)
    )
    # Errors.
    status: int | None = field(
        default=None, metadata=_about("refuse with this status before any work", checks.status)
    )
    error_message: str | None = field(
        default=None, metadata=_about("the message of status and stream_error", checks.text)
    )
    error_metadata: dict[str, Any] | None = field(
        default=None, metadata=_about("the metadata of that error", checks.mapping)
    )
    retry_after: int | None = field(
        default=None, metadata=_about("seconds in Retry-After of that error", checks.whole(0))
    )
    bill_anyway: bool = field(
        default=False,
        metadata=_about("the status comes after the work: billed, with id", checks.flag),
    )
    stream_error: str | None = field(
        default=None,
        metadata=_about(
            "an error in the middle of a stream", checks.choice(None, "with_usage", "without_usage")
        ),
    )
    stream_error_after: int = field(
        default=2, metadata=_about("chunks before stream_error", checks.count)
    )
    cancel_billing: str = field(
        default="partial",
        metadata=_about("what a cancelled call costs", checks.choice("none", "partial", "full")),
    )
    # The account.
    total_credits: Decimal = field(
        default=Decimal(1_000_000), metadata=_about("credits bought, in USD", checks.money)
    )
    limit_zero_status: int = field(
        default=403, metadata=_about("answer to a key whose limit is 0", checks.choice_of(402, 403))
    )
    # Broadcast.
    broadcast_url: str | None = field(
        default=None, metadata=_about("where a finished call is told of, as OTLP", checks.text)
    )
    broadcast_headers: dict[str, Any] | None = field(
        default=None, metadata=_about("headers that go with it", checks.mapping)
    )
    broadcast_lag: float = field(
        default=0.0, metadata=_about("seconds from the end of a call to its trace", checks.seconds)
    )
    broadcast_copies: int = field(
        default=1, metadata=_about("how often each trace is sent", checks.count)
    )
    broadcast_gzip: bool = field(
        default=False, metadata=_about("traces are sent gzipped", checks.flag)
    )
    broadcast_override: dict[str, Any] | None = field(
        default=None,
        metadata=_about("attributes of a trace to replace; null takes one out", checks.mapping),
    )
    # GET /generation.
    generation_delay: float = field(
        default=0.0,
        metadata=_about(
            "seconds from the end of a call until /generation knows it", checks.seconds
        ),
    )
    generation_status: int | None = field(
        default=None, metadata=_about("force this status on /generation", checks.status, GENERATION)
    )
    generation_override: dict[str, Any] | None = field(
        default=None,
        metadata=_about("fields that replace those of /generation", checks.mapping, GENERATION),
    )
    # Management.
    management_status: int | None = field(
        default=None,
        metadata=_about(
            "force this status on keys, credits, activity, analytics", checks.status, MANAGEMENT
        ),
    )
    include_today: bool = field(
        default=False,
        metadata=_about("/activity includes the current day", checks.flag, MANAGEMENT),
    )
    activity_day: str = field(
        default="start",
        metadata=_about(
            "the day of a call over midnight", checks.choice("start", "end"), MANAGEMENT
        ),
    )
    key_lag: float = field(
        default=0.0,
        metadata=_about("seconds that the usage of a key lags behind", checks.seconds, MANAGEMENT),
    )
    analytics: bool = field(
        default=True, metadata=_about("false: /analytics answers 404", checks.flag, MANAGEMENT)
    )
    analytics_generation_id: bool = field(
        default=True,
        metadata=_about("/analytics knows the dimension generation_id", checks.flag, MANAGEMENT),
    )
    analytics_strings: bool = field(
        default=True,
        metadata=_about("/analytics sends its counts as strings", checks.flag, MANAGEMENT),
    )


FIELDS: Final = {item.name: item for item in fields(Switches)}


def explain() -> dict[str, str]:
    """Every switch and what it does."""
    return {name: item.metadata["about"] for name, item in sorted(FIELDS.items())}


def checked(wanted: Any) -> dict[str, Any]:
    """Check switches as a caller wrote them; raises a 400 that names the culprit."""
    if not isinstance(wanted, Mapping):
        raise ApiError(400, "Switches must be a JSON object")
    return {name: _checked_value(name, value) for name, value in wanted.items()}


def marked(text: str) -> str | None:
    """The JSON inside a `[[simulate {…}]]` marker in a message, or None."""
    found = _MARKER.search(text)
    return found.group(1) if found else None


def unmarked(text: str) -> str:
    """The message without its marker: what the model is meant to see."""
    return _MARKER.sub("", text).strip() if "[[simulate" in text else text


def _checked_value(name: str, value: Any) -> Any:
    known = FIELDS.get(name)
    if known is None:
        listing = ", ".join(sorted(FIELDS))
        raise ApiError(400, f"Unknown switch {name!r}. Known switches: {listing}")
    try:
        return known.metadata["check"](value)
    except ValueError as error:
        raise ApiError(400, f"Switch {name!r} must be {error}; got {value!r}") from error

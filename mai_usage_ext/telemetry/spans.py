"""Spans and metrics of calls and jobs, by OpenTelemetry's API; the host's SDK decides what follows.

The names are those of OpenTelemetry's conventions for generative AI, version 1.41, the last one
that its Python packages spell out; ours begin with ``mai_usage``. There is no content in
them, no user and no key.
"""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from mai_usage_ext.guard import shielded
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.metering.routes import Shape
from mai_usage_ext.ports.calls import LedgerEntry
from mai_usage_ext.ports.tracing import UNTRACED, CallEnd, CallStart, CallTrace
from mai_usage_ext.version import __version__

__all__ = ["OtelTracing"]

_NAME = "mai_usage_ext"
_SCHEMA = "https://opentelemetry.io/schemas/1.41.0"
_PROVIDER = "openrouter"

_OPERATIONS = {
    Shape.CHAT: "chat",
    Shape.RESPONSES: "chat",
    Shape.MESSAGES: "chat",
    Shape.EMBEDDINGS: "embeddings",
    Shape.IMAGES: "generate_content",
    Shape.AUDIO: "generate_content",
    Shape.RERANK: "rerank",
}

# The boundaries that the conventions ask for.
_SECONDS = [0.01 * 2**n for n in range(14)]
_TOKENS = [4**n for n in range(14)]

_Attributes = dict[str, str | int | float | bool]


class OtelTracing:
    """Implements ``ports.tracing.Tracing``. A host that sets no SDK up makes it do next to nothing.

    Where a provider is set up later than this is made, what follows goes to it.
    """

    def __init__(self) -> None:
        self._tracer = trace.get_tracer(_NAME, __version__, schema_url=_SCHEMA)
        self._instruments = _Instruments()

    def call(self, start: CallStart) -> CallTrace:
        with shielded("tracing a call"):
            common = _common(start)
            span = self._tracer.start_span(
                f"{common['gen_ai.operation.name']} {start.model}".rstrip(),
                kind=SpanKind.CLIENT,
                attributes={**common, **_ours(start)},
            )
            return _OtelCall(span, self._instruments, common)
        return UNTRACED

    def job(self, name: str) -> AbstractContextManager[object]:
        return _Run(self._tracer, name)


class _OtelCall:
    """The span of one call."""

    __slots__ = ("_common", "_instruments", "_span", "_started_at")

    def __init__(self, span: Span, instruments: "_Instruments", common: _Attributes) -> None:
        self._span = span
        self._instruments = instruments
        self._common = common
        self._started_at = time.monotonic()

    def current(self) -> AbstractContextManager[object]:
        return _Current(self._span)

    def ended(self, end: CallEnd) -> None:
        with shielded("tracing a call"):
            if self._span.is_recording():
                self._span.set_attributes(_attributes_of(end))
                if end.error is not None:
                    self._span.set_status(StatusCode.ERROR)
        # Whatever came before, a span that stays open would never be told.
        with shielded("tracing a call"):
            self._span.end()
        with shielded("measuring a call"):
            seconds = time.monotonic() - self._started_at
            self._instruments.take(self._common, end, seconds=seconds)


class _Current:
    """Makes a span the one that others in this task or thread belong to."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token: Any = None

    def __enter__(self) -> None:
        with shielded("tracing a call"):
            self._token = context.attach(trace.set_span_in_context(self._span))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_: TracebackType | None,
    ) -> None:
        with shielded("tracing a call"):
            if self._token is not None:
                context.detach(self._token)


class _Run:
    """The span of one run of a job."""

    __slots__ = ("_current", "_name", "_span", "_tracer")

    def __init__(self, tracer: trace.Tracer, name: str) -> None:
        self._tracer = tracer
        self._name = name
        self._span: Span | None = None
        self._current: _Current | None = None

    def __enter__(self) -> None:
        with shielded("tracing a job"):
            self._span = self._tracer.start_span(
                f"job {self._name}", attributes={"mai_usage.job.name": self._name}
            )
            self._current = _Current(self._span)
            self._current.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_: TracebackType | None,
    ) -> None:
        if self._current is not None:
            self._current.__exit__(kind, error, trace_)
        with shielded("tracing a job"):
            if self._span is not None:
                # A job that is told to stop where it waits has not failed.
                if isinstance(error, Exception):
                    self._span.set_attribute("error.type", type(error).__name__)
                    self._span.set_status(StatusCode.ERROR)
                self._span.end()


class _Instruments:
    """What backends draw without looking at single spans."""

    def __init__(self) -> None:
        meter = metrics.get_meter(_NAME, __version__, schema_url=_SCHEMA)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="Time from the dispatch of a call to the end of its answer.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens of a call, sent and written.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )

    def take(self, common: Mapping[str, Any], end: CallEnd, *, seconds: float) -> None:
        attributes: _Attributes = dict(common)
        if end.error is not None:
            attributes["error.type"] = end.error
        entry = end.entry
        if entry is not None:
            attributes["gen_ai.response.model"] = entry.model
        self._duration.record(seconds, attributes)
        if entry is not None:
            for kind, count in (
                ("input", entry.prompt_tokens),
                ("output", entry.completion_tokens),
            ):
                self._tokens.record(count, {**attributes, "gen_ai.token.type": kind})


def _common(start: CallStart) -> _Attributes:
    """What spans and metrics have in common: few values each."""
    attributes: _Attributes = {
        "gen_ai.operation.name": _OPERATIONS.get(Shape(start.shape), "unknown"),
        "gen_ai.provider.name": _PROVIDER,
    }
    if start.model:
        attributes["gen_ai.request.model"] = start.model
    if start.server is not None:
        attributes["server.address"] = start.server
        if start.port is not None:
            attributes["server.port"] = start.port
    return attributes


def _ours(start: CallStart) -> _Attributes:
    attributes: _Attributes = {
        "mai_usage.organization.id": start.organization_id,
        "mai_usage.purpose": start.purpose,
    }
    if start.hold_id is not None:
        attributes["mai_usage.hold.id"] = start.hold_id
    return attributes


def _attributes_of(end: CallEnd) -> _Attributes:
    attributes: _Attributes = {"mai_usage.outcome": end.outcome.value}
    if end.state is not None:
        attributes["mai_usage.hold.state"] = end.state.value
    if end.error is not None:
        attributes["error.type"] = end.error
    if end.generation_id is not None:
        attributes["gen_ai.response.id"] = end.generation_id
    if end.is_stream:
        attributes["gen_ai.request.stream"] = True
        if end.first_byte_ms is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = end.first_byte_ms / 1000
    if end.entry is not None:
        attributes |= _booked(end.entry)
    return attributes


def _booked(entry: LedgerEntry) -> _Attributes:
    attributes: _Attributes = {
        "gen_ai.response.model": entry.model,
        "gen_ai.usage.input_tokens": entry.prompt_tokens,
        "gen_ai.usage.output_tokens": entry.completion_tokens,
        "mai_usage.cost.raw": usd_from_pusd(entry.raw_pusd),
        "mai_usage.cost.billed": usd_from_pusd(entry.billed_pusd),
    }
    if entry.provider:
        attributes["mai_usage.provider"] = entry.provider
    if entry.cached_tokens:
        attributes["gen_ai.usage.cache_read.input_tokens"] = entry.cached_tokens
    if entry.reasoning_tokens:
        attributes["gen_ai.usage.reasoning.output_tokens"] = entry.reasoning_tokens
    return attributes

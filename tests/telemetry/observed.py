"""What the SDK was told during one test."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

__all__ = ["Observed", "is_below"]


def is_below(part: ReadableSpan, whole: ReadableSpan) -> bool:
    """Whether the one was traced as a part of the other."""
    parent, context = part.parent, whole.get_span_context()
    return parent is not None and context is not None and parent.span_id == context.span_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader
    provider: TracerProvider

    @property
    def host(self) -> Tracer:
        """A tracer as the host's own instrumentation has one."""
        return self.provider.get_tracer("the host")

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def calls(self) -> list[ReadableSpan]:
        """The spans of calls, as they ended."""
        return [span for span in self.spans() if span.kind is SpanKind.CLIENT]

    async def call(self, *, seconds: float = 10) -> ReadableSpan:
        """The one call, once its span has ended."""
        deadline = time.monotonic() + seconds
        while not self.calls():
            assert time.monotonic() < deadline, "no call was traced"
            await asyncio.sleep(0.01)
        [span] = self.calls()
        return span

    async def job(self, name: str, *, seconds: float = 20) -> ReadableSpan:
        """The first run of a job, once its span has ended."""
        deadline = time.monotonic() + seconds
        while True:
            found = [span for span in self.spans() if span.name == f"job {name}"]
            if found:
                return found[0]
            assert time.monotonic() < deadline, f"the job {name} was not traced"
            await asyncio.sleep(0.02)

    def points(self, name: str) -> list[Any]:
        """The data points of one instrument."""
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

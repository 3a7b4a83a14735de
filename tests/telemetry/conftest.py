"""A real SDK that keeps what it is told in memory, where the rig of the wire looks for one."""

from collections.abc import Iterator

import pytest
from opentelemetry import metrics, trace
from opentelemetry.metrics import _internal as metrics_internal
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.telemetry.observed import Observed
from tests.wire.conftest import environ, simulator, sqlite_rig

__all__ = ["environ", "observed", "simulator", "sqlite_rig"]


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Observed]:
    """A provider can be made the process's own only once, so it is put where it is asked for."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: tracers)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: meters)
    monkeypatch.setattr(metrics_internal, "get_meter_provider", lambda: meters)
    yield Observed(exporter=exporter, reader=reader, provider=tracers)
    tracers.shutdown()
    meters.shutdown()

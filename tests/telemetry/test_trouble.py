"""Whatever the SDK does, a chat goes on and is booked."""

import logging
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from mai_usage_ext.bootstrap.tracing import tracing_of
from mai_usage_ext.ports.tracing import NoTracing
from mai_usage_ext.settings import Settings
from mai_usage_ext.telemetry.spans import OtelTracing
from tests.conftest import Swallowed
from tests.telemetry.observed import Observed
from tests.wire.rig import Rig


def _run(program: str) -> subprocess.CompletedProcess[str]:
    """In a Python of its own, where nobody has imported anything yet."""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


class Broken(SpanProcessor):
    """Fails at the beginning or at the end of each call."""

    def __init__(self, when: str) -> None:
        self._when = when

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if self._when == "start" and "hold" in str(span.attributes):
            raise RuntimeError("no room")

    def on_end(self, span: ReadableSpan) -> None:
        if self._when == "end" and "hold" in str(span.attributes):
            raise RuntimeError("no room")


@pytest.mark.parametrize("when", ["start", "end"])
async def test_a_processor_that_fails(
    observed: Observed, sqlite_rig: Rig, swallowed: Swallowed, when: str
) -> None:
    rig = sqlite_rig
    observed.provider.add_span_processor(Broken(when))
    assert b"[DONE]" in await rig.read(stream=True)
    assert isinstance(swallowed.expect("tracing a call"), RuntimeError)
    assert rig.holds() == {"settled": 1}
    assert rig.ledger_pusd() == rig.bill_pusd() > 0


async def test_an_exporter_that_fails(
    observed: Observed, sqlite_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    class Away(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            raise ConnectionError("the collector is away")

    rig = sqlite_rig
    observed.provider.add_span_processor(SimpleSpanProcessor(Away()))
    with caplog.at_level(logging.CRITICAL, logger="opentelemetry"):
        assert b"[DONE]" in await rig.read(stream=True)
    assert rig.holds() == {"settled": 1}
    assert rig.ledger_pusd() == rig.bill_pusd() > 0


async def test_instruments_that_fail(
    observed: Observed,
    sqlite_rig: Rig,
    swallowed: Swallowed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def record(*_: object, **__: object) -> None:
        raise RuntimeError("no room")

    kind = type(metrics.get_meter_provider().get_meter("x").create_histogram("x"))
    monkeypatch.setattr(kind, "record", record)
    await sqlite_rig.read()
    assert isinstance(swallowed.expect("measuring a call"), RuntimeError)
    await observed.call()
    assert sqlite_rig.holds() == {"settled": 1}


def test_a_release_that_is_too_old_is_done_without(
    monkeypatch: pytest.MonkeyPatch, swallowed: Swallowed
) -> None:
    def get_meter(*_: object, **__: object) -> Any:
        raise TypeError("get_meter() got an unexpected keyword argument")

    monkeypatch.setattr(metrics, "get_meter", get_meter)
    assert isinstance(tracing_of(Settings.from_env({})), NoTracing)
    assert isinstance(swallowed.expect("setting up OpenTelemetry"), TypeError)


def test_it_is_there_unless_it_is_switched_off() -> None:
    assert isinstance(tracing_of(Settings.from_env({})), OtelTracing)
    assert isinstance(tracing_of(Settings.from_env({"OTEL_SDK_DISABLED": "1"})), OtelTracing)
    for environ in ({"MAI_USAGE_OTEL": "false"}, {"OTEL_SDK_DISABLED": "True"}):
        assert isinstance(tracing_of(Settings.from_env(environ)), NoTracing)


_MISSING = """
    import sys
    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == "opentelemetry":
                raise ModuleNotFoundError(name)
    sys.meta_path.insert(0, Missing())
"""
_SETTLED = """
    from mai_usage_ext.bootstrap.tracing import tracing_of
    from mai_usage_ext.settings import Settings
    print(type(tracing_of(Settings.from_env({environ}))).__name__)
    print([name for name in sys.modules if name.split(".")[0] == "opentelemetry"])
"""


@pytest.mark.parametrize(
    ("before", "environ"),
    [(_MISSING, {}), ("    import sys\n", {"MAI_USAGE_OTEL": "false"})],
    ids=["not installed", "switched off"],
)
def test_without_it_nothing_is_imported(before: str, environ: dict[str, str]) -> None:
    program = textwrap.dedent(before + _SETTLED.replace("{environ}", repr(environ)))
    done = _run(program)
    assert done.stdout.split("\n")[:2] == ["NoTracing", "[]"], done.stderr


def test_a_provider_that_is_set_up_later_is_told_as_well() -> None:
    """As a host does that sets its own up when it starts, after the meter."""
    program = textwrap.dedent(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from mai_usage_ext.telemetry.spans import OtelTracing

        tracing = OtelTracing()
        with tracing.job("before"):
            pass
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        with tracing.job("after"):
            pass
        print([span.name for span in exporter.get_finished_spans()])
        """
    )
    done = _run(program)
    assert done.stdout.strip() == "['job after']", done.stderr

"""A span for each run of what runs beside the chats, where a run is an event."""

import asyncio

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from mai_usage_ext.telemetry.spans import OtelTracing
from tests.telemetry.observed import Observed, is_below
from tests.wire.rig import Rig


@pytest.mark.parametrize(
    "name", ["sealing", "reconciliation", "retention", "month totals", "deleted users"]
)
async def test_jobs_of_a_running_meter(observed: Observed, sqlite_rig: Rig, name: str) -> None:
    assert sqlite_rig.meter.services is not None
    span = await observed.job(name)
    assert span.attributes == {"mai_usage.job.name": name}
    assert span.kind is SpanKind.INTERNAL
    assert span.status.status_code is StatusCode.UNSET


async def test_a_job_is_what_its_steps_belong_to(observed: Observed) -> None:
    with OtelTracing().job("sealing"):
        await asyncio.to_thread(observed.host.start_span("a step").end)
    step, job = observed.spans()
    assert is_below(step, job)


async def test_a_job_that_fails(observed: Observed) -> None:
    with pytest.raises(ZeroDivisionError), OtelTracing().job("sealing"):
        raise ZeroDivisionError("a secret of somebody")
    span = await observed.job("sealing")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ZeroDivisionError"
    assert "secret" not in span.to_json()


async def test_a_job_that_is_told_to_stop_has_not_failed(observed: Observed) -> None:
    with pytest.raises(asyncio.CancelledError), OtelTracing().job("sealing"):
        raise asyncio.CancelledError
    span = await observed.job("sealing")
    assert span.status.status_code is StatusCode.UNSET

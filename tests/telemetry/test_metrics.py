"""The metrics page, judged by the library's own parser and by the rules of promtool's lint."""

import re
from collections.abc import Mapping
from typing import Any

import prometheus_client
from prometheus_client.parser import text_string_to_metric_families

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import HoldState, JobRecord, SystemClock
from mai_usage_ext.ports.vitals import Capture, CommitFacts, Unsettled, Vitals
from mai_usage_ext.services.job_reports import JobReport
from mai_usage_ext.services.meter_counts import MeterCounts
from mai_usage_ext.services.meter_figures import FigureSource
from mai_usage_ext.telemetry.metrics import PrometheusPage
from tests.storage.samples import DAY, make_entry, make_hold

ALLOWED_LABELS = {"process", "version", "outcome", "reason", "event", "le", "state", "queue", "job"}


class Database:
    """What the database says, or that it is away."""

    def __init__(self, vitals: Vitals | None) -> None:
        self.vitals = vitals

    def ping(self) -> int:
        return self.look().database_ms

    def look(self) -> Vitals:
        if self.vitals is None:
            raise StorageUnavailable("gone")
        return self.vitals


def jobs() -> list[JobReport]:
    return [
        JobReport(
            record=JobRecord(name="sealing", succeeded_ms=5_000, problem="no good"),
            every_s=60,
            is_shared=True,
            is_overdue=False,
        )
    ]


def page_of(vitals: Vitals | None, counts: MeterCounts | None = None) -> PrometheusPage:
    clock = SystemClock()
    source = FigureSource(
        version="1.2",
        process="host:1",
        counts=counts or MeterCounts(clock=clock),
        depth=lambda: 3,
        capacity=10,
        vitals=Database(vitals),
        jobs=jobs,
        clock=clock,
    )
    return PrometheusPage(source.look)


def samples(page: PrometheusPage) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.render().decode())
        for sample in family.samples
    }


def value(page: PrometheusPage, name: str, **labels: str) -> float:
    return samples(page)[f"mai_usage_{name}", frozenset(labels.items())]


FULL = Vitals(
    database_ms=1,
    unsettled={HoldState.PENDING: Unsettled(count=2, oldest_at_ms=0)},
    backlogs={"broadcast": 6, "webhooks": 4},
    capture=Capture(day=DAY, captured_pusd=995, provider_pusd=1000),
)


def test_the_figures() -> None:
    counts = MeterCounts(clock=SystemClock())
    entry = make_entry(make_hold("o", user_id="ada"))
    counts.committed(CommitFacts(seconds=0.002, changes=2, placed=1, refused=0, entries=[entry]))
    counts.hold_waits.note(0.3)
    tally.add("calls refused by a limit", 5)
    page = page_of(FULL, counts)
    process = {"process": "host:1"}
    assert value(page, "calls_total", **process) == 1
    assert value(page, "settled_total", outcome="completed", **process) == 1
    assert value(page, "settled_total", outcome="failed", **process) == 0
    assert value(page, "raw_picodollars_total", **process) == entry.raw_pusd
    assert value(page, "billed_picodollars_total", **process) == entry.billed_pusd
    assert value(page, "refused_total", reason="limit", **process) == 5
    assert value(page, "refused_total", reason="queue_full", **process) == 0
    assert value(page, "events_total", event="calls refused by a limit", **process) == 5
    assert value(page, "queue_depth", **process) == 3
    assert value(page, "commit_seconds_bucket", le="0.001", **process) == 0
    assert value(page, "commit_seconds_bucket", le="0.0025", **process) == 1
    assert value(page, "commit_seconds_bucket", le="+Inf", **process) == 1
    assert value(page, "hold_wait_seconds_sum", **process) == 0.3
    assert value(page, "unsettled_holds", state="pending") == 2
    assert value(page, "unsettled_holds", state="open") == 0
    assert value(page, "oldest_unsettled_seconds") > 1_000_000
    assert value(page, "backlog", queue="broadcast") == 6
    assert value(page, "backlog", queue="webhooks") == 4
    assert value(page, "capture_ratio") == 0.995
    assert value(page, "job_last_success_timestamp_seconds", job="sealing") == 5
    assert value(page, "job_failing", job="sealing") == 1
    assert value(page, "process_info", version="1.2", **process) == 1


def test_without_the_database_the_process_still_answers() -> None:
    page = page_of(None)
    assert value(page, "database_up") == 0
    assert value(page, "queue_depth", process="host:1") == 3
    assert not any(name == "mai_usage_unsettled_holds" for name, _ in samples(page))


def test_the_rules_of_lint() -> None:
    """promtool check metrics, the rules that a page can break."""
    text = page_of(FULL).render().decode()
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    for family in families:
        assert re.fullmatch(r"mai_usage_[a-z][a-z0-9_]*[a-z0-9]", family.name)
        assert family.documentation
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ms|milliseconds|minutes|count|bucket)$", family.name)
        for sample in family.samples:
            assert set(sample.labels) <= ALLOWED_LABELS, sample
            if family.type == "counter":
                assert sample.name.endswith("_total")
    assert "# HELP mai_usage_calls_total" in text


def test_nothing_of_tenants() -> None:
    counts = MeterCounts(clock=SystemClock())
    hold = make_hold("the-organization", user_id="ada", model="acme/secret-model")
    entries = [make_entry(hold)]
    counts.committed(CommitFacts(seconds=0.1, changes=1, placed=1, refused=0, entries=entries))
    text = page_of(FULL, counts).render().decode()
    for hidden in ("the-organization", 'ada"', "secret-model", hold.id):
        assert hidden not in text


def test_the_global_registry_stays_the_hosts() -> None:
    before: Mapping[str, Any] = dict(prometheus_client.REGISTRY._names_to_collectors)
    page_of(FULL).render()
    assert dict(prometheus_client.REGISTRY._names_to_collectors) == before
    assert b"python_info" not in page_of(FULL).render()

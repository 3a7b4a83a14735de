"""The figures of a meter in Prometheus' text format, out of a registry of our own.

Prometheus knows floats only: money is a whole number of picodollars up to here, exact in a float
up to 2^53 of them (about 9,007 USD in one process), and rounded in the sixteenth digit above.

What a process counts carries its name as the label ``process``, because a scrape of several workers
behind one port meets another one each time. What stands in the database is the same whoever is
asked, and has no such label.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest

from mai_usage_ext.ports import HoldState, Outcome
from mai_usage_ext.services.meter_counts import Distribution
from mai_usage_ext.services.meter_figures import MeterFigures

__all__ = ["PrometheusPage"]

_PREFIX = "mai_usage_"


class PrometheusPage:
    """Implements ``ports.metrics.MetricsPage``."""

    content_type: str = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, look: Callable[[], MeterFigures]) -> None:
        self._look = look
        # Not the library's global one, which belongs to the host.
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def describe(self) -> list[Metric]:
        """Nothing: a registry that is told no names asks for no figures when it is made."""
        return []

    def collect(self) -> Iterator[Metric]:
        figures = self._look()
        yield InfoMetricFamily(
            _PREFIX + "process",
            "The process that answered this scrape.",
            value={"process": figures.process, "version": figures.version},
        )
        yield from _of_the_process(figures)
        yield from _of_the_queue(figures)
        yield from _of_the_database(figures)
        yield from _of_the_jobs(figures)

    def render(self) -> bytes:
        return generate_latest(self._registry)


def _of_the_process(figures: MeterFigures) -> Iterator[Metric]:
    own, process = figures.own, figures.process
    yield _counter("calls", "Calls whose hold was committed.", process, own.holds_placed)
    yield _counter(
        "holds_refused", "Holds that a limit had no room for.", process, own.holds_refused
    )
    settled = CounterMetricFamily(
        _PREFIX + "settled",
        "Calls booked in the ledger, by how they ended.",
        labels=["process", "outcome"],
    )
    for outcome in Outcome:
        settled.add_metric([process, outcome.value], own.settled.get(outcome, 0))
    yield settled
    refused = CounterMetricFamily(
        _PREFIX + "refused", "Calls that were refused, by reason.", labels=["process", "reason"]
    )
    for reason, count in sorted(figures.refused.items()):
        refused.add_metric([process, reason], count)
    yield refused
    yield _counter("raw_picodollars", "What OpenRouter charges, booked.", process, own.raw_pusd)
    yield _counter("billed_picodollars", "What clients pay, booked.", process, own.billed_pusd)
    tallied = CounterMetricFamily(
        _PREFIX + "events",
        "Everything unusual that was counted, as GET health lists it.",
        labels=["process", "event"],
    )
    for name, count in figures.counts.items():
        tallied.add_metric([process, name], count)
    yield tallied
    yield _durations("commit_seconds", "Transactions of the writer.", process, own.commits)
    yield _durations(
        "hold_wait_seconds", "What a call waited for its hold.", process, own.hold_waits
    )
    yield _gauge(
        "start_timestamp_seconds", "When this meter started.", own.started_ms / 1000, process
    )
    if own.last_settled_ms is not None:
        yield _gauge(
            "last_settlement_timestamp_seconds",
            "When this process settled a call last.",
            own.last_settled_ms / 1000,
            process,
        )


def _of_the_queue(figures: MeterFigures) -> Iterator[Metric]:
    yield _gauge(
        "queue_depth", "Changes that wait to be written.", figures.queue_depth, figures.process
    )
    yield _gauge(
        "queue_capacity",
        "Waiting changes at which new holds are refused.",
        figures.queue_capacity,
        figures.process,
    )


def _of_the_database(figures: MeterFigures) -> Iterator[Metric]:
    vitals = figures.vitals
    yield _gauge("database_up", "Whether the database answered this scrape.", vitals is not None)
    if vitals is None:
        return
    unsettled = GaugeMetricFamily(
        _PREFIX + "unsettled_holds", "Calls without a final price, by state.", labels=["state"]
    )
    for state in HoldState:
        if not state.is_closed:
            unsettled.add_metric([state.value], figures.unsettled.get(state, 0))
    yield unsettled
    ages = [figures.now_ms - one.oldest_at_ms for one in vitals.unsettled.values()]
    yield _gauge(
        "oldest_unsettled_seconds",
        "Age of the oldest call without a final price, 0 without any.",
        max(ages, default=0) / 1000,
    )
    backlogs = GaugeMetricFamily(
        _PREFIX + "backlog", "What waits to be worked on, by queue.", labels=["queue"]
    )
    for name, count in sorted(vitals.backlogs.items()):
        backlogs.add_metric([name], count)
    yield backlogs
    if vitals.capture is not None and vitals.capture.provider_pusd > 0:
        yield _gauge(
            "capture_ratio",
            "Raw cost booked by the meter itself, divided by OpenRouter's, of the last UTC day "
            "that was compared.",
            vitals.capture.captured_pusd / vitals.capture.provider_pusd,
        )


def _of_the_jobs(figures: MeterFigures) -> Iterator[Metric]:
    success = GaugeMetricFamily(
        _PREFIX + "job_last_success_timestamp_seconds",
        "When a job was done last.",
        labels=["job"],
    )
    failing = GaugeMetricFamily(
        _PREFIX + "job_failing", "1 for a job that fails or does not run.", labels=["job"]
    )
    for report in figures.jobs:
        name, last = report.record.name, report.record.succeeded_ms
        if last is not None:
            success.add_metric([name], last / 1000)
        failing.add_metric([name], int(report.complaint is not None))
    yield success
    yield failing


def _counter(name: str, text: str, process: str, value: int) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, text, labels=["process"])
    family.add_metric([process], value)
    return family


def _gauge(name: str, text: str, value: float, process: str | None = None) -> Metric:
    if process is None:
        return GaugeMetricFamily(_PREFIX + name, text, value=value)
    family = GaugeMetricFamily(_PREFIX + name, text, labels=["process"])
    family.add_metric([process], value)
    return family


def _durations(name: str, text: str, process: str, found: Distribution) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, text, labels=["process"])
    ends = [*(f"{bound:g}" for bound in found.bounds), "+Inf"]
    running, buckets = 0, []
    for end, count in zip(ends, found.counts, strict=True):
        running += count
        buckets.append((end, running))
    family.add_metric([process], buckets=buckets, sum_value=found.sum_s)
    return family

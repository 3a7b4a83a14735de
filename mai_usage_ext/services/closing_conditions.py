"""What has to be true before a month can be stated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from mai_usage_ext.metering.days import billing_day, day_bounds_ms, is_over
from mai_usage_ext.ports import OrganizationRecord
from mai_usage_ext.ports.reconciliation import Finding, LineFilter, ReconciliationStore, RunRecord
from mai_usage_ext.ports.statements import StatementStore
from mai_usage_ext.services.reconciliation import DAYS_KEPT

__all__ = ["ClosingConditions", "Readiness"]

_ONE = timedelta(days=1)
_NO_KEY = "Not compared with the provider's own figures: no management key is configured."


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Sentences. ``blocking`` are what nothing helps against but time, ``awaited`` what an admin
    with a reason need not wait for, ``notes`` what a reader of the statement has to know."""

    blocking: Sequence[str] = ()
    awaited: Sequence[str] = ()
    notes: Sequence[str] = ()


class ClosingConditions:
    """``grace_ms`` is how long after midnight a day stays open."""

    def __init__(
        self,
        statements: StatementStore,
        comparisons: ReconciliationStore,
        *,
        grace_ms: int,
        management_key: Callable[[], str | None],
    ) -> None:
        self._statements = statements
        self._comparisons = comparisons
        self._grace_ms = grace_ms
        self._management_key = management_key

    def look(
        self, organization: OrganizationRecord, first: date, last: date, *, now_ms: int
    ) -> Readiness:
        """Of the days from ``first`` to ``last`` of the organization's zone."""
        ended = is_over(
            last,
            at_ms=now_ms - self._grace_ms,
            time_zone=organization.time_zone,
            next_time_zone=organization.next_time_zone,
            next_from_ms=organization.next_time_zone_from_ms,
        )
        if not ended:
            return Readiness(
                blocking=[f"{last:%Y-%m} is not over in {organization.time_zone}, or just is"]
            )
        blocking = []
        live = self._statements.live_days(organization.id, first=first, last=last)
        if live:
            blocking.append(f"{live} days of {last:%Y-%m} are not sealed yet")
        if self._management_key() is None:
            return Readiness(blocking=blocking, notes=[_NO_KEY])
        awaited, notes = self._compared(organization, first, last, now_ms)
        return Readiness(blocking=blocking, awaited=awaited, notes=notes)

    def _compared(
        self, organization: OrganizationRecord, first: date, last: date, now_ms: int
    ) -> tuple[list[str], list[str]]:
        """What is awaited, and what never will be compared."""
        begin_ms, _ = day_bounds_ms(first, organization.time_zone)
        _, end_ms = day_bounds_ms(last, organization.time_zone)
        since, until = billing_day(begin_ms, "UTC"), billing_day(end_ms - 1, "UTC")
        runs = self._comparisons.runs(first=since, last=until)
        beginning = self._comparisons.beginning()
        oldest = billing_day(now_ms, "UTC") - DAYS_KEPT * _ONE
        days = [since + number * _ONE for number in range((until - since).days + 1)]
        lost = [day for day in days if day <= beginning or _is_lost(runs.get(day), day < oldest)]
        waiting = [
            day for day in days if day not in lost and not _is_final(runs.get(day), day < oldest)
        ]
        awaited = []
        if waiting:
            awaited.append(f"UTC days not compared with OpenRouter's figures: {_named(waiting)}")
        for finding, words in (
            (Finding.WAITING, "UTC days with calls that are still being settled"),
            (Finding.UNEXPLAINED, "UTC days with a difference that nobody has explained"),
        ):
            wanted = LineFilter(
                first=since, last=until, organization_id=organization.id, finding=finding
            )
            lines, _ = self._comparisons.page(wanted, offset=0, limit=2 * DAYS_KEPT)
            if lines:
                awaited.append(f"{words}: {_named(sorted({line.day for line in lines}))}")
        notes = []
        if lost:
            notes.append(
                "The provider's own figures were not there to compare with, of these UTC days: "
                f"{_named(lost)}."
            )
        return awaited, notes


def _is_lost(run: RunRecord | None, is_past: bool) -> bool:
    """Whether OpenRouter tells no figures of it any more, and nobody asked in time."""
    return is_past and (run is None or run.finished_at_ms is None)


def _is_final(run: RunRecord | None, is_past: bool) -> bool:
    if run is None or run.finished_at_ms is None:
        return False
    return is_past or (run.problem is None and run.next_at_ms is None)


def _named(days: Sequence[date]) -> str:
    """The days, neighbours as a span."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day - spans[-1][1] == _ONE:
            spans[-1] = spans[-1][0], day
        else:
            spans.append((day, day))
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in spans)

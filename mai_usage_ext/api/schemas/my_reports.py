"""Any report of one's own organization: what is to be paid, and nothing of what it cost."""

from collections.abc import Sequence

from pydantic import BaseModel

from mai_usage_ext.api.schemas.usage_measures import OwnMeasuresOut, PeriodOut, change_percent
from mai_usage_ext.api.schemas.values import Amount, Answer, Instant, instant
from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.ports import Role
from mai_usage_ext.ports.usage import Dimension
from mai_usage_ext.services.directory import Placement
from mai_usage_ext.services.report_lines import ReportLine
from mai_usage_ext.services.usage_reports import UsageReport, without_times

__all__ = ["MyReportOut"]


class MyTotalsOut(OwnMeasuresOut):
    """The whole period."""

    @classmethod
    def of(cls, sums: UsageTally) -> "MyTotalsOut":
        return cls(**cls.fields_of(sums))


class MyComparisonOut(BaseModel):
    """The period before, and by how many percent of it there is more now; ``null`` of nothing."""

    period: PeriodOut
    total: MyTotalsOut
    requests_change_percent: Amount | None
    tokens_change_percent: Amount | None
    cost_change_percent: Amount | None

    @classmethod
    def of(cls, report: UsageReport) -> "MyComparisonOut | None":
        if report.previous is None:
            return None
        query, before = report.previous
        now = report.total
        return cls(
            period=PeriodOut.of(query),
            total=MyTotalsOut.of(before),
            requests_change_percent=change_percent(now.requests, before.requests),
            tokens_change_percent=change_percent(now.tokens, before.tokens),
            cost_change_percent=change_percent(now.billed_pusd, before.billed_pusd),
        )


class MyLineOut(OwnMeasuresOut):
    """``group`` has one value for each name in ``group_by``. ``days`` counts days with usage.

    ``is_rest`` is everything that a ``top`` has folded into one line: its name in ``group`` is
    empty, and on how many days it was used is not known.
    """

    group: dict[str, str]
    is_rest: bool
    user_name: str | None
    user_email: str | None
    days: int | None
    previous: MyTotalsOut | None

    @classmethod
    def of(cls, line: ReportLine, group_by: Sequence[Dimension]) -> "MyLineOut":
        return cls(
            group={name.value: text for name, text in zip(group_by, line.key, strict=True)},
            is_rest=line.is_rest,
            user_name=None if line.person is None else line.person.name,
            user_email=None if line.person is None else line.person.email,
            days=None if line.is_rest else line.days,
            previous=None if line.previous is None else MyTotalsOut.of(line.previous),
            **cls.fields_of(line.sums),
        )


class MyReportOut(Answer):
    """One page of lines; ``total`` counts them and ``totals`` adds all of them up.

    ``is_complete`` says that it is everybody: a member who asks about users is told of themselves
    only, ``totals`` included. ``series`` is there with ``top``: the whole period of each of the
    dearest, then the rest.
    """

    client_id: str
    client_org_name: str
    role: Role
    is_complete: bool
    period: PeriodOut
    group_by: list[str]
    totals: MyTotalsOut
    comparison: MyComparisonOut | None
    series: list[MyLineOut] | None
    lines: list[MyLineOut]
    total: int
    offset: int
    limit: int
    last_updated: Instant

    @classmethod
    def of(
        cls, report: UsageReport, place: Placement, *, is_complete: bool, offset: int, limit: int
    ) -> "MyReportOut":
        group_by = report.query.group_by
        return cls(
            client_id=place.organization.id,
            client_org_name=place.organization.name,
            role=place.role,
            is_complete=is_complete,
            period=PeriodOut.of(report.query),
            group_by=[one.value for one in group_by],
            totals=MyTotalsOut.of(report.total),
            comparison=MyComparisonOut.of(report),
            series=None
            if report.series is None
            else [MyLineOut.of(line, without_times(group_by)) for line in report.series],
            lines=[MyLineOut.of(line, group_by) for line in report.lines],
            total=report.line_count,
            offset=offset,
            limit=limit,
            last_updated=instant(report.as_of_ms),
        )

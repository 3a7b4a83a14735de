"""The reseller's reports on the wire."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from mai_usage_ext.api.schemas.usage_measures import (
    MeasuresOut,
    PeriodOut,
    change_percent,
    decimal_or_none,
    money_or_none,
)
from mai_usage_ext.api.schemas.values import Amount, Answer, Instant, instant
from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.usage import Dimension
from mai_usage_ext.services.report_lines import ReportLine
from mai_usage_ext.services.usage_reports import UsageReport, without_times

__all__ = ["ByModelOut", "ByUserOut", "ComparisonOut", "OverviewOut", "ReportOut"]


class TotalsOut(MeasuresOut):
    """The whole period."""

    @classmethod
    def of(cls, sums: UsageTally) -> "TotalsOut":
        return cls(**cls.fields_of(sums))


class ComparisonOut(BaseModel):
    """The period before, and by how many percent of it there is more now; ``null`` of nothing."""

    period: PeriodOut
    total: TotalsOut
    requests_change_percent: Amount | None
    tokens_change_percent: Amount | None
    markup_cost_change_percent: Amount | None

    @classmethod
    def of(cls, report: UsageReport) -> "ComparisonOut | None":
        if report.previous is None:
            return None
        query, before = report.previous
        now = report.total
        return cls(
            period=PeriodOut.of(query),
            total=TotalsOut.of(before),
            requests_change_percent=change_percent(now.requests, before.requests),
            tokens_change_percent=change_percent(now.tokens, before.tokens),
            markup_cost_change_percent=change_percent(now.billed_pusd, before.billed_pusd),
        )


class LineOut(MeasuresOut):
    """``group`` has one value for each name in ``group_by``. ``days`` counts days with usage.

    ``is_rest`` is everything that a ``top`` has folded into one line: its name in ``group`` is
    empty, and on how many days it was used is not known.
    """

    group: dict[str, str]
    is_rest: bool
    client_name: str | None
    user_name: str | None
    user_email: str | None
    days: int | None
    previous: TotalsOut | None

    @classmethod
    def of(cls, line: ReportLine, group_by: Sequence[Dimension]) -> "LineOut":
        return cls(
            group={name.value: text for name, text in zip(group_by, line.key, strict=True)},
            client_name=None if line.place is None else line.place.name,
            user_name=None if line.person is None else line.person.name,
            user_email=None if line.person is None else line.person.email,
            is_rest=line.is_rest,
            days=None if line.is_rest else line.days,
            previous=None if line.previous is None else TotalsOut.of(line.previous),
            **cls.fields_of(line.sums),
        )


class ReportOut(Answer):
    """One page of lines; ``total`` counts them and ``totals`` adds all of them up.

    ``series`` is there with ``top``: the whole period of each of the dearest, then the rest.
    """

    client_id: str | None
    period: PeriodOut
    group_by: list[str]
    totals: TotalsOut
    comparison: ComparisonOut | None
    series: list[LineOut] | None
    lines: list[LineOut]
    total: int
    offset: int
    limit: int
    last_updated: Instant

    @classmethod
    def of(cls, report: UsageReport, *, offset: int, limit: int) -> "ReportOut":
        group_by = report.query.group_by
        return cls(
            client_id=report.query.organization_id,
            period=PeriodOut.of(report.query),
            group_by=[one.value for one in group_by],
            totals=TotalsOut.of(report.total),
            comparison=ComparisonOut.of(report),
            series=None
            if report.series is None
            else [LineOut.of(line, without_times(group_by)) for line in report.series],
            lines=[LineOut.of(line, group_by) for line in report.lines],
            total=report.line_count,
            offset=offset,
            limit=limit,
            last_updated=instant(report.as_of_ms),
        )


class SummaryOut(BaseModel):
    """Sums as mAI names them; ``active_clients`` are those with any usage in the period."""

    total_raw_cost: Amount
    total_markup_cost: Amount
    total_profit: Amount
    total_tokens: int
    total_requests: int
    profit_margin_percent: Amount | None
    active_clients: int

    @classmethod
    def of(cls, sums: UsageTally, active_clients: int) -> "SummaryOut":
        return cls(
            total_raw_cost=usd_from_pusd(sums.raw_pusd),
            total_markup_cost=usd_from_pusd(sums.billed_pusd),
            total_profit=usd_from_pusd(sums.profit_pusd),
            total_tokens=sums.tokens,
            total_requests=sums.requests,
            profit_margin_percent=decimal_or_none(sums.margin_percent),
            active_clients=active_clients,
        )


class ClientUsageOut(MeasuresOut):
    """One organization's usage in the period."""

    client_id: str
    client_name: str
    days_active: int

    @classmethod
    def of(cls, line: ReportLine) -> "ClientUsageOut":
        return cls(
            client_id=line.key[0],
            client_name=line.key[0] if line.place is None else line.place.name,
            days_active=line.days,
            **cls.fields_of(line.sums),
        )


class OverviewOut(Answer):
    """``summary`` is of all clients of the period, ``clients`` one page of them, dearest first.

    Every client's days are those of its own zone.
    """

    client_id: str | None
    period: PeriodOut
    summary: SummaryOut
    comparison: ComparisonOut | None
    clients: list[ClientUsageOut]
    total: int
    offset: int
    limit: int
    last_updated: Instant

    @classmethod
    def of(cls, report: UsageReport, *, offset: int, limit: int) -> "OverviewOut":
        return cls(
            client_id=report.query.organization_id,
            period=PeriodOut.of(report.query),
            summary=SummaryOut.of(report.total, report.line_count),
            comparison=ComparisonOut.of(report),
            clients=[ClientUsageOut.of(line) for line in report.lines],
            total=report.line_count,
            offset=offset,
            limit=limit,
            last_updated=instant(report.as_of_ms),
        )


class UserUsageOut(MeasuresOut):
    """One user; without an id, calls of nobody that is known."""

    user_id: str
    openrouter_user_id: str | None
    user_name: str
    user_email: str
    days_active: int


class ByUserOut(Answer):
    """One page of users, dearest first."""

    client_id: str
    period: PeriodOut
    user_usage: list[UserUsageOut]
    totals: TotalsOut
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, report: UsageReport, names: Mapping[str, str], *, offset: int, limit: int
    ) -> "ByUserOut":
        """``names`` are what OpenRouter is told of the users."""
        return cls(
            client_id=report.query.organization_id or "",
            period=PeriodOut.of(report.query),
            user_usage=[
                UserUsageOut(
                    user_id=line.key[0],
                    openrouter_user_id=names.get(line.key[0]),
                    user_name="" if line.person is None else line.person.name,
                    user_email="" if line.person is None else line.person.email,
                    days_active=line.days,
                    **UserUsageOut.fields_of(line.sums),
                )
                for line in report.lines
            ],
            totals=TotalsOut.of(report.total),
            total=report.line_count,
            offset=offset,
            limit=limit,
        )


class ModelUsageOut(MeasuresOut):
    """One model at one provider. ``cache_savings`` is what its cache saved of raw cost, at the list
    price of now; ``null`` where the list has no such price."""

    model_name: str
    provider: str
    days_used: int
    cache_savings: Amount | None


class ByModelOut(Answer):
    """One page of models, dearest first."""

    client_id: str
    period: PeriodOut
    model_usage: list[ModelUsageOut]
    totals: TotalsOut
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, report: UsageReport, savings: Sequence[int | None], *, offset: int, limit: int
    ) -> "ByModelOut":
        """``savings`` in picodollars, one for each line."""
        return cls(
            client_id=report.query.organization_id or "",
            period=PeriodOut.of(report.query),
            model_usage=[
                ModelUsageOut(
                    model_name=line.key[0],
                    provider=line.key[1],
                    days_used=line.days,
                    cache_savings=money_or_none(saved),
                    **ModelUsageOut.fields_of(line.sums),
                )
                for line, saved in zip(report.lines, savings, strict=True)
            ],
            totals=TotalsOut.of(report.total),
            total=report.line_count,
            offset=offset,
            limit=limit,
        )

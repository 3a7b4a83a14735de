"""The reseller's reports of usage."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.pages import Limit, LongLimit, Offset, Text
from mai_usage_ext.api.report_parameters import Compare, Order, Top, wish_of
from mai_usage_ext.api.schemas.usage_outlooks import ActivityOut, ForecastOut, RevenueOut
from mai_usage_ext.api.schemas.usage_reports import ByModelOut, ByUserOut, OverviewOut, ReportOut
from mai_usage_ext.api.services import UsageServices
from mai_usage_ext.api.usage_ranges import GivenRange
from mai_usage_ext.ports import Actor
from mai_usage_ext.ports.usage import Dimension, UsageQuery
from mai_usage_ext.services.activity import Trend
from mai_usage_ext.services.usage_ranges import RangeText, range_of
from mai_usage_ext.services.usage_reports import SORTS, ReportWish, dimensions_of

__all__ = ["add_usage_report_routes"]

_DAYS = 30
_Client = Annotated[
    str | None, Query(max_length=200, description="An organization's id; without it, all of them")
]
_GroupBy = Annotated[
    str,
    Query(
        max_length=100,
        description="What lines are told apart by, with commas between: "
        f"{', '.join(Dimension)}; at most two besides organization",
    ),
]
_Sort = Annotated[str | None, Query(max_length=50, description=f"One of key, {', '.join(SORTS)}")]
_BY_CLIENT = (Dimension.ORGANIZATION,)


def add_usage_report_routes(router: APIRouter, door: Door) -> None:
    _add_overviews(router, door)
    _add_breakdowns(router, door)
    _add_outlooks(router, door)


def _add_overviews(router: APIRouter, door: Door) -> None:
    @router.get("/usage/summary", response_model=OverviewOut, responses=problems(404))
    def usage_summary(
        given: GivenRange,
        client_id: _Client = None,
        compare: Compare = "previous",
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> OverviewOut:
        """This month so far, or any days, beside the days before: all clients, or one."""
        usage = door.services().usage
        query = _query(usage, given, client_id or None, _BY_CLIENT)
        wish = ReportWish(offset=offset, limit=limit, has_previous=compare is not None)
        return OverviewOut.of(usage.reports.report(query, wish), offset=offset, limit=limit)

    @router.get("/usage/today", response_model=OverviewOut, responses=problems(404))
    def usage_today(
        client_id: _Client = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> OverviewOut:
        """Today so far, for each client as its own zone has it."""
        reports = door.services().usage.reports
        wish = ReportWish(offset=offset, limit=limit)
        report = reports.today_of(client_id or None, wish)
        return OverviewOut.of(report, offset=offset, limit=limit)

    @router.get("/usage/billing", response_model=OverviewOut, responses=problems(404))
    def usage_billing(
        given: GivenRange,
        client_id: _Client = None,
        compare: Compare = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> OverviewOut:
        """What clients cost, pay and bring in, of the last thirty days or any others."""
        usage = door.services().usage
        query = _query(usage, given, client_id or None, _BY_CLIENT, days=_DAYS)
        wish = ReportWish(offset=offset, limit=limit, has_previous=compare is not None)
        return OverviewOut.of(usage.reports.report(query, wish), offset=offset, limit=limit)


def _add_breakdowns(router: APIRouter, door: Door) -> None:
    @router.get("/usage/by-user/{client_id}", response_model=ByUserOut, responses=problems(404))
    def usage_by_user(
        client_id: str,
        given: GivenRange,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> ByUserOut:
        """A client's users, of the last thirty days or any others."""
        usage = door.services().usage
        query = _query(usage, given, client_id, (Dimension.USER,), days=_DAYS)
        report = usage.reports.report(query, ReportWish(offset=offset, limit=limit))
        names = usage.names.of([line.key[0] for line in report.lines], client_id)
        return ByUserOut.of(report, names, offset=offset, limit=limit)

    @router.get("/usage/by-model/{client_id}", response_model=ByModelOut, responses=problems(404))
    def usage_by_model(
        client_id: str,
        given: GivenRange,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> ByModelOut:
        """A client's models and their providers, of the last thirty days or any others."""
        usage = door.services().usage
        group_by = (Dimension.MODEL, Dimension.PROVIDER)
        query = _query(usage, given, client_id, group_by, days=_DAYS)
        report = usage.reports.report(query, ReportWish(offset=offset, limit=limit))
        savings = [usage.savings.of(line.key[0], line.sums) for line in report.lines]
        return ByModelOut.of(report, savings, offset=offset, limit=limit)

    @router.get("/usage/report", response_model=ReportOut, responses=problems(404))
    def usage_report(
        given: GivenRange,
        client_id: _Client = None,
        group_by: _GroupBy = "day",
        user_id: Text = None,
        model: Text = None,
        provider: Text = None,
        top: Top = None,
        compare: Compare = None,
        sort: _Sort = None,
        order: Order = None,
        offset: Offset = 0,
        limit: LongLimit = 50,
        _actor: Actor = door.admin,
    ) -> ReportOut:
        """Any days by any grouping; with `sort` and `limit`, a list of the first."""
        usage = door.services().usage
        query = _query(usage, given, client_id or None, dimensions_of(group_by), days=_DAYS)
        query = replace(
            query, user_id=user_id or None, model=model or None, provider=provider or None
        )
        wish = wish_of(sort=sort, order=order, offset=offset, limit=limit, compare=compare, top=top)
        return ReportOut.of(usage.reports.report(query, wish), offset=offset, limit=limit)


def _add_outlooks(router: APIRouter, door: Door) -> None:
    @router.get("/usage/revenue", response_model=RevenueOut, responses=problems(404))
    def usage_revenue(
        given: GivenRange,
        client_id: _Client = None,
        group_by: Annotated[Literal["day", "week", "month"], Query()] = "day",
        compare: Compare = None,
        _actor: Actor = door.admin,
    ) -> RevenueOut:
        """Revenue, profit and margin by day, week or month."""
        usage = door.services().usage
        query = _query(usage, given, client_id or None, (Dimension(group_by),), days=_DAYS)
        wish = ReportWish(has_previous=compare is not None)
        return RevenueOut.of(usage.reports.report(query, wish))

    @router.get("/usage/forecast", response_model=ForecastOut, responses=problems(404))
    def usage_forecast(client_id: _Client = None, _actor: Actor = door.admin) -> ForecastOut:
        """What this month will have cost clients at its end, and when a limit is used up."""
        services = door.services()
        forecast = services.usage.reports.forecast(client_id or None)
        limit = services.organizations.get(client_id).monthly_limit_pusd if client_id else None
        return ForecastOut.of(forecast, client_id=client_id or None, monthly_limit_pusd=limit)

    @router.get("/usage/activity", response_model=ActivityOut, responses=problems(404))
    def usage_activity(
        trend: Trend | None = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> ActivityOut:
        """Which clients grew and which went quiet: seven whole days against the 28 before."""
        report = door.services().usage.activity.look()
        found = [one for one in report.organizations if trend in (None, one.trend)]
        return ActivityOut.of(report, found, offset=offset, limit=limit)


def _query(
    usage: UsageServices,
    given: RangeText,
    organization_id: str | None,
    group_by: tuple[Dimension, ...],
    *,
    days: int | None = None,
) -> UsageQuery:
    """Raises ``BadInput`` and ``NotFound``."""
    first, last = range_of(given, today=usage.reports.today(organization_id), days=days)
    return UsageQuery(first=first, last=last, organization_id=organization_id, group_by=group_by)

"""A signed-in person's own organization by any grouping, and what its month will come to."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.pages import LongLimit, Offset, Text
from mai_usage_ext.api.report_parameters import Compare, Order, Top, wish_of
from mai_usage_ext.api.schemas.my_reports import MyReportOut
from mai_usage_ext.api.schemas.usage_outlooks import ForecastOut
from mai_usage_ext.api.usage_ranges import GivenRange
from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports.usage import UsageQuery
from mai_usage_ext.services.own_reports import OWN_DIMENSIONS, OWN_SORTS, own_query
from mai_usage_ext.services.usage_ranges import range_of
from mai_usage_ext.services.usage_reports import dimensions_of

__all__ = ["add_my_report_routes"]

_DAYS = 30
_GroupBy = Annotated[
    str,
    Query(
        max_length=100,
        description="What lines are told apart by, at most two with a comma between: "
        f"{', '.join(OWN_DIMENSIONS)}",
    ),
]
_Sort = Annotated[str | None, Query(max_length=50, description=f"One of {', '.join(OWN_SORTS)}")]


def add_my_report_routes(router: APIRouter, door: Door) -> None:
    signed_in = door.signed_in

    @router.get(
        "/usage/my-organization/report", response_model=MyReportOut, responses=problems(404)
    )
    def my_organization_report(
        given: GivenRange,
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
        user: Any = signed_in,
    ) -> MyReportOut:
        """Any days by any grouping. Of single users a member sees only themselves.

        By purpose, and by user and model together, it reaches back as far as single calls are kept.
        """
        services, reader = door.services(), str(user.id)
        place = services.directory.organization_of(reader)
        reports = services.usage.reports
        first, last = range_of(given, today=reports.today(place.organization.id), days=_DAYS)
        asked = UsageQuery(
            first=first,
            last=last,
            user_id=user_id or None,
            model=model or None,
            provider=provider or None,
            group_by=dimensions_of(group_by),
        )
        query, is_complete = own_query(asked, place, reader=reader)
        wish = wish_of(
            sort=_sort(sort), order=order, offset=offset, limit=limit, compare=compare, top=top
        )
        report = reports.report(query, wish)
        return MyReportOut.of(report, place, is_complete=is_complete, offset=offset, limit=limit)

    @router.get(
        "/usage/my-organization/forecast", response_model=ForecastOut, responses=problems(404)
    )
    def my_organization_forecast(user: Any = signed_in) -> ForecastOut:
        """What this month will have cost at its end, and when the limit is used up."""
        services = door.services()
        organization = services.directory.organization_of(str(user.id)).organization
        return ForecastOut.of(
            services.usage.reports.forecast(organization.id),
            client_id=organization.id,
            monthly_limit_pusd=organization.monthly_limit_pusd,
        )


def _sort(name: str | None) -> str | None:
    """Raises ``BadInput``."""
    if not name:
        return None
    if name not in OWN_SORTS:
        raise BadInput("sort", got=name, expected=f"one of {', '.join(OWN_SORTS)}")
    return OWN_SORTS[name]

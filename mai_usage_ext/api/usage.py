"""What a signed-in person sees of their own organization, and the operator's health page."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.events import add_event_routes
from mai_usage_ext.api.exports import add_own_export_routes
from mai_usage_ext.api.health import add_health_routes
from mai_usage_ext.api.my_reports import add_my_report_routes
from mai_usage_ext.api.my_usage import add_my_usage_routes
from mai_usage_ext.api.problems import problem, problem_route
from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.api.schemas.usage import MyOrganizationOut, TodayUsageOut
from mai_usage_ext.api.services import ApiServices, Provide
from mai_usage_ext.api.statements import add_my_statement_routes

__all__ = ["ALIAS", "PREFIX", "ApiServices", "nothing_else_router", "usage_router"]

PREFIX = "/api/v1/client_organizations"
# mAI's front ends spell it so; the same routes, kept out of the schema.
ALIAS = "/api/v1/client-organizations"

_ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def usage_router(
    services: Provide,
    *,
    verified_user: Callable[..., Any],
    prefix: str = PREFIX,
    in_schema: bool = True,
    limiter: RateLimiter | None = None,
) -> APIRouter:
    """The routes below one prefix.

    ``services`` raises ``NotRunning`` while the meter does not run; ``verified_user`` is the host's
    own dependency, so sessions, API keys and their errors are the host's. ``limiter`` is one for
    all routers of an app.
    """
    router = APIRouter(
        prefix=prefix,
        tags=["client_organizations"],
        route_class=problem_route(limiter),
        include_in_schema=in_schema,
    )
    door = Door(services, verified_user=verified_user)
    signed_in = door.signed_in

    # Plain functions run on a worker thread, where a query may wait without stopping the chats.
    @router.get("/usage/my-organization", response_model=MyOrganizationOut, responses=problems(404))
    def my_organization(user: Any = signed_in) -> MyOrganizationOut:
        """Today, this month, its limit and thirty days of the user's organization."""
        found = services()
        place = found.directory.organization_of(str(user.id))
        report = found.reports.organization(place.organization)
        is_admin = getattr(user, "role", None) == "admin"
        return MyOrganizationOut.of(
            report,
            place,
            found.usage.standings.of(place),
            hint=found.zero_usage.hint(report, is_admin=is_admin),
        )

    @router.get(
        "/usage/my-organization/today", response_model=TodayUsageOut, responses=problems(404)
    )
    def my_organization_today(user: Any = signed_in) -> TodayUsageOut:
        """Today alone, for pages that refresh often."""
        found = services()
        place = found.directory.organization_of(str(user.id))
        usage, as_of_ms = found.reports.today(place.organization)
        return TodayUsageOut.at(place.organization.id, usage, as_of_ms)

    add_my_usage_routes(router, door)
    add_my_report_routes(router, door)
    add_event_routes(router, door)
    add_own_export_routes(router, door)
    add_my_statement_routes(router, door)

    add_health_routes(router, door)
    return router


def nothing_else_router(prefix: str, *, limiter: RateLimiter | None = None) -> APIRouter:
    """Whatever else is asked for below the prefix: 404 JSON, not the host's index page."""
    router = APIRouter(prefix=prefix, route_class=problem_route(limiter), include_in_schema=False)

    @router.api_route("", methods=_ANY_METHOD)
    @router.api_route("/{path:path}", methods=_ANY_METHOD)
    def nothing(path: str = "") -> Any:
        return problem(404, "Not found", f"there is no {prefix}/{path}")

    return router

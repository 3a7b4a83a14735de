"""All routes of the reseller, below one prefix."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.alerts import add_alert_routes
from mai_usage_ext.api.audit import add_audit_routes
from mai_usage_ext.api.broadcast import add_broadcast_routes
from mai_usage_ext.api.client_usage import add_client_usage_routes
from mai_usage_ext.api.clients import add_client_routes
from mai_usage_ext.api.debug import add_debug_routes
from mai_usage_ext.api.exports import add_export_routes
from mai_usage_ext.api.keys import add_key_routes
from mai_usage_ext.api.members import add_member_routes
from mai_usage_ext.api.pricing import add_pricing_routes
from mai_usage_ext.api.problems import problem_route
from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.api.rates import add_rate_routes
from mai_usage_ext.api.reconciliation import add_reconciliation_routes
from mai_usage_ext.api.services import Provide
from mai_usage_ext.api.settings import add_setting_routes
from mai_usage_ext.api.setup import add_setup_routes
from mai_usage_ext.api.statements import add_statement_routes
from mai_usage_ext.api.usage import PREFIX
from mai_usage_ext.api.usage_reports import add_usage_report_routes
from mai_usage_ext.api.webhooks import add_webhook_routes

__all__ = ["admin_router"]


def admin_router(
    services: Provide,
    *,
    verified_user: Callable[..., Any],
    prefix: str = PREFIX,
    in_schema: bool = True,
    limiter: RateLimiter | None = None,
) -> APIRouter:
    """Organizations, members, keys, prices, settings, audit: for the host's admins alone.

    The arguments are those of ``usage_router``.
    """
    router = APIRouter(
        prefix=prefix,
        tags=["client_organizations"],
        route_class=problem_route(limiter),
        include_in_schema=in_schema,
    )
    door = Door(services, verified_user=verified_user)
    for add_routes in (
        add_setting_routes,
        add_setup_routes,
        add_client_routes,
        add_key_routes,
        add_member_routes,
        add_pricing_routes,
        add_audit_routes,
        add_alert_routes,
        add_reconciliation_routes,
        add_broadcast_routes,
        add_debug_routes,
        add_usage_report_routes,
        add_client_usage_routes,
        add_export_routes,
        add_statement_routes,
        add_rate_routes,
        add_webhook_routes,
    ):
        add_routes(router, door)
    return router

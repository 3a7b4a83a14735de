"""What is watched from outside: figures for Prometheus, and the probes of the health page."""

import asyncio
import hmac
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import SecretStr

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.health import add_probe_routes
from mai_usage_ext.api.problems import Handler, ProblemRoute
from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.api.services import Provide
from mai_usage_ext.ports import Actor

__all__ = ["monitoring_router"]

_METRICS = "/metrics"
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus' text format", "content": {"text/plain": {}}}
}


def monitoring_router(
    services: Provide,
    *,
    verified_user: Callable[..., Any],
    token: SecretStr | None,
    prefix: str,
    in_schema: bool = True,
    limiter: RateLimiter | None = None,
) -> APIRouter:
    """``token`` is what a scraper without an account sends as ``Authorization: Bearer``; without
    one only the host's admins are let in. The other arguments are those of ``usage_router``."""
    router = APIRouter(
        prefix=prefix,
        tags=["client_organizations"],
        route_class=_route_class(services, token, limiter),
        include_in_schema=in_schema,
    )
    door = Door(services, verified_user=verified_user)
    add_probe_routes(router, services)

    @router.get(_METRICS, response_class=Response, responses={**_TEXT, **problems(404)})
    def metrics(_actor: Actor = door.admin) -> Response:
        """Figures of this process and of the database, for admins or with the metrics token.

        Nothing is told of tenants, users or models. What a process counts has the label `process`.
        """
        return _page(services)

    return router


def _page(services: Provide) -> Response:
    page = services().metrics
    return Response(page.render(), media_type=page.content_type)


def _route_class(
    services: Provide, token: SecretStr | None, limiter: RateLimiter | None
) -> type[APIRoute]:
    class TokenRoute(APIRoute):
        """Whoever has the token is not asked for an account, which a scraper has none of."""

        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()
            if token is None or not self.path.endswith(_METRICS):
                return handle

            async def with_token(request: Request) -> Response:
                if _has_token(request, token):
                    return await asyncio.to_thread(_page, services)
                return await handle(request)

            return with_token

    # Inside of what counts requests and draws errors.
    return type("MonitoringRoute", (ProblemRoute, TokenRoute), {"limiter": limiter})


def _has_token(request: Request, token: SecretStr) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    is_same = hmac.compare_digest(given.strip().encode(), token.get_secret_value().encode())
    return scheme.lower() == "bearer" and is_same

"""Every route below the prefix, with a kind and a request that works; read from the routers."""

from dataclasses import dataclass, field
from typing import Any

from mai_usage_ext.api.administration import admin_router
from mai_usage_ext.api.usage import PREFIX, usage_router
from tests.api.office import Office

__all__ = ["ADMIN", "OWN", "ROUTES", "RouteCase", "filled", "known_routes", "request_of"]

# Of one's own organization, for whoever is in one · of the reseller, for the host's admins alone.
OWN, ADMIN = "own", "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCase:
    """``path`` has places such as ``{bakery}``, an organization's id. ``json`` is a body that a
    furnished office can do what it says with; ``status`` is what an admin is answered then."""

    kind: str
    json: Any = None
    status: int = 200
    places: dict[str, str] = field(default_factory=dict)


_CLIENT = {"client_id": "{bakery}"}
_USER = {"user_id": "boris"}

ROUTES: dict[str, RouteCase] = {
    "GET /usage/my-organization": RouteCase(kind=OWN),
    "GET /usage/my-organization/today": RouteCase(kind=OWN),
    "GET /usage/my-organization/events": RouteCase(kind=OWN),
    "GET /health": RouteCase(kind=ADMIN),
    "GET /settings": RouteCase(kind=ADMIN),
    "POST /settings": RouteCase(kind=ADMIN, json={"rate_limit": 700}),
    "GET /clients": RouteCase(kind=ADMIN),
    "POST /clients": RouteCase(kind=ADMIN, json={"name": "Third"}, status=201),
    "GET /clients/{client_id}": RouteCase(kind=ADMIN, places=_CLIENT),
    "PATCH /clients/{client_id}": RouteCase(kind=ADMIN, places=_CLIENT, json={"notes": "x"}),
    "DELETE /clients/{client_id}": RouteCase(kind=ADMIN, places=_CLIENT),
    "GET /clients/{client_id}/key": RouteCase(kind=ADMIN, places=_CLIENT),
    "PUT /clients/{client_id}/key": RouteCase(
        kind=ADMIN, places={"client_id": "{unkeyed}"}, json={"key": "{spare}"}
    ),
    "POST /clients/{client_id}/key/provision": RouteCase(
        kind=ADMIN, places={"client_id": "{unkeyed}"}
    ),
    "POST /clients/{client_id}/key/rotate": RouteCase(kind=ADMIN, places=_CLIENT),
    "POST /clients/{client_id}/key/disable": RouteCase(kind=ADMIN, places=_CLIENT),
    "POST /clients/{client_id}/key/enable": RouteCase(kind=ADMIN, places=_CLIENT),
    "GET /keys": RouteCase(kind=ADMIN),
    "POST /keys/check": RouteCase(kind=ADMIN),
    "GET /user-mappings": RouteCase(kind=ADMIN),
    "POST /user-mappings": RouteCase(
        kind=ADMIN, json={"user_id": "eve", "client_org_id": "{bakery}"}, status=201
    ),
    "POST /user-mappings/bulk": RouteCase(
        kind=ADMIN, json=[{"user_id": "eve", "client_org_id": "{bakery}"}]
    ),
    "GET /user-mappings/{user_id}": RouteCase(kind=ADMIN, places=_USER),
    "PATCH /user-mappings/{user_id}": RouteCase(kind=ADMIN, places=_USER, json={"role": "manager"}),
    "DELETE /user-mappings/{user_id}": RouteCase(kind=ADMIN, places=_USER),
    "DELETE /user-mappings/{user_id}/planned": RouteCase(
        kind=ADMIN, places={"user_id": "{leaving}"}
    ),
    "GET /pricing-rules": RouteCase(kind=ADMIN),
    "POST /pricing-rules": RouteCase(
        kind=ADMIN, json={"client_id": "{bakery}", "markup_rate": "2"}, status=201
    ),
    "DELETE /pricing-rules/{rule_id}": RouteCase(kind=ADMIN, places={"rule_id": "{planned_rule}"}),
    "POST /pricing-rules/preview": RouteCase(
        kind=ADMIN, json={"client_id": "{bakery}", "markup_rate": "2"}
    ),
    "GET /audit": RouteCase(kind=ADMIN),
    "GET /audit/verify": RouteCase(kind=ADMIN),
    "GET /limits/events": RouteCase(kind=ADMIN),
    "GET /reconciliations": RouteCase(kind=ADMIN),
    "GET /reconciliations/keys": RouteCase(kind=ADMIN),
    "GET /broadcast": RouteCase(kind=ADMIN),
    "POST /reconciliations/run": RouteCase(kind=ADMIN, json={"date": "{past_day}"}),
}


def known_routes() -> set[str]:
    """What the routers really have."""
    provide: Any = lambda: None  # noqa: E731
    routers = [
        router(provide, verified_user=lambda: None) for router in (usage_router, admin_router)
    ]
    return {
        f"{method} {route.path.removeprefix(PREFIX)}"
        for router in routers
        for route in router.routes
        for method in route.methods
    }


def filled(office: Office, value: Any) -> Any:
    """The same with the office's ids in their places."""
    if isinstance(value, str):
        return value.format_map(office.places)
    if isinstance(value, dict):
        return {name: filled(office, each) for name, each in value.items()}
    return [filled(office, each) for each in value] if isinstance(value, list) else value


def request_of(office: Office, route: str) -> tuple[str, str, RouteCase, dict[str, Any]]:
    method, _, path = route.partition(" ")
    case = ROUTES[route]
    path = path.format_map(filled(office, case.places))
    options = {} if case.json is None else {"json": filled(office, case.json)}
    return method, path, case, options

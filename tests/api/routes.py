"""Every route below the prefix, with a kind and a request that works; read from the routers."""

from dataclasses import dataclass, field
from typing import Any

from mai_usage_ext.api.administration import admin_router
from mai_usage_ext.api.metrics import monitoring_router
from mai_usage_ext.api.usage import PREFIX, usage_router
from tests.api.office import Office

__all__ = [
    "ADMIN",
    "MANAGED",
    "OPEN",
    "OWN",
    "ROUTES",
    "RouteCase",
    "filled",
    "known_routes",
    "request_of",
]

# Of one's own organization, for whoever is in one · of the reseller, for the host's admins alone ·
# for everybody, signed in or not.
OWN, ADMIN, OPEN = "own", "admin", "open"
# Of one's own organization, for its managers alone.
MANAGED = "managed"


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
_STATEMENT = {"statement_id": "{statement}"}
_OPEN_MONTH = {"client_id": "{bakery}", "month": "{open_month}"}
_WEBHOOK = {"webhook_id": "{webhook}"}

ROUTES: dict[str, RouteCase] = {
    "GET /usage/my-organization": RouteCase(kind=OWN),
    "GET /usage/my-organization/today": RouteCase(kind=OWN),
    "GET /usage/my-organization/events": RouteCase(kind=OWN),
    "GET /usage/my-organization/daily": RouteCase(kind=OWN),
    "GET /usage/my-organization/by-user": RouteCase(kind=OWN),
    "GET /usage/my-organization/by-model": RouteCase(kind=OWN),
    "GET /usage/my-organization/report": RouteCase(kind=OWN),
    "GET /usage/my-organization/forecast": RouteCase(kind=OWN),
    "GET /usage/by-client": RouteCase(kind=ADMIN),
    "GET /usage/summary": RouteCase(kind=ADMIN),
    "GET /usage/today": RouteCase(kind=ADMIN),
    "GET /usage/billing": RouteCase(kind=ADMIN),
    "GET /usage/by-user/{client_id}": RouteCase(kind=ADMIN, places=_CLIENT),
    "GET /usage/by-model/{client_id}": RouteCase(kind=ADMIN, places=_CLIENT),
    "GET /usage/report": RouteCase(kind=ADMIN),
    "GET /usage/revenue": RouteCase(kind=ADMIN),
    "GET /usage/forecast": RouteCase(kind=ADMIN),
    "GET /usage/activity": RouteCase(kind=ADMIN),
    "GET /usage/my-organization/export": RouteCase(kind=OWN),
    "GET /usage/export": RouteCase(kind=ADMIN),
    "GET /usage/my-organization/statements": RouteCase(kind=MANAGED),
    "GET /usage/my-organization/statements/{statement_id}": RouteCase(
        kind=MANAGED, places=_STATEMENT
    ),
    "GET /usage/my-organization/statements/{statement_id}/pdf": RouteCase(
        kind=MANAGED, places=_STATEMENT
    ),
    "GET /billing/statements": RouteCase(kind=ADMIN),
    "GET /billing/statements/{statement_id}": RouteCase(kind=ADMIN, places=_STATEMENT),
    "GET /billing/statements/{statement_id}/pdf": RouteCase(kind=ADMIN, places=_STATEMENT),
    "GET /clients/{client_id}/statements/{month}/draft": RouteCase(kind=ADMIN, places=_OPEN_MONTH),
    "GET /clients/{client_id}/statements/{month}/draft/pdf": RouteCase(
        kind=ADMIN, places=_OPEN_MONTH
    ),
    "POST /clients/{client_id}/statements/{month}/close": RouteCase(
        kind=ADMIN, places=_OPEN_MONTH, json={"force_reason": "nobody compares"}, status=201
    ),
    "GET /billing/rates": RouteCase(kind=ADMIN),
    "POST /billing/rates": RouteCase(
        kind=ADMIN,
        json={"currency": "EUR", "date": "2026-01-31", "rate": "0.8437"},
        status=201,
    ),
    "DELETE /billing/rates/{currency}/{day}": RouteCase(
        kind=ADMIN, places={"currency": "CHF", "day": "2026-01-30"}
    ),
    "GET /health": RouteCase(kind=ADMIN),
    "GET /health/live": RouteCase(kind=OPEN),
    "GET /health/ready": RouteCase(kind=OPEN),
    "GET /metrics": RouteCase(kind=ADMIN),
    "GET /setup": RouteCase(kind=ADMIN),
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
    "GET /user-mappings/candidates": RouteCase(kind=ADMIN),
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
    "GET /alerts": RouteCase(kind=ADMIN),
    "POST /alerts/{alert_id}/acknowledge": RouteCase(
        kind=ADMIN, places={"alert_id": "{alert}"}, json={"note": "on it"}
    ),
    "POST /alerts/{alert_id}/resolve": RouteCase(
        kind=ADMIN, places={"alert_id": "{alert}"}, json={}
    ),
    "POST /alerts/test": RouteCase(kind=ADMIN, json={"channel": "host"}),
    "GET /alerts/rules": RouteCase(kind=ADMIN),
    "POST /alerts/rules": RouteCase(
        kind=ADMIN, json={"name": "Old", "kind": "pending"}, status=201
    ),
    "GET /alerts/rules/{rule_id}": RouteCase(kind=ADMIN, places={"rule_id": "{alert_rule}"}),
    "PATCH /alerts/rules/{rule_id}": RouteCase(
        kind=ADMIN, places={"rule_id": "{alert_rule}"}, json={"is_enabled": False}
    ),
    "DELETE /alerts/rules/{rule_id}": RouteCase(kind=ADMIN, places={"rule_id": "{alert_rule}"}),
    "GET /alerts/mutes": RouteCase(kind=ADMIN),
    "POST /alerts/mutes": RouteCase(kind=ADMIN, json={"rule_id": 1, "until": "{soon}"}, status=201),
    "DELETE /alerts/mutes/{mute_id}": RouteCase(kind=ADMIN, places={"mute_id": "{mute}"}),
    "GET /reconciliations": RouteCase(kind=ADMIN),
    "GET /reconciliations/days": RouteCase(kind=ADMIN),
    "GET /reconciliations/keys": RouteCase(kind=ADMIN),
    "GET /broadcast": RouteCase(kind=ADMIN),
    "GET /debug/generations/{generation_id}": RouteCase(
        kind=ADMIN, places={"generation_id": "{booked}"}
    ),
    "POST /debug/self-test": RouteCase(kind=ADMIN, json={"target": "openrouter"}),
    "GET /debug/slow-queries": RouteCase(kind=ADMIN),
    "POST /debug/openrouter": RouteCase(kind=ADMIN),
    "POST /debug/validate": RouteCase(kind=ADMIN),
    "GET /webhooks": RouteCase(kind=ADMIN),
    "POST /webhooks": RouteCase(
        kind=ADMIN, json={"url": "http://127.0.0.1:9/", "events": ["key.created"]}, status=201
    ),
    "GET /webhooks/{webhook_id}": RouteCase(kind=ADMIN, places=_WEBHOOK),
    "PATCH /webhooks/{webhook_id}": RouteCase(
        kind=ADMIN, places=_WEBHOOK, json={"description": "x"}
    ),
    "DELETE /webhooks/{webhook_id}": RouteCase(kind=ADMIN, places=_WEBHOOK),
    "POST /webhooks/{webhook_id}/rotate-secret": RouteCase(kind=ADMIN, places=_WEBHOOK),
    "POST /webhooks/{webhook_id}/test": RouteCase(kind=ADMIN, places=_WEBHOOK),
    "GET /webhooks/{webhook_id}/deliveries": RouteCase(kind=ADMIN, places=_WEBHOOK),
    "POST /webhooks/{webhook_id}/replay": RouteCase(
        kind=ADMIN, places=_WEBHOOK, json={"since": "2026-01-01T00:00:00Z"}
    ),
    "POST /webhooks/deliveries/{delivery_id}/replay": RouteCase(
        kind=ADMIN, places={"delivery_id": "{delivery}"}, status=201
    ),
    "POST /reconciliations/run": RouteCase(kind=ADMIN, json={"date": "{past_day}"}),
}


def known_routes() -> set[str]:
    """What the routers really have."""
    provide: Any = lambda: None  # noqa: E731
    routers = [
        router(provide, verified_user=lambda: None) for router in (usage_router, admin_router)
    ]
    routers.append(
        monitoring_router(provide, verified_user=lambda: None, token=None, prefix=PREFIX)
    )
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

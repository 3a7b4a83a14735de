"""The key and account routes: `/keys`, `/key`, `/credits`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from aiohttp import web

from mai_usage_ext.simulator.auth import ApiKey, limit_remaining, new_secret, window_start
from mai_usage_ext.simulator.bill import stamp
from mai_usage_ext.simulator.catalogue import ZERO
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.inference import read_object
from mai_usage_ext.simulator.service import Service, json_answer
from mai_usage_ext.simulator.switches import MANAGEMENT, Switches

PAGE: Final = 100
_RESETS: Final = (None, "daily", "weekly", "monthly")
_CHANGEABLE: Final = ("name", "disabled", "limit", "limit_reset", "include_byok_in_limit")


def manage(service: Service, request: web.Request, endpoint: str) -> Switches:
    """Let a management key in; returns the switches of the request."""
    service.keys.management_key(request.headers)
    switches = service.panel.resolve(MANAGEMENT, endpoint)
    if switches.management_status is not None:
        raise ApiError(switches.management_status)
    return switches


async def list_keys(service: Service, request: web.Request) -> web.Response:
    """`GET /keys?offset=&include_disabled=&include_expired=`: 100 a page, newest first."""
    switches = manage(service, request, "/keys")
    offset = _offset(request.query.get("offset"))
    now = service.clock()
    shown = [
        key
        for key in reversed(service.keys.inference_keys())
        if request.query.get("include_disabled") != "false" or not key.disabled
        if request.query.get("include_expired") == "true" or not key.expired(now)
    ]
    page = shown[offset : offset + PAGE]
    return json_answer({"data": [_described(service, key, switches) for key in page]})


async def create_key(service: Service, request: web.Request) -> web.Response:
    """`POST /keys`: 201 with the key and, this once, its secret."""
    switches = manage(service, request, "/keys")
    fields = _checked(await read_object(request))
    if "name" not in fields:
        raise ApiError(400, "name: Required")
    key = service.keys.add(
        ApiKey(secret=new_secret(), created_at=service.clock(), **{"name": "", **fields})
    )
    answer = {"data": _described(service, key, switches), "key": key.secret}
    return json_answer(answer, status=201)


async def show_key(service: Service, request: web.Request) -> web.Response:
    """`GET /keys/{hash}`."""
    switches = manage(service, request, "/keys")
    return json_answer({"data": _described(service, _wanted(service, request), switches)})


async def change_key(service: Service, request: web.Request) -> web.Response:
    """`PATCH /keys/{hash}`; a new limit leaves the usage as it is."""
    switches = manage(service, request, "/keys")
    key = _wanted(service, request)
    fields = _checked(await read_object(request))
    changes = {name: value for name, value in fields.items() if name in _CHANGEABLE}
    if not changes:
        raise ApiError(400, f"At least one of {', '.join(_CHANGEABLE)} is required")
    for name, value in changes.items():
        setattr(key, name, value)
    key.updated_at = service.clock()
    return json_answer({"data": _described(service, key, switches)})


async def delete_key(service: Service, request: web.Request) -> web.Response:
    """`DELETE /keys/{hash}`; what the key used stays on the bill."""
    manage(service, request, "/keys")
    service.keys.remove(_wanted(service, request))
    return json_answer({"deleted": True})


async def show_own_key(service: Service, request: web.Request) -> web.Response:
    """`GET /key`: any key, about itself."""
    key = service.keys.any_key(request.headers)
    switches = service.panel.resolve(MANAGEMENT, "/key")
    if switches.management_status is not None:
        raise ApiError(switches.management_status)
    return json_answer({"data": _about_itself(service, key, switches)})


async def show_credits(service: Service, request: web.Request) -> web.Response:
    """`GET /credits`: bought and used, in USD."""
    switches = manage(service, request, "/credits")
    data = {"total_credits": switches.total_credits, "total_usage": service.bill.total_cost()}
    return json_answer({"data": data})


def _wanted(service: Service, request: web.Request) -> ApiKey:
    key = service.keys.by_hash(request.match_info["hash"])
    if key is None:
        raise ApiError(404, "API key not found")
    return key


def _offset(text: str | None) -> int:
    if text is None or text == "":
        return 0
    if not text.isdecimal():
        raise ApiError(400, "offset: Expected a whole number of at least 0")
    return int(text)


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a key that a caller may set, each checked; unknown ones are ignored."""
    checks = {
        "name": _name,
        "limit": _limit,
        "limit_reset": _limit_reset,
        "disabled": _flag,
        "include_byok_in_limit": _flag,
        "expires_at": _instant,
        "workspace_id": _name,
    }
    return {name: check(name, body[name]) for name, check in checks.items() if name in body}


def _name(field: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ApiError(400, f"{field}: Expected a string that is not empty")
    return value


def _flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ApiError(400, f"{field}: Expected true or false")
    return value


def _limit(field: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ApiError(400, f"{field}: Expected a number or null")
    limit = Decimal(value)
    if not limit.is_finite() or limit < 0:
        raise ApiError(400, f"{field}: Expected a number of at least 0")
    return limit


def _limit_reset(field: str, value: Any) -> Any:
    if value not in _RESETS:
        raise ApiError(400, f"{field}: Expected daily, weekly, monthly or null")
    return value


def _instant(field: str, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ApiError(400, f"{field}: Expected an ISO 8601 time") from error
    if instant.tzinfo is None:
        raise ApiError(400, f"{field}: Expected a time with its zone")
    return instant.astimezone(UTC)


def _described(service: Service, key: ApiKey, switches: Switches) -> dict[str, Any]:
    return {
        "hash": key.hash,
        "name": key.name,
        "label": key.label,
        "disabled": key.disabled,
        **_money(service, key, switches),
        "created_at": key.created_at.isoformat(timespec="microseconds"),
        "updated_at": _optional(key.updated_at),
        "last_used_at": _optional(key.last_used_at),
        "expires_at": _optional(key.expires_at),
        "creator_user_id": None,
        "external_user": None,
        "workspace_id": key.workspace_id,
    }


def _about_itself(service: Service, key: ApiKey, switches: Switches) -> dict[str, Any]:
    return {
        "label": key.label,
        "is_free_tier": False,
        "is_management_key": key.management,
        "is_provisioning_key": key.management,
        **_money(service, key, switches),
        "expires_at": _optional(key.expires_at),
        "rate_limit": {"requests": -1, "interval": "10s", "note": "Deprecated, ignore it."},
        "creator_user_id": None,
        "organization_id": None,
        "workspace_id": key.workspace_id,
        "allowed_data_regions": ["global"],
        "budgets": [],
        "effective_budget": None,
        "free_model_daily_requests": {"limit": 1000, "used": 0, "remaining": 1000},
    }


def _money(service: Service, key: ApiKey, switches: Switches) -> dict[str, Any]:
    bill, today = service.bill, service.clock().date()
    lag = bill.lagging_cost(key.hash, switches.key_lag) if switches.key_lag else ZERO
    money: dict[str, Any] = {
        "limit": key.limit,
        "limit_remaining": limit_remaining(key, bill, today),
        "limit_reset": key.limit_reset,
        "include_byok_in_limit": key.include_byok_in_limit,
        "usage": bill.key_usage(key.hash) - lag,
        "byok_usage": bill.key_byok_usage(key.hash),
    }
    for window in ("daily", "weekly", "monthly"):
        since = window_start(window, today)
        money[f"usage_{window}"] = max(bill.key_usage(key.hash, since) - lag, ZERO)
        money[f"byok_usage_{window}"] = bill.key_byok_usage(key.hash, since)
    return money


def _optional(instant: datetime | None) -> str | None:
    return None if instant is None else stamp(instant)

"""The account's figures after the fact: `/activity` and `/analytics`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from aiohttp import web

from mai_usage_ext.simulator.bill import Record, stamp
from mai_usage_ext.simulator.catalogue import ZERO
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.inference import read_object
from mai_usage_ext.simulator.management import manage
from mai_usage_ext.simulator.service import Service, json_answer
from mai_usage_ext.simulator.switches import Switches

_ACTIVITY_DAYS: Final = 30
_ANALYTICS_DAYS: Final = 31
_ROWS: Final = 1_000


async def show_activity(service: Service, request: web.Request) -> web.Response:
    """`GET /activity?date=&api_key_hash=`: date x model x endpoint, completed UTC days only."""
    switches = manage(service, request, "/activity")
    today = service.clock().date()
    newest = today if switches.include_today else today - timedelta(days=1)
    oldest = today - timedelta(days=_ACTIVITY_DAYS)
    wanted = _day(request.query.get("date"))
    key_hash = request.query.get("api_key_hash")
    rows: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in service.bill.ended():
        in_span = oldest <= record.day <= newest and wanted in (None, record.day)
        if in_span and key_hash in (None, record.key_hash):
            rows[_activity_key(record)].append(record)
    return json_answer({"data": [_activity(rows[key]) for key in sorted(rows, reverse=True)]})


def _activity_key(record: Record) -> tuple[str, str, str]:
    return record.day.isoformat(), record.model.slug, record.provider


def _activity(records: list[Record]) -> dict[str, Any]:
    first = records[0]
    return {
        "date": first.day.isoformat(),
        "model": first.model.id,
        "model_permaslug": first.model.slug,
        "endpoint_id": f"{first.provider.lower()}/{first.model.slug}",
        "provider_name": first.provider,
        "usage": sum((record.cost for record in records), ZERO),
        "byok_usage_inference": sum((record.byok_cost for record in records), ZERO),
        "requests": len(records),
        "prompt_tokens": sum(record.tokens.prompt for record in records),
        "completion_tokens": sum(record.tokens.completion for record in records),
        "reasoning_tokens": sum(record.tokens.reasoning for record in records),
        "cached_tokens": sum(record.tokens.cached for record in records),
    }


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ApiError(400, "date: Expected YYYY-MM-DD") from error


_DIMENSIONS: Final[dict[str, Callable[[Record], str | None]]] = {
    "model": lambda record: record.model.id,
    "provider": lambda record: record.provider,
    "api_key": lambda record: record.key_hash,
    "external_user": lambda record: record.user,
    "generation_id": lambda record: record.generation_id,
}

_METRICS: Final[dict[str, tuple[str, Callable[[Record], int | Decimal]]]] = {
    "request_count": ("number", lambda _: 1),
    "total_usage": ("currency", lambda record: record.cost),
    "byok_usage": ("currency", lambda record: record.byok_cost),
    "tokens_prompt": ("number", lambda record: record.tokens.prompt),
    "tokens_completion": ("number", lambda record: record.tokens.completion),
    "tokens_total": ("number", lambda record: record.tokens.total),
    "reasoning_tokens": ("number", lambda record: record.tokens.reasoning),
    "cached_tokens": ("number", lambda record: record.tokens.cached),
}


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


_GRANULARITIES: Final[dict[str, Callable[[datetime], datetime]]] = {
    "minute": lambda at: at.replace(second=0, microsecond=0),
    "hour": lambda at: at.replace(minute=0, second=0, microsecond=0),
    "day": _midnight,
    "week": lambda at: _midnight(at) - timedelta(days=at.weekday()),
    "month": lambda at: _midnight(at).replace(day=1),
}

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda value, wanted: value == wanted,
    "neq": lambda value, wanted: value != wanted,
    "in": lambda value, wanted: value in wanted,
    "not_in": lambda value, wanted: value not in wanted,
}


async def show_analytics_meta(service: Service, request: web.Request) -> web.Response:
    """`GET /analytics/meta`: what can be asked of `/analytics/query`."""
    switches = _analyse(service, request)
    dimensions = [
        {"name": name, "display_label": _label(name)} for name in _known_dimensions(switches)
    ]
    metrics = [
        {"name": name, "display_label": _label(name), "display_format": form, "is_rate": False}
        for name, (form, _) in _METRICS.items()
    ]
    operators = [
        {"name": name, "value_type": "array" if name.endswith("in") else "scalar"}
        for name in _OPERATORS
    ]
    granularities = [{"name": name, "display_label": _label(name)} for name in _GRANULARITIES]
    data = {
        "dimensions": dimensions,
        "metrics": metrics,
        "operators": operators,
        "granularities": granularities,
    }
    return json_answer({"data": data})


async def query_analytics(service: Service, request: web.Request) -> web.Response:
    """`POST /analytics/query`: sums of the last 31 days by any of the dimensions."""
    switches = _analyse(service, request)
    query = await read_object(request)
    metrics = _names(query, "metrics", _METRICS, required=True)
    dimensions = _names(query, "dimensions", _known_dimensions(switches))
    bucket = _bucket(query.get("granularity"))
    groups: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for record in _within(service, query, _filters(query, switches)):
        key = (bucket(record.created_at), *(_DIMENSIONS[name](record) for name in dimensions))
        groups[key].append(record)
    rows = [
        _row(dict(zip(("date", *dimensions), key, strict=True)), records, metrics, switches)
        for key, records in groups.items()
    ]
    limit = query.get("limit")
    most = limit if type(limit) is int and limit > 0 else _ROWS
    metadata = {
        "query_time_ms": 1,
        "row_count": min(len(rows), most),
        "truncated": len(rows) > most,
    }
    return json_answer({"data": {"data": rows[:most], "metadata": metadata}})


def _analyse(service: Service, request: web.Request) -> Switches:
    switches = manage(service, request, "/analytics")
    if not switches.analytics:
        raise ApiError(404)
    return switches


def _known_dimensions(switches: Switches) -> list[str]:
    hidden = set() if switches.analytics_generation_id else {"generation_id"}
    return [name for name in _DIMENSIONS if name not in hidden]


def _names(
    query: dict[str, Any], field: str, known: Iterable[str], *, required: bool = False
) -> list[str]:
    wanted = query.get(field, [])
    if not isinstance(wanted, list) or (required and not wanted):
        raise ApiError(400, f"{field}: Expected a list of names")
    unknown = [name for name in wanted if name not in list(known)]
    if unknown:
        raise ApiError(400, f"{field}: Unknown {', '.join(map(str, unknown))}")
    return wanted


def _bucket(granularity: Any) -> Callable[[datetime], str | None]:
    if granularity is None:
        return lambda _: None
    start_of = _GRANULARITIES.get(granularity)
    if start_of is None:
        raise ApiError(400, f"granularity: Unknown {granularity}")
    return lambda at: stamp(start_of(at))


def _filters(query: dict[str, Any], switches: Switches) -> list[Callable[[Record], bool]]:
    return [_filter(wanted, switches) for wanted in query.get("filters") or []]


def _filter(wanted: Any, switches: Switches) -> Callable[[Record], bool]:
    field = wanted.get("field") if isinstance(wanted, dict) else None
    operator = wanted.get("operator") if isinstance(wanted, dict) else None
    if field not in _known_dimensions(switches) or operator not in _OPERATORS:
        raise ApiError(400, "filters: Expected a known field and operator")
    value_of, holds, value = _DIMENSIONS[field], _OPERATORS[operator], wanted.get("value")
    if operator.endswith("in") and not isinstance(value, list):
        raise ApiError(400, "filters: Expected a list of values")
    return lambda record: holds(value_of(record), value)


def _within(
    service: Service, query: dict[str, Any], filters: list[Callable[[Record], bool]]
) -> Iterable[Record]:
    now = service.clock()
    oldest = now - timedelta(days=_ANALYTICS_DAYS)
    span = query.get("time_range") or {}
    start = max(_instant(span, "start") or oldest, oldest)
    end = _instant(span, "end") or now
    return (
        record
        for record in service.bill.ended()
        if start <= record.created_at <= end and all(holds(record) for holds in filters)
    )


def _instant(span: Any, field: str) -> datetime | None:
    text = span.get(field) if isinstance(span, dict) else None
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise ApiError(400, f"time_range.{field}: Expected an ISO 8601 time") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _row(
    named: dict[str, Any], records: list[Record], metrics: list[str], switches: Switches
) -> dict[str, Any]:
    row = {name: value for name, value in named.items() if name != "date" or value is not None}
    for name in metrics:
        form, value_of = _METRICS[name]
        total = sum((value_of(record) for record in records), ZERO)
        if form == "number":
            row[name] = str(total) if switches.analytics_strings else int(total)
        else:
            row[name] = total
    return row


def _label(name: str) -> str:
    return name.replace("_", " ").title()

"""The routes below `/__control`: for tests and demos, not part of OpenRouter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from mai_usage_ext.simulator.bill import stamp
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.inference import read_object
from mai_usage_ext.simulator.service import Service, json_answer
from mai_usage_ext.simulator.switches import UNSET


async def show_bill(service: Service, request: web.Request) -> web.Response:
    """`GET /__control/bill?since=`: calls after that sequence, refusals, totals and counts."""
    since = request.query.get("since", "0")
    if not since.isdecimal():
        raise ApiError(400, "since: Expected a sequence number")
    return json_answer(service.bill.statement(since=int(since)))


async def reset_bill(service: Service, _: web.Request) -> web.Response:
    """`DELETE /__control/bill`."""
    service.bill.reset()
    return json_answer(service.bill.statement())


async def show_switches(service: Service, _: web.Request) -> web.Response:
    """`GET /__control/switches`: what is set, the rules, and every known switch."""
    return json_answer(_shown(service))


async def merge_switches(service: Service, request: web.Request) -> web.Response:
    """`POST /__control/switches`: merge; `times`, `model`, `endpoint` make a rule of it."""
    service.panel.merge(await read_object(request))
    return json_answer(_shown(service))


async def reset_switches(service: Service, _: web.Request) -> web.Response:
    """`DELETE /__control/switches`."""
    service.panel.reset()
    return json_answer(_shown(service))


async def show_clock(service: Service, _: web.Request) -> web.Response:
    """`GET /__control/clock`: `{"now"}` in UTC."""
    return json_answer({"now": stamp(service.clock())})


async def set_clock(service: Service, request: web.Request) -> web.Response:
    """`POST /__control/clock`: `{"now": ISO 8601}` or `{"advance": seconds}`."""
    body = await read_object(request)
    if set(body) == {"advance"}:
        service.clock.offset += _seconds(body["advance"])
    elif set(body) == {"now"}:
        service.clock.set(_instant(body["now"]))
    else:
        raise ApiError(400, 'The clock takes {"now": …} or {"advance": …}')
    return await show_clock(service, request)


async def reset_clock(service: Service, request: web.Request) -> web.Response:
    """`DELETE /__control/clock`: back to the real time."""
    service.clock.offset = timedelta(0)
    return await show_clock(service, request)


def _shown(service: Service) -> Any:
    """The panel as JSON; an override that nobody asked for is left out."""
    state = service.panel.state()
    state["switches"] = {k: v for k, v in state["switches"].items() if v is not UNSET}
    return state


def _seconds(value: Any) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ApiError(400, "advance: Expected a number of seconds")
    try:
        return timedelta(seconds=float(value))
    except (OverflowError, ValueError) as error:
        raise ApiError(400, "advance: Expected a number of seconds") from error


def _instant(value: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ApiError(400, "now: Expected an ISO 8601 time") from error
    if instant.tzinfo is None:
        raise ApiError(400, "now: Expected a time with its zone")
    return instant.astimezone(UTC)

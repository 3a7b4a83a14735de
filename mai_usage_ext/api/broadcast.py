"""OpenRouter's Broadcast: where it is sent, and what was found of it."""

import asyncio
import hmac
import zlib
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import SecretStr

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.bodies import media_type_of, read_bytes
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.pages import Limit, Offset
from mai_usage_ext.api.problems import Rejected, problem, problem_route
from mai_usage_ext.api.rate_limits import RateLimiter, Standing
from mai_usage_ext.api.schemas.broadcast import BroadcastsOut, ReceivedOut
from mai_usage_ext.api.services import Provide
from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.ports import Actor
from mai_usage_ext.ports.broadcast import BroadcastFinding
from mai_usage_ext.services.broadcast import Broadcast
from mai_usage_ext.services.broadcast_spans import Delivery, read_delivery

__all__ = ["HEADER", "MOST_BYTES", "add_broadcast_routes", "broadcast_router"]

HEADER = "X-Broadcast-Secret"
# A delivery repeats the prompt and the answer several times, unless Privacy Mode is on there.
MOST_BYTES = 32_000_000
# OpenRouter delivers every call of everybody from a few addresses.
_TIMES_THE_LIMIT = 100
_PARALLEL = 4
_ANSWERS = problems(has_body=True)
_ANSWERS |= {
    401: {**_ANSWERS[400], "description": "The secret is missing or wrong"},
    403: {**_ANSWERS[400], "description": "No secret is configured"},
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


def broadcast_router(
    services: Provide,
    *,
    secret: SecretStr | None,
    prefix: str,
    in_schema: bool = True,
    limiter: RateLimiter | None = None,
    most_bytes: int = MOST_BYTES,
) -> APIRouter:
    """The one route that nobody signs in for: who sends has the secret.

    Attempts without it count as any other request of a stranger does.
    """
    router = APIRouter(
        prefix=prefix,
        tags=["client_organizations"],
        # The limit depends on the secret, so it is not the one that counts before everything else.
        route_class=problem_route(None),
        include_in_schema=in_schema,
    )
    at_once = asyncio.Semaphore(_PARALLEL)

    @router.post("/broadcast", response_model=ReceivedOut, responses=_ANSWERS, openapi_extra=_BODY)
    async def receive_broadcast(request: Request) -> Response | ReceivedOut:
        """OpenRouter's traces of finished calls: OTLP in JSON, plain or gzipped.

        A call the ledger lacks is booked once, one that differs is reported. What is wrong with a
        span is said in `partialSuccess`, and the others count.
        """
        known = _has_secret(request, secret)
        standing = await _counted(request, limiter, is_known=known)
        if standing is not None and standing.is_over:
            return _too_many(standing)
        if secret is None:
            return problem(
                403,
                "Broadcast is not enabled",
                "set MAI_USAGE_BROADCAST_SECRET, and the same value as the header "
                f"{HEADER} of the webhook in OpenRouter's settings",
            )
        if not known:
            return problem(401, "Not authenticated", f"the header {HEADER} has not the secret")
        body = await read_bytes(request, most=most_bytes)
        if not body and "x-test-connection" in request.headers:
            return ReceivedOut()
        _require_json(request)
        broadcast = services().broadcast
        is_gzip = _is_gzip(request)
        async with at_once:
            found = await asyncio.to_thread(_received, broadcast, body, is_gzip, most_bytes)
        return ReceivedOut.of(found)

    return router


def add_broadcast_routes(router: APIRouter, door: Door) -> None:
    @router.get("/broadcast", response_model=BroadcastsOut, responses=problems(404))
    def list_broadcasts(
        status: Annotated[BroadcastFinding | None, Query()] = None,
        offset: Offset = 0,
        limit: Limit = 50,
        _actor: Actor = door.admin,
    ) -> BroadcastsOut:
        """Calls OpenRouter told of that the ledger lacked, or has otherwise, newest first."""
        found, total = door.services().broadcast.page(status, offset=offset, limit=limit)
        return BroadcastsOut.of(found, total, offset=offset, limit=limit)


def _has_secret(request: Request, secret: SecretStr | None) -> bool:
    if secret is None:
        return False
    given = request.headers.get(HEADER, "").encode()
    return hmac.compare_digest(given, secret.get_secret_value().encode())


async def _counted(
    request: Request, limiter: RateLimiter | None, *, is_known: bool
) -> Standing | None:
    if limiter is None:
        return None
    if is_known:
        return await limiter.count_known("broadcast", times=_TIMES_THE_LIMIT)
    return await limiter.count(request)


def _too_many(standing: Standing) -> Response:
    response = problem(
        429,
        "Too many requests",
        f"more than {standing.limit} requests in a minute; try again in {standing.reset_s} seconds",
    )
    response.headers.update(standing.headers())
    return response


def _require_json(request: Request) -> None:
    if media_type_of(request) != "application/json":
        raise Rejected(415, "Unsupported content type", "send OTLP in JSON, as application/json")


def _is_gzip(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise Rejected(415, "Unsupported content encoding", "send the body plain or as gzip")
    return encoding == "gzip"


def _received(broadcast: Broadcast, body: bytes, is_gzip: bool, most: int) -> Delivery:
    text = _unpacked(body, most) if is_gzip else body
    try:
        value = parse_json(text)
    except RecursionError:
        raise Rejected(400, "Not JSON", "the body is nested too deeply") from None
    except ValueError as error:
        raise Rejected(400, "Not JSON", f"the body is not usable JSON: {error}") from None
    try:
        delivery = read_delivery(value, now_ms=broadcast.now_ms())
    except BadInput as error:
        wrong = {"field": error.field, "message": str(error)}
        raise Rejected(400, "Not a trace", str(error), errors=[wrong]) from None
    broadcast.receive(delivery.calls)
    return delivery


def _unpacked(body: bytes, most: int) -> bytes:
    """Never more than ``most`` in memory, whatever it would unpack to."""
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        text = unpacking.decompress(body, most + 1)
    except zlib.error:
        raise Rejected(400, "Not gzip", "the body is not gzip as its header says") from None
    if len(text) > most:
        raise Rejected(413, "Too long", f"the body is longer than {most:,} bytes")
    if not unpacking.eof:
        raise Rejected(400, "Not gzip", "the gzipped body has no end")
    return text

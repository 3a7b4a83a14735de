"""Errors at the edge: one table of statuses, and bodies after RFC 9457 that keep ``detail``."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.errors import (
    BadInput,
    ConfigurationError,
    Conflict,
    NoOrganization,
    NotFound,
    NotRunning,
    Outdated,
    QueueFull,
    Refused,
    StorageUnavailable,
    UpstreamError,
    UsageError,
)

__all__ = ["ProblemRoute", "Rejected", "problem", "problem_of", "problem_route", "status_of"]

_BAD_VALUE = "A value cannot be used"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# The first row that fits decides, so the narrower error stands first.
_STATUSES: tuple[tuple[type[UsageError], int, str], ...] = (
    (NoOrganization, 404, "No organization"),
    (NotFound, 404, "Not found"),
    (BadInput, 422, _BAD_VALUE),
    (Outdated, 412, "Changed by somebody else"),
    (Conflict, 409, "What is there does not allow it"),
    # What an admin asked for needs a setting that is missing: theirs to add, and no fault of ours.
    (ConfigurationError, 409, "Not configured"),
    (Refused, 402, "Refused"),
    (UpstreamError, 502, "OpenRouter did not do it"),
    (NotRunning, 503, "Usage metering is not running"),
    (StorageUnavailable, 503, "The usage database does not answer"),
    (QueueFull, 503, "Too much is waiting to be written"),
    (UsageError, 500, "Usage metering failed"),
)


def status_of(error: UsageError) -> tuple[int, str]:
    """HTTP status and title of an error of ours."""
    return next((status, title) for kind, status, title in _STATUSES if isinstance(error, kind))


def problem(status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    """A problem body. The host's front end reads ``detail`` of every error, so it is there."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


class Rejected(Exception):
    """A request that no service is to see: too long, not JSON, or not of the right shape."""

    def __init__(
        self, status: int, title: str, detail: str, *, errors: Iterable[Mapping[str, str]] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.errors = [dict(error) for error in errors]

    @classmethod
    def of_fields(cls, found: Iterable[Any]) -> "Rejected":
        """From what pydantic found wrong, one error for each field."""
        errors = [_error(item, item["loc"]) for item in found]
        return cls(422, _BAD_VALUE, _sentences(errors), errors=errors)


def problem_of(error: UsageError) -> JSONResponse:
    """The answer for an error of ours, with its field where it knows one."""
    status, title = status_of(error)
    field = error.field if isinstance(error, BadInput | Conflict) else ""
    errors = [{"field": field, "message": str(error)}] if field else []
    return problem(status, title, str(error), **({"errors": errors} if errors else {}))


class ProblemRoute(APIRoute):
    """A route whose errors of ours become problem bodies, without a handler on the host's app.

    With a ``limiter`` every answer says where its caller stands, and is 429 for who is over.
    """

    limiter: ClassVar[RateLimiter | None] = None

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        limiter = self.limiter

        async def handle_with_problems(request: Request) -> Response:
            if limiter is None:
                return await _answer(handle, request)
            return await _limited(limiter, handle, request)

        return handle_with_problems


def problem_route(limiter: RateLimiter | None) -> type[ProblemRoute]:
    """The route class for one app, whose ``limiter`` counts before the host signs anybody in."""
    return type("LimitedProblemRoute", (ProblemRoute,), {"limiter": limiter})


async def _limited(limiter: RateLimiter, handle: Handler, request: Request) -> Response:
    standing = await limiter.count(request)
    headers = {} if standing is None else standing.headers()
    if standing is not None and standing.is_over:
        response: Response = problem(
            429,
            "Too many requests",
            f"more than {standing.limit} requests in a minute; "
            f"try again in {standing.reset_s} seconds",
        )
    else:
        try:
            response = await _answer(handle, request)
        except HTTPException as error:
            # The host's own refusals pass; whoever is refused is told all the same.
            limiter.answered(request, error.status_code)
            error.headers = {**(error.headers or {}), **headers}
            raise
        limiter.answered(request, response.status_code)
    response.headers.update(headers)
    return response


async def _answer(handle: Handler, request: Request) -> Response:
    try:
        return await handle(request)
    except UsageError as error:
        return problem_of(error)
    except Rejected as error:
        more = {"errors": error.errors} if error.errors else {}
        return problem(error.status, error.title, str(error), **more)
    except RequestValidationError as error:
        # The first part of the place is where it stood: query, path, header.
        errors = [_error(item, item["loc"][1:] or item["loc"]) for item in error.errors()]
        return problem(422, _BAD_VALUE, _sentences(errors), errors=errors)


def _error(item: Any, place: Iterable[Any]) -> dict[str, str]:
    return {"field": ".".join(str(part)[:80] for part in place), "message": str(item["msg"])}


def _sentences(errors: Iterable[Mapping[str, str]]) -> str:
    return "; ".join(f"{error['field']}: {error['message']}" for error in errors)

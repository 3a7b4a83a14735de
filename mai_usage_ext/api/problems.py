"""Errors at the edge: one table of statuses, and bodies after RFC 9457 that keep ``detail``."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from mai_usage_ext.errors import (
    BadInput,
    NoOrganization,
    NotFound,
    NotRunning,
    StorageUnavailable,
    UsageError,
)

__all__ = ["ProblemRoute", "problem", "status_of"]

# The first row that fits decides, so the narrower error stands first.
_STATUSES: tuple[tuple[type[UsageError], int, str], ...] = (
    (NoOrganization, 404, "No organization"),
    (NotFound, 404, "Not found"),
    (BadInput, 422, "A value cannot be used"),
    (NotRunning, 503, "Usage metering is not running"),
    (StorageUnavailable, 503, "The usage database does not answer"),
    (UsageError, 500, "Usage metering failed"),
)


def status_of(error: UsageError) -> tuple[int, str]:
    """HTTP status and title of an error of ours."""
    return next((status, title) for kind, status, title in _STATUSES if isinstance(error, kind))


def problem(status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    """A problem body. The host's front end reads ``detail`` of every error, so it is there."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


class ProblemRoute(APIRoute):
    """A route whose errors of ours become problem bodies, without a handler on the host's app."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_with_problems(request: Request) -> Response:
            try:
                return await handle(request)
            except UsageError as error:
                status, title = status_of(error)
                return problem(status, title, str(error))
            except RequestValidationError as error:
                return problem(
                    422,
                    "A value cannot be used",
                    "; ".join(_sentence(item) for item in error.errors()),
                    errors=[
                        {"field": _field(item), "message": item["msg"]} for item in error.errors()
                    ],
                )

        return handle_with_problems


def _field(item: dict[str, Any]) -> str:
    return ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])


def _sentence(item: dict[str, Any]) -> str:
    return f"{_field(item)}: {item['msg']}"

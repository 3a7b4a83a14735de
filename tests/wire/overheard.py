"""A simulator that also keeps what it was sent, byte by byte."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from mai_usage_ext.simulator import Simulator

__all__ = ["Heard", "Overheard"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One request as it came over the wire; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def bearer(self) -> str | None:
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key if scheme == "Bearer" else None


class Overheard(Simulator):
    """``heard`` are all requests, oldest first."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.heard: list[Heard] = []

    def sent(self, path: str = "/chat/completions") -> list[Heard]:
        """The requests to one path below the base URL."""
        return [heard for heard in self.heard if heard.path == f"/api/v1{path}"]

    def _app(self) -> web.Application:
        app = super()._app()

        @web.middleware
        async def listen(request: web.Request, handler: Handler) -> web.StreamResponse:
            headers = {name.lower(): value for name, value in request.headers.items()}
            body = await request.read()
            heard = Heard(method=request.method, path=request.path, headers=headers, body=body)
            self.heard.append(heard)
            return await handler(request)

        app.middlewares.append(listen)
        return app

"""Attaching to a running host and letting go of it again, without a trace.

Three things change at once: the lifespan is wrapped, one function of the chat module is wrapped,
and our routes go in front of the host's catch-all page. While the lifespan runs, the host's
dependency for the signed-in user is wrapped too. Each original is kept.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mai_usage_ext.guard import shielded
from mai_usage_ext.host.identity import watch_users, with_caller
from mai_usage_ext.host.seams import Seams

__all__ = ["Attachment"]

_COMPLETIONS = "generate_openai_chat_completion"


class Attachment:
    """One app's attachment. ``attach`` and ``detach`` may each be called once."""

    def __init__(
        self,
        app: Any,
        seams: Seams,
        *,
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
        routers: Sequence[Any],
        first_routes: Sequence[Any],
    ) -> None:
        self._app = app
        self._seams = seams
        self._start = start
        self._stop = stop
        self._routers = routers
        self._first_routes = first_routes
        self._our_routes: list[Any] = []
        self._undo: list[Callable[[], None]] = []

    def attach(self) -> None:
        self._wrap_lifespan()
        self._wrap_completions()
        self._insert_routes()

    def detach(self) -> None:
        """Put every original back, last change first."""
        while self._undo:
            self._undo.pop()()

    def _wrap_lifespan(self) -> None:
        router = self._app.router
        original = router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[Any]:
            # Ours starts before the host makes its first call and ends after its last.
            await self._start()
            let_go: Callable[[], None] = _nothing
            with shielded("watching the host's users"):
                let_go = watch_users(app, self._seams.get_current_user)
            try:
                async with original(app) as state:
                    yield state
            finally:
                let_go()
                await self._stop()

        router.lifespan_context = lifespan
        self._undo.append(lambda: setattr(router, "lifespan_context", original))

    def _wrap_completions(self) -> None:
        module = self._seams.chat_module
        original = getattr(module, _COMPLETIONS)
        setattr(module, _COMPLETIONS, with_caller(original))
        self._undo.append(lambda: setattr(module, _COMPLETIONS, original))

    def _insert_routes(self) -> None:
        routes: list[Any] = self._app.router.routes
        before = len(routes)
        for router in self._routers:
            self._app.include_router(router)
        ours = routes[before:]
        del routes[before:]
        position = _first_catch_all(routes)
        routes[position:position] = ours
        routes[0:0] = self._first_routes
        self._our_routes = [*ours, *self._first_routes]

        def undo() -> None:
            routes[:] = [route for route in routes if route not in self._our_routes]
            self._app.openapi_schema = None

        # A schema the host has built already would lack our routes.
        self._app.openapi_schema = None
        self._undo.append(undo)


def _nothing() -> None:
    """Where nothing was changed, nothing is put back."""


def _first_catch_all(routes: Sequence[Any]) -> int:
    """Index of the first mount at the root: the host's single-page app takes all that is left."""
    for index, route in enumerate(routes):
        is_mount = hasattr(route, "app") and not hasattr(route, "methods")
        if is_mount and getattr(route, "path", None) in ("", "/"):
            return index
    return len(routes)

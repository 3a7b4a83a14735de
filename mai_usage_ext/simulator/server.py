"""The HTTP server: its routes, and how it is started and stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from mai_usage_ext.simulator import control, management, reports
from mai_usage_ext.simulator.auth import ApiKey
from mai_usage_ext.simulator.bill import Bill, Clock
from mai_usage_ext.simulator.catalogue import embedding_listing, listing
from mai_usage_ext.simulator.chat import ChatCompletions
from mai_usage_ext.simulator.embeddings import Embeddings
from mai_usage_ext.simulator.errors import ApiError
from mai_usage_ext.simulator.generation import show_generation
from mai_usage_ext.simulator.inference import Endpoint, serve
from mai_usage_ext.simulator.messages import Messages, count_message_tokens
from mai_usage_ext.simulator.responses import Responses
from mai_usage_ext.simulator.service import Service, error_answer, json_answer

INFERENCE_KEY: Final = "sk-or-v1-" + "1" * 64
MANAGEMENT_KEY: Final = "sk-or-v1-" + "2" * 64

_BASE: Final = "/api/v1"
_LARGEST_BODY: Final = 64 * 1024 * 1024

_Handler = Callable[[Service, web.Request], Awaitable[web.StreamResponse]]


class Simulator:
    """A local OpenRouter with its own exact bill.

    `async with Simulator() as simulator:` serves at `simulator.url`. `clock` returns aware UTC
    datetimes; `switches` are those of `switches.py` and hold for every call.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        inference_key: str = INFERENCE_KEY,
        management_key: str = MANAGEMENT_KEY,
        clock: Clock | None = None,
        switches: Mapping[str, Any] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.inference_key = inference_key
        self.management_key = management_key
        self.service = Service(clock=clock, switches=switches)
        self._runner: web.AppRunner | None = None
        self._add_key(inference_key, "default", management=False)
        self._add_key(management_key, "management", management=True)

    @property
    def bill(self) -> Bill:
        """The account of every call, in this process."""
        return self.service.bill

    @property
    def origin(self) -> str:
        """`http://host:port`; the control routes live at `/__control` below it."""
        return f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return self.origin + _BASE

    def switch(self, **wanted: Any) -> None:
        """What `POST /__control/switches` does, for tests in the same process."""
        self.service.panel.merge(wanted)

    async def start(self) -> None:
        """Listen. With port 0 the system chooses one, which `port` then tells.

        Raises `OSError` where the address is taken.
        """
        # A handler must hear at once that its client has gone: that is what ends a generation.
        runner = web.AppRunner(
            self._app(), handler_cancellation=True, access_log=None, shutdown_timeout=0.5
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self.port, reuse_address=True)
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; calls under way are cut and billed as cancelled."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self.service.broadcaster.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _add_key(self, secret: str, name: str, *, management: bool) -> None:
        created = self.service.clock()
        self.service.keys.add(
            ApiKey(secret=secret, name=name, created_at=created, management=management)
        )

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_errors_as_json])
        for method, path, handler in _routes():
            app.router.add_route(method, path, _bound(handler, self.service))
        return app


class SimulatorThread:
    """A simulator on a thread and loop of its own, for code that is not async.

    `with SimulatorThread() as simulator:` gives the running `Simulator`.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, **options: Any) -> None:
        self.simulator = Simulator(host, port, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="openrouter-simulator", daemon=True
        )

    def start(self) -> Simulator:
        """Start the thread and wait until the port is open."""
        self._thread.start()
        try:
            self._run(self.simulator.start())
        except OSError:
            self._end()
            raise
        return self.simulator

    def stop(self) -> None:
        """Stop the server and the thread, and wait for both."""
        self._run(self.simulator.stop())
        self._end()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _routes() -> list[tuple[str, str, _Handler]]:
    """Every route, the whole surface at a glance."""
    return [
        ("POST", f"{_BASE}/chat/completions", _served_by(ChatCompletions())),
        ("POST", f"{_BASE}/responses", _served_by(Responses())),
        ("POST", f"{_BASE}/embeddings", _served_by(Embeddings())),
        ("POST", f"{_BASE}/messages", _served_by(Messages())),
        ("POST", f"{_BASE}/messages/count_tokens", count_message_tokens),
        ("GET", f"{_BASE}/models", _listed(listing)),
        ("GET", f"{_BASE}/embeddings/models", _listed(embedding_listing)),
        ("GET", f"{_BASE}/generation", show_generation),
        ("GET", f"{_BASE}/keys", management.list_keys),
        ("POST", f"{_BASE}/keys", management.create_key),
        ("GET", f"{_BASE}/keys/{{hash}}", management.show_key),
        ("PATCH", f"{_BASE}/keys/{{hash}}", management.change_key),
        ("DELETE", f"{_BASE}/keys/{{hash}}", management.delete_key),
        ("GET", f"{_BASE}/key", management.show_own_key),
        ("GET", f"{_BASE}/credits", management.show_credits),
        ("GET", f"{_BASE}/activity", reports.show_activity),
        ("GET", f"{_BASE}/analytics/meta", reports.show_analytics_meta),
        ("POST", f"{_BASE}/analytics/query", reports.query_analytics),
        ("GET", "/__control/bill", control.show_bill),
        ("DELETE", "/__control/bill", control.reset_bill),
        ("GET", "/__control/switches", control.show_switches),
        ("POST", "/__control/switches", control.merge_switches),
        ("DELETE", "/__control/switches", control.reset_switches),
        ("GET", "/__control/clock", control.show_clock),
        ("POST", "/__control/clock", control.set_clock),
        ("DELETE", "/__control/clock", control.reset_clock),
    ]


def _served_by(endpoint: Endpoint) -> _Handler:
    async def handler(service: Service, request: web.Request) -> web.StreamResponse:
        return await serve(service, request, endpoint)

    return handler


def _listed(entries: Callable[[], list[dict[str, Any]]]) -> _Handler:
    """A list of models. It needs no key, as the real one does not."""

    async def handler(_service: Service, _request: web.Request) -> web.StreamResponse:
        data = entries()
        return json_answer({"data": data, "total_count": len(data), "links": {"next": None}})

    return handler


def _bound(
    handler: _Handler, service: Service
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def bound(request: web.Request) -> web.StreamResponse:
        return await handler(service, request)

    return bound


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return error_answer(error)
    except web.HTTPException as error:
        return error_answer(ApiError(error.status, error.reason))

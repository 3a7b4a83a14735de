"""A receiver of webhooks on 127.0.0.1 that does whatever a test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from mai_usage_ext.channels.addresses import AddressRules
from mai_usage_ext.channels.webhooks import WebhookSender

__all__ = ["Receiver", "local_sender", "open_receiver", "raw_receiver"]

Manner = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _thanks(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="thanks")


@dataclass
class Receiver:
    """``got`` are headers and body of each request, in the order they came."""

    url: str = ""
    got: list[tuple[dict[str, str], str]] = field(default_factory=list)
    manner: Manner = _thanks
    most_at_once: int = 0
    at_work: int = 0
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((headers, await request.text()))
        async with self.came:
            self.came.notify_all()
        self.at_work += 1
        self.most_at_once = max(self.most_at_once, self.at_work)
        try:
            return await self.manner(request)
        finally:
            self.at_work -= 1

    async def until(self, count: int) -> None:
        """So many requests have come."""
        async with self.came:
            await self.came.wait_for(lambda: len(self.got) >= count)

    def says(self, status: int, text: str = "", **headers: str) -> None:
        async def manner(_request: web.Request) -> web.StreamResponse:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.Response(status=status, text=text, headers=named)

        self.manner = manner


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hook"
    yield receiver
    await runner.cleanup()


@asynccontextmanager
async def raw_receiver(
    behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """The URL of a server that does with a connection what ``behave`` does."""
    open_ones: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_ones.add(task)
        try:
            await behave(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"http://{host}:{port}/hook"
    server.close()
    for task in open_ones:
        task.cancel()
    await asyncio.gather(*open_ones, return_exceptions=True)


def local_sender(*, total_s: float = 15.0) -> WebhookSender:
    """One that may send to 127.0.0.1."""
    rules = AddressRules(["127.0.0.1"], allows_http=True)
    return WebhookSender(rules, total_s=total_s)

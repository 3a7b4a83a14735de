"""A bank in this process, which answers what a test says."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio
from aiohttp import web


@dataclass
class BankServer:
    """``answers`` are status, media type and body by path; everything else is 404."""

    url: str = ""
    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_slow: bool = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        status, kind, body = self.answers.get(request.path, (404, "text/plain", b"Brak danych"))
        if not self.is_slow:
            return web.Response(status=status, content_type=kind, body=body)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(body[:10])
        # Until whoever asked has gone.
        while request.transport is not None and not request.transport.is_closing():
            await response.write(b" ")
            await asyncio.sleep(0.02)
        return response


@pytest_asyncio.fixture
async def bank() -> AsyncIterator[BankServer]:
    server = BankServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()

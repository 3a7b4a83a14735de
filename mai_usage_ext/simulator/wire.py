"""Sending the bytes of one inference answer, with every trick that the switches ask for.

A handler says *what* to send; this module decides how the bytes look and when they leave. Whatever
stops an answer half-way (the client went away, or a switch cuts the connection) comes out as
`ConnectionResetError` or as the cancellation of the handler.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Final, Protocol

from aiohttp import web

from mai_usage_ext.simulator.switches import Switches

# Long enough for the kernel to send each write by itself, short enough for big streams.
_BETWEEN_WRITES: Final = 0.001
_GZIP_WINDOW: Final = 31
_COMMENT_EVERY: Final = 5


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


class Wire:
    """The answer to one request. Use `wait`, then `json` or `raw`; or `open`, events, `close`."""

    def __init__(self, request: web.Request, switches: Switches, generation_id: str) -> None:
        self._request = request
        self._switches = switches
        self._generation_id = generation_id
        self._line_end = b"\r\n" if switches.crlf else b"\r" if switches.cr else b"\n"
        self._compressor: _Compressor | None = None
        self._chunks = 0
        self.response = web.StreamResponse()
        # True once the last byte of the answer went out: a client may hang up right then, and that
        # is not a cancellation.
        self.complete = False

    async def wait(self) -> None:
        """The time that passes before an answer in one piece is ready."""
        await asyncio.sleep(self._switches.first_delay)

    async def json(self, text: str, *, status: int = 200, retry_after: int | None = None) -> None:
        """Send a whole JSON body."""
        if retry_after is not None:
            self.response.headers["Retry-After"] = str(retry_after)
        await self._whole(text.encode(), "application/json", status)

    async def raw(self, text: str, content_type: str) -> None:
        """Send a body exactly as given, whatever it is."""
        await self._whole(text.encode(), content_type, 200)

    async def open(self) -> None:
        """Send the headers of a stream, and the comments that keep a connection alive."""
        if self._switches.cut_after == -1:
            self.cut()
        self._head("text/event-stream", 200)
        self.response.headers["Cache-Control"] = "no-cache"
        if self._switches.gzip or self._switches.gzip_lie:
            self._compressor = zlib.compressobj(wbits=_GZIP_WINDOW)
        await self.response.prepare(self._request)
        if self._switches.processing_comments:
            await self._comment()
        await asyncio.sleep(self._switches.first_delay)

    async def chunk(self, data: str, *, event: str | None = None) -> None:
        """Send an event that carries content; delays, comments and the cut count these."""
        if self._chunks == self._switches.cut_after:
            self.cut()
        # A sleep of zero still lets the loop notice that the client has gone.
        await asyncio.sleep(self._switches.chunk_delay)
        await self.event(data, event=event)
        self._chunks += 1
        if self._switches.processing_comments and self._chunks % _COMMENT_EVERY == 0:
            await self._comment()

    async def event(self, data: str, *, event: str | None = None) -> None:
        """Send any other event."""
        lines = [] if event is None else [f"event: {event}".encode()]
        lines.append(f"data: {data}".encode())
        await self._lines(lines)

    async def close(self) -> None:
        """End the stream in order."""
        if self._compressor is not None:
            await self.response.write(self._compressor.flush())
        self.complete = True
        await self.response.write_eof()

    def cut(self) -> None:
        """Break the connection without a goodbye, and stop the handler."""
        transport = self._request.transport
        if transport is not None:
            transport.abort()
        raise ConnectionResetError("cut by a switch")

    async def _whole(self, body: bytes, content_type: str, status: int) -> None:
        if self._switches.cut_after == -1:
            self.cut()
        if self._switches.gzip or self._switches.gzip_lie:
            body = gzip.compress(body, mtime=0)
        self._head(content_type, status)
        self.response.content_length = len(body)
        await self.response.prepare(self._request)
        if self._switches.cut_after is not None:
            await self.response.write(body[: len(body) // 2])
            self.cut()
        if body:
            await self.response.write(body)
        self.complete = True
        await self.response.write_eof()

    def _head(self, content_type: str, status: int) -> None:
        self.response.set_status(status)
        self.response.headers["Content-Type"] = content_type
        if self._switches.gzip:
            self.response.headers["Content-Encoding"] = "gzip"
        if not (self._switches.no_id_header or self._switches.no_id_anywhere):
            self.response.headers["X-Generation-Id"] = self._generation_id

    async def _comment(self) -> None:
        await self._lines([b": OPENROUTER PROCESSING"])

    async def _lines(self, lines: list[bytes]) -> None:
        if self._switches.split_lines:
            for line in (*lines, b""):
                await self._in_parts(line + self._line_end)
        else:
            await self._write(self._line_end.join((*lines, b"", b"")))

    async def _in_parts(self, line: bytes) -> None:
        third = max(1, len(line) // 3)
        for part in (line[:third], line[third : 2 * third], line[2 * third :]):
            if part:
                await asyncio.sleep(_BETWEEN_WRITES)
                await self._write(part)

    async def _write(self, data: bytes) -> None:
        if self._compressor is not None:
            data = self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        await self.response.write(data)

"""A refusal that looks to its caller like an answer from upstream.

aiohttp's own ``ClientResponse`` cannot be built by hand on 3.14, so this has the part of it that is
read: status, headers, json, text, read, content, raise_for_status, and use as a context manager.
"""

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from mai_usage_ext.errors import Refused

__all__ = ["RefusedResponse", "body_of", "headers_of"]


def body_of(refused: Refused) -> bytes:
    """An error in OpenRouter's shape. Its message shows in the host's chat."""
    return json.dumps({"error": {"code": refused.code, "message": str(refused)}}).encode()


def headers_of(body: bytes) -> dict[str, str]:
    return {"Content-Type": "application/json", "Content-Length": str(len(body))}


class RefusedResponse:
    """An OpenRouter-shaped error body, already complete. ``text`` shows in the host's chat."""

    def __init__(self, refused: Refused, *, method: str, url: object) -> None:
        self._body = body_of(refused)
        self._message = str(refused)
        self.status = refused.code
        self.reason = HTTPStatus(refused.code).phrase
        self.method = method
        self.url = self.real_url = URL(str(url))
        self.headers = CIMultiDictProxy(CIMultiDict(headers_of(self._body)))
        self.content_type = "application/json"
        self.charset = "utf-8"
        self.ok = False
        self.closed = False
        self.history: tuple[Any, ...] = ()
        self.cookies: dict[str, str] = {}
        self.request_info = SimpleNamespace(
            url=self.url, method=method, headers=self.headers, real_url=self.url
        )
        self.content = _stream_of(self._body)

    async def read(self) -> bytes:
        return self._body

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        return self._body.decode(encoding or "utf-8", errors)

    async def json(
        self,
        *,
        encoding: str | None = None,
        loads: Callable[[str], Any] = json.loads,
        content_type: str | None = "application/json",
    ) -> Any:
        return loads(await self.text(encoding))

    def get_encoding(self) -> str:
        return self.charset

    def raise_for_status(self) -> None:
        """Raises with our sentence, which is what hosts show, not with a bare status."""
        raise aiohttp.ClientResponseError(
            self.request_info,  # type: ignore[arg-type]
            (),
            status=self.status,
            message=self._message,
            headers=self.headers,
        )

    def close(self) -> None:
        self.closed = True

    def release(self) -> None:
        self.closed = True

    async def wait_for_close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> "RefusedResponse":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.closed = True


def _stream_of(body: bytes) -> aiohttp.StreamReader:
    loop = asyncio.get_running_loop()
    reader = aiohttp.StreamReader(BaseProtocol(loop), limit=2**16, loop=loop)
    reader.feed_data(body)
    reader.feed_eof()
    return reader

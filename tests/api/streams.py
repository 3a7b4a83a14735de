"""Driving a streaming route as a server does, message by message: a test client reads answers whole
and never goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self

from mai_usage_ext.api.usage import PREFIX

__all__ = ["EVENTS", "Stream"]

EVENTS = f"{PREFIX}/usage/my-organization/events"
_WAIT_S = 20.0


class Stream:
    """One request of one client. As a context it goes away in the end."""

    def __init__(
        self,
        app: Any,
        user: str | None,
        *,
        headers: Mapping[str, str] | None = None,
        send_error: OSError | None = None,
    ) -> None:
        named = {**({"x-user": user} if user else {}), **(headers or {})}
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": EVENTS,
            "raw_path": EVENTS.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), text.encode()) for name, text in named.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        self._send_error = send_error
        self._is_asked = False
        self._has_gone = asyncio.Event()
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        self._task = asyncio.create_task(app(self._scope, self._receive, self._send))
        self._text = ""
        self.status = 0
        self.headers: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        start = await self._message()
        self.status = start["status"]
        self.headers = {name.decode(): text.decode() for name, text in start["headers"]}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.go_away()

    async def go_away(self) -> None:
        """Close the connection and wait until the app has noticed."""
        self._has_gone.set()
        await asyncio.wait_for(self._task, _WAIT_S)

    async def block(self) -> str:
        """What comes before the next empty line."""
        while "\n\n" not in self._text:
            message = await self._message()
            assert message["more_body"], f"the stream ended after {self._text!r}"
            self._text += message["body"].decode()
        block, _, self._text = self._text.partition("\n\n")
        return block

    async def event(self) -> dict[str, str]:
        """The fields of the next event."""
        while (block := await self.block()).startswith((":", "retry:")):
            pass
        return dict(line.split(": ", 1) for line in block.splitlines())

    async def data(self) -> Any:
        return json.loads((await self.event())["data"])

    async def body(self) -> Any:
        """The JSON of an answer that is no stream."""
        return json.loads((await self._message())["body"])

    async def end(self) -> str:
        """What is left until the app ends the stream by itself."""
        while (message := await self._message()).get("more_body"):
            self._text += message["body"].decode()
        await asyncio.wait_for(self._task, _WAIT_S)
        return self._text

    @property
    def is_silent(self) -> bool:
        """Nothing has been sent that was not read."""
        return self._sent.empty() and not self._text

    async def _message(self) -> Any:
        return await asyncio.wait_for(self._sent.get(), _WAIT_S)

    async def _receive(self) -> dict[str, Any]:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._has_gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self._send_error is not None and message["type"] == "http.response.body":
            raise self._send_error
        self._sent.put_nowait(message)

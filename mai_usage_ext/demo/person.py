"""Somebody who calls the host's API as scripts do: streamed or plain, on any of its routes."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import aiohttp

__all__ = ["CHAT", "EMBEDDINGS", "OPENAI_CHAT", "Answer", "Person", "generation_id_of"]

# The route that the host's own screen uses, and the one that passes a call straight on.
CHAT = "/api/chat/completions"
OPENAI_CHAT = "/openai/chat/completions"
EMBEDDINGS = "/api/embeddings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the host answered: HTTP status, media type and the untouched bytes."""

    status: int
    media_type: str
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Person:
    """``token`` is a session token or an API key. Closing ``session`` is the caller's work."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, *, token: str | None, model: str
    ) -> None:
        self.session = session
        self.url = url
        self.model = model
        self.token = token

    async def chat(
        self,
        text: str,
        *,
        stream: bool = False,
        path: str = CHAT,
    ) -> Answer:
        """Ask, and read the whole answer."""
        return await self.post(path, self._question(text, stream=stream))

    async def embed(self, *texts: str, model: str, path: str = EMBEDDINGS) -> Answer:
        return await self.post(path, {"model": model, "input": list(texts)})

    async def stream(self, text: str, *, path: str = CHAT) -> AsyncGenerator[bytes, None]:
        """The answer in the pieces the network made; closing it closes the connection."""
        body = self._question(text, stream=True)
        async with self.session.post(
            self.url + path, json=body, headers=self._headers()
        ) as response:
            async for piece in response.content.iter_any():
                yield piece

    async def walk_away(self, text: str, *, path: str = CHAT) -> bytes:
        """Ask for a stream and hang up after its first piece that holds text of the answer."""
        seen = bytearray()
        async with aclosing(self.stream(text, path=path)) as pieces:
            async for piece in pieces:
                seen += piece
                if b'"content"' in seen:
                    break
        return bytes(seen)

    async def get(self, path: str) -> Answer:
        return await self.request("GET", path)

    async def post(self, path: str, body: object | None = None) -> Answer:
        return await self.request("POST", path, body)

    async def request(self, method: str, path: str, body: object | None = None) -> Answer:
        """Any call of the host's API; ``body`` goes as JSON, ``None`` sends none."""
        async with self.session.request(
            method, self.url + path, json=body, headers=self._headers()
        ) as response:
            return await _read(response)

    def _question(self, text: str, *, stream: bool) -> dict[str, object]:
        messages = [{"role": "user", "content": text}]
        return {"model": self.model, "messages": messages, "stream": stream}

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def generation_id_of(body: bytes) -> str | None:
    """The generation's id in an answer of either kind, ``None`` where it carries none."""
    for line in body.splitlines():
        text = line.removeprefix(b"data:").strip()
        if not text.startswith(b"{"):
            continue
        try:
            found = json.loads(text).get("id")
        except ValueError:
            continue
        if isinstance(found, str):
            return found
    return None


async def _read(response: aiohttp.ClientResponse) -> Answer:
    body = await response.read()
    return Answer(status=response.status, media_type=response.content_type, body=body)

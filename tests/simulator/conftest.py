"""A running simulator and a client that parses money exactly."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from mai_usage_ext.simulator import Simulator, SimulatorThread


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)

    @property
    def data(self) -> list[str]:
        """The data of every event of a stream, in order."""
        lines = self.body.decode().splitlines()
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    @property
    def events(self) -> list[Any]:
        return [json.loads(text, parse_float=Decimal) for text in self.data if text != "[DONE]"]


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to one simulator with one key."""

    session: aiohttp.ClientSession
    simulator: Simulator

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str
    ) -> Answer:
        url = path if path.startswith("http") else self.simulator.url + path
        secret = self.simulator.inference_key if key is None else key
        sent = {"Authorization": f"Bearer {secret}", **headers}
        async with self.session.request(method, url, json=body, headers=sent) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def manage(self, method: str, path: str, body: Any = None) -> Answer:
        return await self.call(method, path, body, key=self.simulator.management_key)

    async def control(self, method: str, path: str, body: Any = None) -> Answer:
        return await self.call(method, f"{self.simulator.origin}/__control{path}", body)

    async def chat(self, text: str = "How do I plant tomatoes?", **extra: Any) -> Answer:
        key = extra.pop("key", None)
        body = {"model": "openai/gpt-4o-mini", "messages": messages(text), **extra}
        return await self.call("POST", "/chat/completions", body, key=key)

    async def stream(self, text: str = "How do I plant tomatoes?", **extra: Any) -> Answer:
        return await self.chat(text, stream=True, **extra)


def messages(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    # The tests look at the bytes as they came, so nothing may be unpacked on the way.
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield Client(session, simulator)


@pytest.fixture
def threaded() -> Iterator[Simulator]:
    """A simulator for clients that block."""
    with SimulatorThread() as running:
        yield running

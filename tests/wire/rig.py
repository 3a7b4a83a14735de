"""A meter on the wire without a host: real simulator, real database, real aiohttp."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from mai_usage_ext.bootstrap import Meter
from mai_usage_ext.host.caller import Caller, current_caller
from mai_usage_ext.simulator import Simulator

__all__ = ["MODEL", "Rig"]

MODEL = "openai/gpt-4o-mini"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """One running meter. ``rows`` and ``holds`` read the database as an operator would."""

    simulator: Simulator
    meter: Meter
    session: aiohttp.ClientSession
    query: Callable[[str], list[tuple[Any, ...]]]

    def call(
        self,
        path: str = "/chat/completions",
        *,
        user: str | None = "alice",
        purpose: str | None = "chat",
        text: str = "hello",
        stream: bool = False,
        switches: dict[str, Any] | None = None,
        session: aiohttp.ClientSession | None = None,
        key: str | None = None,
        **options: Any,
    ) -> Any:
        """Post as the host does: a JSON string in ``data=``. Returns aiohttp's context manager."""
        current_caller.set(Caller(user_id=user, purpose=purpose) if user else None)
        body: dict[str, Any] = {"model": MODEL, "stream": stream}
        if path == "/messages":
            body["max_tokens"] = 100
        if path == "/embeddings":
            body = {"model": "openai/text-embedding-3-small", "input": [text, text]}
        elif path == "/responses":
            body["input"] = text
        else:
            body["messages"] = [{"role": "user", "content": text}]
        headers = {"Authorization": f"Bearer {key or self.simulator.inference_key}"}
        headers["Content-Type"] = "application/json"
        if switches:
            headers["X-Simulate"] = json.dumps(switches)
        return (session or self.session).post(
            self.simulator.url + path, data=json.dumps(body), headers=headers, **options
        )

    async def read(self, *args: Any, **kwargs: Any) -> bytes:
        """The whole answer of one call, whatever its status."""
        async with self.call(*args, **kwargs) as response:
            body: bytes = await response.read()
            return body

    def entries(self) -> list[dict[str, Any]]:
        names = (
            "generation_id", "organization_id", "user_id", "model", "provider", "purpose",
            "prompt_tokens", "completion_tokens", "raw_pusd", "billed_pusd", "outcome", "source",
        )  # fmt: skip
        rows = self.query(f"SELECT {', '.join(names)} FROM usage_ledger ORDER BY booked_at_ms")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def holds(self) -> dict[str, int]:
        return dict(self.query("SELECT state, COUNT(*) FROM usage_holds GROUP BY state"))  # type: ignore[arg-type]

    def ledger_pusd(self) -> int:
        return int(self.query("SELECT COALESCE(SUM(raw_pusd), 0) FROM usage_ledger")[0][0])

    def bill_pusd(self) -> int:
        """What the simulator says all calls together cost, BYOK's upstream part included."""
        return int(self.simulator.bill.totals()["spend_pusd"])

    async def until(self, holds: Callable[[dict[str, int]], bool], *, seconds: float = 15) -> None:
        """Wait until the holds look as told. Raises with how they look instead."""
        deadline = time.monotonic() + seconds
        while not holds(await asyncio.to_thread(self.holds)):
            assert time.monotonic() < deadline, f"holds are {self.holds()}"
            await asyncio.sleep(0.05)

    async def eventually(self, question: str, *, seconds: float = 15) -> None:
        """Wait until a query of one truth value says so."""
        deadline = time.monotonic() + seconds
        while not (await asyncio.to_thread(self.query, question))[0][0]:
            assert time.monotonic() < deadline, f"it never became true: {question}"
            await asyncio.sleep(0.02)

    async def all_settled(self) -> None:
        await self.until(lambda holds: not set(holds) - {"settled", "void"})

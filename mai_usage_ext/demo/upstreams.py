"""Where the demo's calls go: the simulator, or with a key the real OpenRouter.

Both tell what they charged, by generation id and in picodollars, from their own books.
"""

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

import aiohttp

from mai_usage_ext.metering.money import parse_json, pusd_from_usd
from mai_usage_ext.simulator import SimulatorThread

__all__ = ["RealOpenRouter", "Simulated", "Upstream", "UpstreamSilent"]

_NOT_YET_S = 60.0


class UpstreamSilent(Exception):
    """The upstream does not tell what it charged; the text says what it said instead."""


class Upstream(Protocol):
    """Somewhere to send calls to, and to ask for the bill."""

    base_url: str
    key: str
    # The account's management key, where the demo may make keys with it.
    management_key: str | None
    simulated: bool

    async def charged(self, generation_ids: Iterable[str]) -> Mapping[str, int]:
        """Every charged generation and its cost. Raises ``UpstreamSilent``.

        The simulator knows all of them; the real service is asked for the ids that are given.
        """
        ...

    async def open_calls(self) -> int:
        """Calls it is still working on."""
        ...

    def close(self) -> None: ...


class Simulated:
    """The simulator, in a thread of this process. ``switches`` are those of the simulator."""

    simulated = True

    def __init__(self, *, switches: Mapping[str, object] | None = None) -> None:
        self._thread = SimulatorThread(switches=switches or {})
        simulator = self._thread.start()
        self.base_url = simulator.url
        self.key = simulator.inference_key
        self.management_key: str | None = simulator.management_key
        self._bill_url = simulator.origin + "/__control/bill"

    async def charged(self, generation_ids: Iterable[str]) -> Mapping[str, int]:
        bill = await self._bill()
        return {str(row["generation_id"]): int(row["spend_pusd"]) for row in bill["records"]}

    async def open_calls(self) -> int:
        return int((await self._bill())["counts"]["open"])

    def close(self) -> None:
        self._thread.stop()

    async def _bill(self) -> Any:
        async with aiohttp.ClientSession() as session, session.get(self._bill_url) as answer:
            return parse_json(await answer.read())


class RealOpenRouter:
    """The real service. Its bill is what ``GET /generation`` says of each call."""

    simulated = False
    # Keys that are made on somebody's real account would outlive the demo.
    management_key: str | None = None

    def __init__(self, *, base_url: str, key: str) -> None:
        self.base_url = base_url
        self.key = key

    async def charged(self, generation_ids: Iterable[str]) -> Mapping[str, int]:
        async with aiohttp.ClientSession(trust_env=True) as session:
            return {
                generation: await self._cost(session, generation)
                for generation in sorted(set(generation_ids))
            }

    async def open_calls(self) -> int:
        return 0

    def close(self) -> None:
        return None

    async def _cost(self, session: aiohttp.ClientSession, generation: str) -> int:
        """Raw cost of one generation; asked again while it is not known yet."""
        headers = {"Authorization": f"Bearer {self.key}"}
        url = self.base_url + "/generation"
        deadline = asyncio.get_running_loop().time() + _NOT_YET_S
        while True:
            async with session.get(url, params={"id": generation}, headers=headers) as answer:
                text = await answer.text()
                if answer.status == 200:
                    return _cost_of(parse_json(text)["data"])
            if answer.status != 404 or asyncio.get_running_loop().time() > deadline:
                raise UpstreamSilent(
                    f"{url}?id={generation} answered {answer.status}: {text[:200]}"
                )
            await asyncio.sleep(2)


def _cost_of(data: Mapping[str, object]) -> int:
    cost = Decimal(str(data["total_cost"]))
    if data.get("is_byok"):
        cost += Decimal(str(data.get("upstream_inference_cost") or 0))
    return pusd_from_usd(cost, field="total_cost")

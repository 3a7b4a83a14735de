"""The calls: streamed, plain and stopped chats, embeddings and titles, by many clients at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable

import aiohttp

from mai_usage_ext.demo.person import CHAT, OPENAI_CHAT, Person
from mai_usage_ext.simulator import Simulator
from tests.host.theatre import EMBEDDINGS
from tests.soak.cast import Member
from tests.soak.faults import marker
from tests.soak.fleet import Fleet
from tests.soak.plan import Plan

__all__ = ["Load"]

_TITLES = "/api/v1/tasks/title/completions"
_KINDS = {"stream": 42, "plain": 20, "stopped": 14, "twice": 2, "embeddings": 12, "title": 10}
_REFUSED = (402, 403)
_PATIENCE = aiohttp.ClientTimeout(total=60)


class Load:
    """``asked`` counts what was asked of hosts, ``refused`` what a limit or the meter refused, and
    ``broken`` what ended without an answer."""

    def __init__(self, plan: Plan, fleet: Fleet, members: list[Member], simulator: Simulator):
        self._plan = plan
        self._fleet = fleet
        self._members = members
        self._simulator = simulator
        self._deadline = float("inf")
        self.asked = 0
        self.refused = 0
        self.broken = 0
        self.statuses: Counter[int] = Counter()

    @property
    def calls(self) -> int:
        """How many calls the upstream has begun."""
        return len(self._simulator.bill.records)

    @property
    def is_over(self) -> bool:
        return self.calls >= self._plan.calls or time.monotonic() > self._deadline

    async def run(self) -> None:
        if self._plan.minutes is not None:
            self._deadline = time.monotonic() + 60 * self._plan.minutes
        seeds = (f"{self._plan.seed}:{number}" for number in range(self._plan.clients))
        await asyncio.gather(*(self._client(random.Random(seed)) for seed in seeds))

    async def _client(self, chance: random.Random) -> None:
        # A connection of its own for each call, so that the system hands it to any worker.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session:
            while not self.is_over:
                if not self._fleet.ready:
                    await asyncio.sleep(0.2)
                    continue
                try:
                    await self._call(session, chance)
                except (aiohttp.ClientError, TimeoutError, OSError):
                    self.broken += 1

    async def _call(self, session: aiohttp.ClientSession, chance: random.Random) -> None:
        member = chance.choice(self._members)
        url = chance.choice(self._fleet.ready).url
        token, model = member.who.account.token, chance.choice(member.models)
        person = Person(session, url, token=token, model=model)
        text = f"Number {self.asked} {marker(chance, is_limited=member.is_limited)}"
        [kind] = chance.choices(list(_KINDS), list(_KINDS.values()))
        self.asked += 1
        await self._ask(person, kind, text, lambda: chance.choice((CHAT, OPENAI_CHAT)))

    async def _ask(self, person: Person, kind: str, text: str, path: Callable[[], str]) -> None:
        if kind == "stopped":
            await person.walk_away(text, path=path())
            return
        if kind == "twice":
            # Somebody's finger slipped: two calls that say the same.
            answers = await asyncio.gather(*(person.chat(text, stream=True) for _ in range(2)))
        elif kind == "embeddings":
            answers = [await person.embed(text, model=EMBEDDINGS)]
        elif kind == "title":
            messages = [{"role": "user", "content": text}]
            answers = [await person.post(_TITLES, {"model": person.model, "messages": messages})]
        else:
            answers = [await person.chat(text, stream=kind == "stream", path=path())]
        for answer in answers:
            self.statuses[answer.status] += 1
            self.refused += answer.status in _REFUSED or b"does not spend unchecked" in answer.body

"""A simulated OpenRouter that tells of its calls over HTTP, and the route that hears of them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from mai_usage_ext.api.broadcast import HEADER, broadcast_router
from mai_usage_ext.api.usage import PREFIX
from mai_usage_ext.ports import Hold
from mai_usage_ext.ports.broadcast import BroadcastFinding, BroadcastRecord
from mai_usage_ext.services.broadcast import Broadcast
from mai_usage_ext.simulator.bill import Record
from mai_usage_ext.simulator.charge import picodollars
from mai_usage_ext.storage.broadcast import BroadcastRows
from mai_usage_ext.storage.models import UsageLedger
from mai_usage_ext.storage.sessions import session
from tests.services.reconciliation_rig import Rig, at
from tests.storage.samples import make_entry

SECRET = "a secret of OpenRouter's".replace(" ", "-")
MINUTE_MS = 60_000


@dataclass
class BroadcastRig:
    """``rig`` has calls, keys and holds; it is the evening of the day of its calls."""

    rig: Rig
    url: str
    broadcast: Broadcast

    def bill(self, key_hash: str, at_ms: int, **more: Any) -> Record:
        """OpenRouter charges for a call, and tells of it."""
        told = {"broadcast_url": self.url, "broadcast_headers": {HEADER: SECRET}}
        return self.rig.bill(key_hash, at_ms, **{**told, **more})

    async def heard(self, *, expect: int = 200) -> list[Any]:
        """What the route answered to everything that was sent."""
        broadcaster = self.rig.simulator.service.broadcaster
        await broadcaster.sent()
        answers = list(broadcaster.answers)
        broadcaster.answers.clear()
        assert {answer.status for answer in answers} == {expect}
        return [answer.body for answer in answers]

    async def judged(self, *, is_sent: bool = False) -> int:
        """Calls that are done with, once everything was heard and a minute has passed."""
        if not is_sent:
            await self.heard()
        self.rig.clock.at_ms += MINUTE_MS
        return await self.broadcast.run_once()

    def resend(self, record: Record) -> None:
        """OpenRouter tells of a call once more, or at last."""
        told = replace(record.switches, broadcast_url=self.url, broadcast_headers={HEADER: SECRET})
        self.rig.simulator.service.broadcaster.finished(replace(record, switches=told))

    def settle(self, hold: Hold, record: Record) -> None:
        """The call's own answer comes to its end."""
        entry = make_entry(
            hold,
            record.generation_id,
            raw_pusd=picodollars(record.spend),
            prompt_tokens=record.tokens.prompt,
            completion_tokens=record.tokens.completion,
        )
        assert self.rig.ledger.settle(hold, entry).result(10)

    def found(self, finding: BroadcastFinding | None = None) -> list[BroadcastRecord]:
        records, total = self.broadcast.page(finding, offset=0, limit=100)
        assert len(records) == total
        return list(records)

    def entries(self) -> list[UsageLedger]:
        query = UsageLedger.select().order_by(UsageLedger.generation_id, UsageLedger.sequence)
        with session(self.rig.db):
            return list(query.bind(self.rig.db))


@asynccontextmanager
async def listening(rig: Rig) -> AsyncIterator[BroadcastRig]:
    rig.clock.at_ms = at(20)
    broadcast = Broadcast(
        BroadcastRows(rig.db),
        rig.ledger,
        organizations=rig.organizations,
        comparisons=rig.reconciliation,
        keep_days=35,
        clock=rig.clock,
    )
    services: Any = SimpleNamespace(broadcast=broadcast)
    app = FastAPI()
    app.include_router(broadcast_router(lambda: services, secret=SecretStr(SECRET), prefix=PREFIX))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        # Who connects before it serves waits in the listener's queue.
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield BroadcastRig(rig, f"http://127.0.0.1:{port}{PREFIX}/broadcast", broadcast)
        finally:
            server.should_exit = True
            await serving

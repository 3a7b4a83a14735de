"""What pipes, tools and retrieval send with clients of their own."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

from mai_usage_ext.host.caller import Caller, current_caller
from mai_usage_ext.ports import SYSTEM
from tests.wire.rig import MODEL, Rig

__all__ = ["Deaf", "chat_of", "headers_of", "in_thread", "no_ids", "spend_nothing"]

T = TypeVar("T")


def chat_of(*, stream: bool = False, text: str = "hello", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": MODEL, "stream": stream, "messages": messages, **fields}


def headers_of(rig: Rig, switches: dict[str, Any] | None = None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {rig.simulator.inference_key}"}
    return {**headers, "X-Simulate": json.dumps(switches)} if switches else headers


async def in_thread(work: Callable[[], T], *, user: str | None = "alice") -> T:
    """Run a pipe as the host does: in a thread that has the context of the request."""
    current_caller.set(Caller(user_id=user, purpose="chat") if user else None)
    return await asyncio.to_thread(work)


async def spend_nothing(rig: Rig) -> None:
    """From now on the default organization's limit refuses every call."""
    services = rig.meter.services
    assert services is not None
    changes = {"name": "Acme GmbH", "monthly_limit": "0"}
    await asyncio.to_thread(services.organizations.change, "default", changes, actor=SYSTEM)
    services.directory.forget()


def no_ids(body: bytes) -> list[Any]:
    """The JSON objects of an answer without what differs from one call to the next."""
    lines = body.decode().replace("data: ", "").splitlines()
    return [
        {name: value for name, value in json.loads(line).items() if name not in ("id", "created")}
        for line in lines
        if line.startswith("{")
    ]


class Deaf:
    """Stands for a gate and its recording; keeps the one answer that was recorded."""

    commit_wait_s = 1.0

    def __init__(self) -> None:
        self.answers: list[Any] = []

    @property
    def recording(self) -> "Deaf":
        return self

    def ended(self, hold: object, answer: Any, **_: object) -> None:
        self.answers.append(answer)

    def identified(self, *_: object) -> None: ...

    def later(self, *_: object) -> None: ...

    def soon(self, call: Callable[[], object]) -> None:
        call()

    def wait_in_thread(self, commit: object) -> None: ...

"""Adding a function to a host, as its admin does."""

from __future__ import annotations

from pathlib import Path

from mai_usage_ext.demo.person import Person
from tests.host.theatre import CHEAP, Theatre

__all__ = ["PIPES", "add_pipe"]

PIPES = ("httpx_pipe", "requests_pipe", "openai_pipe")


async def add_pipe(theatre: Theatre, admin: Person, name: str) -> None:
    """Add one of the pipes, turn it on, and tell it where to call; then it is a model."""
    known = await _ask(admin, "GET", "/api/v1/functions/")
    if name in {function["id"] for function in known}:
        return
    content = (Path(__file__).parent / "pipes" / f"{name}.py").read_text()
    form = {"id": name, "name": name, "content": content, "meta": {"description": name}}
    await _ask(admin, "POST", "/api/v1/functions/create", form)
    await _ask(admin, "POST", f"/api/v1/functions/id/{name}/toggle")
    simulator = theatre.simulator
    valves = {"base_url": simulator.url, "key": simulator.inference_key, "model": CHEAP}
    await _ask(admin, "POST", f"/api/v1/functions/id/{name}/valves/update", valves)
    # The host learns of its models when it lists them.
    await _ask(admin, "GET", "/api/models")


async def _ask(admin: Person, method: str, path: str, body: object | None = None) -> object:
    answer = await admin.request(method, path, body)
    assert answer.status == 200, answer
    return answer.json()

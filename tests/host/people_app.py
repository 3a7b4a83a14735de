"""The untouched host's app with a window in it: tests ask our view of its users through HTTP."""

import asyncio
from dataclasses import asdict, is_dataclass
from typing import Any

from open_webui.main import app
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.host.user_events import UserEvents
from mai_usage_ext.host.users import HostPeople

deleted: list[str] = []
events = UserEvents(deleted.append)


async def ask_people(request: Request) -> JSONResponse:
    """Call a method of ``HostPeople`` as the services do: from a worker thread."""
    asked = await request.json()
    method = getattr(HostPeople(asyncio.get_running_loop()), asked["method"])
    try:
        return JSONResponse(plain(await asyncio.to_thread(method, *asked["args"])))
    except StorageUnavailable as error:
        return JSONResponse({"unavailable": str(error)}, status_code=503)


async def ask_events(request: Request) -> JSONResponse:
    """Attach or detach, wait for what was heard, and say who was deleted."""
    asked = await request.json()
    answer = getattr(events, asked["method"])()
    if asyncio.iscoroutine(answer):
        answer = await answer
    return JSONResponse({"answer": answer, "deleted": deleted})


def plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


# In front of the host's single-page app, which takes every path that is left.
app.router.routes[0:0] = [
    Route("/_people", ask_people, methods=["POST"]),
    Route("/_events", ask_events, methods=["POST"]),
]

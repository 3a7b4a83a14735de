"""The live stream of one's own organization, as Server-Sent Events.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.problems import Rejected
from mai_usage_ext.api.schemas.usage import TodayUsageOut
from mai_usage_ext.services.live import MOST_PER_USER, Listener, Update

__all__ = ["EventStream", "add_event_routes"]

MEDIA_TYPE = "text/event-stream"
# How long a browser waits before it comes back to a stream that ended, in milliseconds.
_RETRY_MS = 2_000
_HEADERS = {
    "Cache-Control": "no-cache",
    # nginx would collect the events of minutes into one block.
    "X-Accel-Buffering": "no",
}
# As OpenAPI 3.2 describes an event.
_EVENT = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"const": "usage"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


class EventStream(StreamingResponse):
    """Writes what a listener is told until the listener or the client ends it.

    A client that goes is noticed at once, also while there is nothing to write.
    """

    media_type = MEDIA_TYPE

    def __init__(self, listener: Listener) -> None:
        self._texts = _texts(listener)
        super().__init__(self._texts, headers=_HEADERS)
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_gone(receive))
        gone.add_done_callback(lambda _: self._listener.end())
        try:
            await self.stream_response(send)
        except OSError:
            # Some servers say so when they write to a client that has gone; nobody is left to tell.
            return
        finally:
            self._listener.close()
            gone.cancel()
            await asyncio.wait([gone])
            await self._texts.aclose()


def add_event_routes(router: APIRouter, door: Door) -> None:
    @router.get(
        "/usage/my-organization/events",
        # FastAPI describes a response class as one text; a stream is described by its items.
        response_class=Response,
        responses={
            200: {
                "description": "One `usage` event for the present state and for each change of it",
                "content": {MEDIA_TYPE: {"itemSchema": _EVENT}},
            },
            **problems(404, 406),
        },
    )
    async def my_organization_events(
        request: Request,
        user: Any = door.signed_in,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> EventStream:
        """Today's usage whenever it changes, as Server-Sent Events.

        The data of an event is what `usage/my-organization/today` answers. `Last-Event-ID` leaves
        out the first event when nothing has changed since. The stream ends from time to time;
        clients come back to it.
        """
        _check_accept(request.headers.get("accept") or "*/*")
        services, user_id = door.services(), str(user.id)
        # Says who belongs nowhere, as the other pages do; later it is looked at in every round.
        await asyncio.to_thread(services.directory.organization_of, user_id)
        listener = services.live_usage.listen(user_id, last_id=last_event_id)
        if listener is None:
            raise Rejected(
                429, "Too many streams", f"more than {MOST_PER_USER} open streams of one user"
            )
        return EventStream(listener)


def _check_accept(accept: str) -> None:
    ranges = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not ranges & {MEDIA_TYPE, "text/*", "*/*"}:
        raise Rejected(406, "Not acceptable", f"this is {MEDIA_TYPE}, not {accept[:80]!r}")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _texts(listener: Listener) -> AsyncGenerator[str, None]:
    # At once, so that the client knows that it is connected.
    yield f"retry: {_RETRY_MS}\n\n"
    async with aclosing(listener.updates()) as updates:
        async for update in updates:
            yield ": still here\n\n" if update is None else _event(update)


def _event(update: Update) -> str:
    body = TodayUsageOut.at(update.organization_id, update.usage, update.as_of_ms)
    return f"id: {update.id}\nevent: usage\ndata: {body.model_dump_json()}\n\n"

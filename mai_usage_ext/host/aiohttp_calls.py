"""The host's own calls: one wrapper around ``aiohttp.ClientSession._request``.

It sees the real URL, key and bytes of every server-side call, whichever part of the host made it.
Calls to other hosts pass after one look at their URL.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from yarl import URL

from mai_usage_ext.errors import Refused
from mai_usage_ext.guard import traffic_is_ours
from mai_usage_ext.host.body import MeteredBody
from mai_usage_ext.host.held_call import HeldCall
from mai_usage_ext.host.patches import Patches
from mai_usage_ext.host.refusal import RefusedResponse
from mai_usage_ext.host.wire import Wire
from mai_usage_ext.metering.routes import Shape, shape_of

__all__ = ["AiohttpCalls"]

Send = Callable[..., Awaitable[Any]]

# The one foreign method we replace. Its type says thirty options that we only hand through.
_SESSION: Any = aiohttp.ClientSession


class AiohttpCalls:
    """``install`` and ``remove`` may be repeated."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._patches = Patches()

    def install(self) -> None:
        if not self._patches:
            self._patches.replace(_SESSION, "_request", self._around)

    def remove(self) -> None:
        self._patches.undo()

    def _around(self, original: Send) -> Send:
        metered = self._metered

        async def _request(session: Any, method: str, url: Any, **kwargs: Any) -> Any:
            path = self._metered_path(session, url)
            if path is None or traffic_is_ours():
                return await original(session, method, url, **kwargs)
            shape = shape_of(method, path)
            if shape is None:
                return await original(session, method, url, **kwargs)
            return await metered(original, session, method, url, kwargs, shape)

        return _request

    def _metered_path(self, session: Any, url: Any) -> str | None:
        text = url if isinstance(url, str) else str(url)
        if not self._wire.has(text):
            if getattr(session, "_base_url", None) is None:
                return None
            text = str(session._build_url(url))
        return self._wire.path_of(text)

    async def _metered(
        self,
        send: Send,
        session: Any,
        method: str,
        url: Any,
        kwargs: dict[str, Any],
        shape: Shape,
    ) -> Any:
        base = getattr(session, "_base_url", None)
        full = URL(str(url)) if base is None else session._build_url(url)
        try:
            admitted = await self._wire.admit(shape, kwargs, url=full)
        except Refused as refused:
            return RefusedResponse(refused, method=method, url=url)
        if admitted is None:
            return await send(session, method, url, **kwargs)
        call, changed = admitted
        return await _send_held(call, send, session, method, url, changed)


async def _send_held(
    call: HeldCall, send: Send, session: Any, method: str, url: Any, kwargs: dict[str, Any]
) -> Any:
    """Dispatch one held call, and put a watch on its answer."""
    try:
        with call.sending():
            response = await send(session, method, url, **kwargs)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        # The connection was never made.
        call.not_sent(type(error).__name__)
        raise
    except aiohttp.ClientResponseError as error:
        # The session raises for error statuses by itself, and the answer's body is gone with it.
        call.status_only(error.status, error.headers)
        raise
    except BaseException as error:
        call.died(error)
        raise
    watch = call.answered(response.status, response.headers)
    if watch is not None:
        wait_s = call.gate.commit_wait_s
        response.content = MeteredBody(response.content, watch, commit_wait_s=wait_s)
    return response

"""The meter on the wire: one wrapper around ``aiohttp.ClientSession._request``.

It sees the real URL, key and bytes of every server-side call, whichever part of the host made it.
Calls to other hosts pass after one look at their URL.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import aiohttp

from mai_usage_ext.errors import NoOrganization, Refused, StorageError
from mai_usage_ext.guard import shielded, swallow, tally, traffic_is_ours
from mai_usage_ext.host.body import MeteredBody
from mai_usage_ext.host.caller import current_caller
from mai_usage_ext.host.refusal import RefusedResponse
from mai_usage_ext.host.request import bearer_of, read_request
from mai_usage_ext.host.watch import Watch
from mai_usage_ext.metering.answers import identifier
from mai_usage_ext.metering.routes import Shape, shape_of
from mai_usage_ext.ports import Hold
from mai_usage_ext.services.admission import Admission
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.directory import Directory, Placement
from mai_usage_ext.services.recording import Recording

__all__ = ["Gate", "Outbound"]

Send = Callable[..., Awaitable[Any]]

# The one foreign method we replace. Its type says thirty options that we only hand through.
_SESSION: Any = aiohttp.ClientSession


class Gate:
    """What the wire asks: may this call go, and what became of it."""

    def __init__(
        self,
        directory: Directory,
        admission: Admission,
        recording: Recording,
        call_keys: CallKeys,
        *,
        commit_wait_s: float,
        refuses_unknown: bool,
    ) -> None:
        self.recording = recording
        self.call_keys = call_keys
        self.commit_wait_s = commit_wait_s
        self._directory = directory
        self._admission = admission
        self._refuses_unknown = refuses_unknown

    async def hold(self, shape: Shape, kwargs: dict[str, Any]) -> Hold | None:
        """A committed hold for one call, or one on its way where the organization allows that.

        ``None`` when nobody can be told whose call it is and the operator lets such calls pass.
        Raises ``Refused``.
        """
        caller = current_caller.get()
        placement = await self._placement(caller.user_id if caller else None)
        if placement is None:
            return None
        if caller is None:
            tally.add("calls without a caller")
        if shape is Shape.UNKNOWN:
            tally.warn("calls of unknown kind", "an unknown POST goes upstream; it is metered")
        purpose = (caller.purpose if caller else None) or _default_purpose(shape)
        key = bearer_of(kwargs.get("headers"))
        admitted = self._admission.admit(placement, read_request(kwargs), purpose=purpose)
        if key is not None:
            self.call_keys.remember(admitted.hold.id, key)
        try:
            if admitted.committed is not None and not await self._in_time(admitted.committed):
                self._admission.unchecked(placement)
        except BaseException as error:
            # Refused, or the reader went away while waiting: nothing was sent.
            self.recording.not_billed(admitted.hold, reason=f"not sent: {type(error).__name__}")
            raise
        return admitted.hold

    async def _placement(self, user_id: str | None) -> Placement | None:
        known = self._directory.cached(user_id)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(self.commit_wait_s * 4):
                return await asyncio.to_thread(self._directory.place, user_id)
        except (StorageError, NoOrganization, TimeoutError) as error:
            known = self._directory.stale(user_id)
            if known is not None:
                return known
            tally.warn("callers not looked up", f"a caller cannot be looked up: {error}")
            if self._refuses_unknown:
                raise Refused(
                    "Usage cannot be checked at the moment. Please try again in a minute.", code=503
                ) from None
            return None

    async def _in_time(self, committed: "Future[None]") -> bool:
        if not committed.done():
            await asyncio.wait({asyncio.wrap_future(committed)}, timeout=self.commit_wait_s)
        return committed.done() and committed.exception() is None


class Outbound:
    """Installed once in a process. ``gate`` is set while the meter runs."""

    def __init__(self, base_urls: tuple[str, ...], *, on_start_failure: str) -> None:
        self.gate: Gate | None = None
        self.failure: str | None = None
        self._prefixes = tuple(url + "/" for url in base_urls)
        self._on_start_failure = on_start_failure
        self._original: Send | None = None

    def install(self) -> None:
        """Replace ``ClientSession._request``; the original is kept and put back by ``remove``."""
        if self._original is not None:
            return
        original = _SESSION._request
        metered = self._metered

        @functools.wraps(original)
        async def _request(session: Any, method: str, url: Any, **kwargs: Any) -> Any:
            path = self._metered_path(session, url)
            if path is None or traffic_is_ours():
                return await original(session, method, url, **kwargs)
            shape = shape_of(method, path)
            if shape is None:
                return await original(session, method, url, **kwargs)
            return await metered(original, session, method, url, kwargs, shape)

        self._original = original
        _SESSION._request = _request

    def remove(self) -> None:
        if self._original is not None:
            _SESSION._request = self._original
            self._original = None

    def _metered_path(self, session: Any, url: Any) -> str | None:
        """What follows a metered base URL, or ``None`` for everybody else's calls."""
        text = url if isinstance(url, str) else str(url)
        if not text.startswith(self._prefixes):
            base = getattr(session, "_base_url", None)
            if base is None:
                return None
            text = str(session._build_url(url))
            if not text.startswith(self._prefixes):
                return None
        for prefix in self._prefixes:
            if text.startswith(prefix):
                return text[len(prefix) - 1 :].partition("?")[0]
        return None

    async def _metered(
        self,
        send: Send,
        session: Any,
        method: str,
        url: Any,
        kwargs: dict[str, Any],
        shape: Shape,
    ) -> Any:
        try:
            gate, hold = self.gate, None
            if gate is None:
                self._not_running()
            else:
                hold = await self._hold(gate, shape, kwargs)
        except Refused as refused:
            tally.add("calls refused")
            return RefusedResponse(refused, method=method, url=url)
        if gate is None or hold is None:
            tally.warn("calls unmetered", "a call went upstream unmetered")
            return await send(session, method, url, **kwargs)
        return await _send_held(gate, hold, send, session, method, url, kwargs)

    async def _hold(self, gate: Gate, shape: Shape, kwargs: dict[str, Any]) -> Hold | None:
        """The hold, or ``None`` when ours is the fault: a chat never pays for that."""
        try:
            return await gate.hold(shape, kwargs)
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001 - the guest contract, as in shielded()
            swallow("admitting a call", error)
            return None

    def _not_running(self) -> None:
        if self._on_start_failure == "block":
            reason = self.failure or "the meter is not running"
            raise Refused(f"Usage metering is not available: {reason}", code=503)


async def _send_held(
    gate: Gate, hold: Hold, send: Send, session: Any, method: str, url: Any, kwargs: dict[str, Any]
) -> Any:
    """Dispatch one held call, and put a watch on its answer."""
    started_at = time.monotonic()
    try:
        response = await send(session, method, url, **kwargs)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        # The connection was never made, so the provider cannot have billed anything.
        gate.recording.not_billed(hold, reason=type(error).__name__)
        raise
    except aiohttp.ClientResponseError as error:
        # The session raises for error statuses by itself, and the answer's body is gone with it.
        _status_only(gate, hold, error, started_at)
        raise
    except BaseException as error:
        with shielded("recording a call that died"):
            gate.recording.lost(hold, reason=type(error).__name__)
        raise
    with shielded("watching an answer"):
        watch = Watch(
            hold,
            gate.recording,
            status=response.status,
            header_id=identifier(response.headers.get("X-Generation-Id")),
            is_stream="text/event-stream" in response.headers.get("Content-Type", ""),
            started_at=started_at,
        )
        response.content = MeteredBody(response.content, watch, commit_wait_s=gate.commit_wait_s)
    return response


def _status_only(
    gate: Gate, hold: Hold, error: aiohttp.ClientResponseError, started_at: float
) -> None:
    with shielded("recording an error status"):
        header_id = identifier(error.headers.get("X-Generation-Id") if error.headers else None)
        watch = Watch(
            hold,
            gate.recording,
            status=error.status,
            header_id=header_id,
            is_stream=False,
            started_at=started_at,
        )
        watch.finish(interrupted=True)


def _default_purpose(shape: Shape) -> str:
    return "api" if shape is Shape.CHAT else str(shape)

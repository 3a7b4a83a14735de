"""The meter on the wire: one wrapper around ``aiohttp.ClientSession._request``.

It sees the real URL, key and bytes of every server-side call, whichever part of the host made it.
Calls to other hosts pass after one look at their URL.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import aiohttp
from yarl import URL

from mai_usage_ext.errors import NoOrganization, Refused, StorageError
from mai_usage_ext.guard import shielded, swallow, tally, traffic_is_ours
from mai_usage_ext.host.body import MeteredBody
from mai_usage_ext.host.caller import current_caller
from mai_usage_ext.host.refusal import RefusedResponse
from mai_usage_ext.host.request import MAX_TOKENS_OF, OutgoingBody, bearer_of, with_bearer
from mai_usage_ext.host.watch import Watch
from mai_usage_ext.metering.answers import identifier
from mai_usage_ext.metering.routes import Shape, shape_of
from mai_usage_ext.ports import Hold, Verdict
from mai_usage_ext.services.admission import Admission, Dispatch
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.directory import Directory, Placement
from mai_usage_ext.services.recording import Recording

__all__ = ["Gate", "Outbound"]

Send = Callable[..., Awaitable[Any]]

_LOOKERS = 4
# Whoever would be refused without an answer is served better by waiting for it: so many times as
# long as a chat that may go on without.
_PATIENCE = 8

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
        commit_wait_s: Callable[[], float],
        refuses_unknown: bool,
    ) -> None:
        self.recording = recording
        self.call_keys = call_keys
        self._commit_wait_s = commit_wait_s
        self._directory = directory
        self._admission = admission
        self._refuses_unknown = refuses_unknown
        # Threads of our own: while a database is locked they wait, and the host's must not. Reading
        # goes on then, so it does not queue up behind what waits to write.
        self._placing = ThreadPoolExecutor(_LOOKERS, thread_name_prefix="mai-usage-place")
        self._reading = ThreadPoolExecutor(_LOOKERS, thread_name_prefix="mai-usage-read")

    def close(self) -> None:
        """Let the threads go; what they are at ends by itself."""
        self._placing.shutdown(wait=False, cancel_futures=True)
        self._reading.shutdown(wait=False, cancel_futures=True)

    @property
    def commit_wait_s(self) -> float:
        """Seconds that a chat waits for a commit before it goes on without."""
        return self._commit_wait_s()

    async def admit(
        self, shape: Shape, kwargs: dict[str, Any], *, may_swap: bool
    ) -> tuple[Hold, dict[str, Any]] | None:
        """A committed hold for one call, or one on its way where the organization allows that; and
        the request as it is to be sent.

        ``may_swap`` says that the call goes where organizations' keys belong. ``None`` when nobody
        can be told whose call it is and the operator lets such calls pass. Raises ``Refused``.
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
        try:
            return await self._admit(placement, shape, kwargs, purpose, may_swap=may_swap)
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001 - the guest contract, as in shielded()
            swallow("admitting a call", error)
            self._admission.unmetered(placement)
            return None

    async def _admit(
        self,
        placement: Placement,
        shape: Shape,
        kwargs: dict[str, Any],
        purpose: str,
        *,
        may_swap: bool,
    ) -> tuple[Hold, dict[str, Any]]:
        body = OutgoingBody(kwargs)
        application = self._admission.apply(
            placement,
            body.read(shape),
            purpose=purpose,
            may_cut=body.is_object and shape in MAX_TOKENS_OF,
        )
        verdict = None
        try:
            verdict = await self._in_time(application.decided, placement)
            if verdict is None and application.decided is not None:
                self._admission.let_go(application)
            dispatch = self._admission.decide(application, verdict)
            changed = _changed(kwargs, body, dispatch, shape, may_swap=may_swap)
        except BaseException as error:
            # Refused, or the reader went away while waiting: nothing was sent.
            if verdict is None or verdict.granted_pusd is not None:
                reason = f"not sent: {type(error).__name__}"
                self.recording.not_billed(application.hold, reason=reason)
            raise
        key = bearer_of(changed.get("headers"))
        if key is not None:
            self.call_keys.remember(dispatch.hold.id, key)
        return dispatch.hold, changed

    async def _placement(self, user_id: str | None) -> Placement | None:
        known = self._directory.cached(user_id)
        if known is not None:
            return known
        try:
            return await self._looked_up(self._placing, self._directory.place, user_id)
        except (StorageError, NoOrganization, TimeoutError):
            known = self._directory.stale(user_id)
            if known is not None:
                return known
        try:
            # A newcomer's place has to be written; reading may do where that does not.
            return await self._looked_up(self._reading, self._directory.for_now, user_id)
        except (StorageError, NoOrganization, TimeoutError) as error:
            tally.warn("callers not looked up", f"a caller cannot be looked up: {error}")
            if self._refuses_unknown:
                raise Refused(
                    "Usage cannot be checked at the moment. Please try again in a minute.", code=503
                ) from None
            return None

    async def _looked_up(
        self,
        threads: ThreadPoolExecutor,
        look_up: Callable[[str | None], Placement],
        user_id: str | None,
    ) -> Placement:
        async with asyncio.timeout(self.commit_wait_s * 4):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(threads, look_up, user_id)

    async def _in_time(
        self, decided: "Future[Verdict] | None", placement: Placement
    ) -> Verdict | None:
        """The verdict, or ``None`` when it does not come in time."""
        if decided is None:
            return None
        if not decided.done():
            patience = _PATIENCE if placement.blocks_on_meter_failure else 1
            waiter = asyncio.wrap_future(decided)
            await asyncio.wait({waiter}, timeout=self.commit_wait_s * patience)
        return decided.result() if decided.done() and decided.exception() is None else None


class Outbound:
    """Installed once in a process. ``gate`` is set while the meter runs."""

    def __init__(self, base_urls: tuple[str, ...], *, on_start_failure: str) -> None:
        self.gate: Gate | None = None
        self.failure: str | None = None
        self._prefixes = tuple(url + "/" for url in base_urls)
        # The organizations' keys are made by the first one; another server must never see them.
        self._key_origin = URL(base_urls[0]).origin()
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
            gate, admitted = self.gate, None
            if gate is None:
                self._not_running()
            else:
                admitted = await self._admit(gate, shape, kwargs, self._may_swap(session, url))
        except Refused as refused:
            tally.add("calls refused")
            return RefusedResponse(refused, method=method, url=url)
        if gate is None or admitted is None:
            tally.warn("calls unmetered", "a call went upstream unmetered")
            return await send(session, method, url, **kwargs)
        hold, changed = admitted
        return await _send_held(gate, hold, send, session, method, url, changed)

    def _may_swap(self, session: Any, url: Any) -> bool:
        base = getattr(session, "_base_url", None)
        full = URL(str(url)) if base is None else session._build_url(url)
        return bool(full.origin() == self._key_origin)

    async def _admit(
        self, gate: Gate, shape: Shape, kwargs: dict[str, Any], may_swap: bool
    ) -> tuple[Hold, dict[str, Any]] | None:
        """The hold and the request, or ``None`` when ours is the fault: a chat never pays for
        that."""
        try:
            return await gate.admit(shape, kwargs, may_swap=may_swap)
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


def _changed(
    kwargs: dict[str, Any],
    body: OutgoingBody,
    dispatch: Dispatch,
    shape: Shape,
    *,
    may_swap: bool,
) -> dict[str, Any]:
    """The request with the organization's key, the user's name and a bound on the answer."""
    fields: dict[str, Any] = {}
    if dispatch.user is not None:
        fields["user"] = dispatch.user
    if dispatch.max_tokens is not None and shape in MAX_TOKENS_OF:
        fields[MAX_TOKENS_OF[shape]] = dispatch.max_tokens
    changed = body.with_fields(kwargs, fields)
    if dispatch.bearer is not None and may_swap:
        changed = with_bearer(changed, dispatch.bearer)
    return changed


def _default_purpose(shape: Shape) -> str:
    return "api" if shape is Shape.CHAT else str(shape)

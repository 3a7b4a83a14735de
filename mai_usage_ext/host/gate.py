"""What the wire asks before a call: whose it is, whether it may go, and as what it is to be sent.

The rules are written once, as a generator of the futures that somebody has to wait for. Coroutines
wait for them without holding up their event loop, threads by standing still.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import Any, TypeVar

from yarl import URL

from mai_usage_ext.errors import NoOrganization, Refused, StorageError
from mai_usage_ext.guard import shielded, swallow, tally
from mai_usage_ext.host.caller import current_caller
from mai_usage_ext.host.request import MAX_TOKENS_OF, OutgoingBody, bearer_of, with_bearer
from mai_usage_ext.metering.estimate import Request
from mai_usage_ext.metering.routes import Shape
from mai_usage_ext.ports import Hold, Verdict
from mai_usage_ext.ports.tracing import (
    CallEnd,
    CallOutcome,
    CallStart,
    CallTrace,
    NoTracing,
    Tracing,
)
from mai_usage_ext.services.admission import Admission, Dispatch
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.directory import Directory, Placement
from mai_usage_ext.services.recording import Recording

__all__ = ["Admitted", "Gate"]

Admitted = tuple[Hold, dict[str, Any]]

_LOOKERS = 4
# Whoever would be refused without an answer is served better by waiting for it: so many times as
# long as a chat that may go on without.
_PATIENCE = 8


@dataclass(frozen=True, slots=True)
class _Wait:
    """Go on when the future is done, and after so many seconds in any case."""

    future: "Future[Any]"
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """One call as it is asked for, and what was read of it."""

    placement: Placement
    shape: Shape
    kwargs: dict[str, Any]
    body: OutgoingBody
    request: Request
    purpose: str
    may_swap: bool


_T = TypeVar("_T")
_Steps = Generator[_Wait, None, _T]


class Gate:
    """Asked for every metered call. Made inside the event loop that the process lives in."""

    def __init__(
        self,
        directory: Directory,
        admission: Admission,
        recording: Recording,
        call_keys: CallKeys,
        *,
        commit_wait_s: Callable[[], float],
        refuses_unknown: bool,
        tracing: Tracing | None = None,
        waited: Callable[[float], None] | None = None,
    ) -> None:
        self.recording = recording
        self.call_keys = call_keys
        self._commit_wait_s = commit_wait_s
        self._directory = directory
        self._admission = admission
        self._refuses_unknown = refuses_unknown
        self._tracing = tracing or NoTracing()
        # Told how many seconds a call waited for its hold.
        self._waited = waited
        self._loop = asyncio.get_running_loop()
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
    ) -> Admitted | None:
        """A committed hold for one call, or one on its way where the organization allows that; and
        the request as it is to be sent: its body in ``data=`` or ``json=``, its ``headers=``.

        ``may_swap`` says that the call goes where organizations' keys belong. ``None`` when nobody
        can be told whose call it is and the operator lets such calls pass. Raises ``Refused``.
        """
        return await _in_a_loop(self._admission_of(shape, kwargs, may_swap=may_swap))

    def admit_in_thread(
        self, shape: Shape, kwargs: dict[str, Any], *, may_swap: bool
    ) -> Admitted | None:
        """As ``admit``, for who may stand still; on an event loop's own thread it holds that up,
        for a bounded time."""
        return _in_a_thread(self._admission_of(shape, kwargs, may_swap=may_swap))

    def traced(self, hold: Hold, shape: Shape, url: URL) -> CallTrace:
        """The trace of a call that is about to be sent."""
        return self._tracing.call(
            CallStart(
                shape=shape,
                model=hold.model,
                organization_id=hold.organization_id,
                purpose=hold.purpose,
                hold_id=hold.id,
                server=url.host,
                port=url.port,
            )
        )

    def later(self, seconds: float, call: Callable[..., object], *args: Any) -> None:
        """Run something on the process's event loop, asked for from any thread."""
        self.soon(functools.partial(self._loop.call_later, seconds, call, *args))

    def soon(self, call: Callable[[], object]) -> None:
        """Run something on the process's event loop. Takes no lock, so a finalizer may ask."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def wait_in_thread(self, commit: "Future[Any] | None") -> None:
        """Stand still until a commit is there, for a bounded time."""
        if commit is None or commit.done():
            return
        with shielded("waiting for a settlement"):
            _, late = wait_for([commit], timeout=self.commit_wait_s)
            if late:
                tally.add("settlements not waited for")

    def _admission_of(
        self, shape: Shape, kwargs: dict[str, Any], *, may_swap: bool
    ) -> _Steps[Admitted | None]:
        caller = current_caller.get()
        placement = yield from self._placement(caller.user_id if caller else None)
        if placement is None:
            return None
        if caller is None:
            tally.add("calls without a caller")
        if shape is Shape.UNKNOWN:
            tally.warn("calls of unknown kind", "an unknown POST goes upstream; it is metered")
        purpose = (caller.purpose if caller else None) or _default_purpose(shape)
        try:
            body = OutgoingBody(kwargs)
            wish = _Wish(
                placement=placement,
                shape=shape,
                kwargs=kwargs,
                body=body,
                request=body.read(shape),
                purpose=purpose,
                may_swap=may_swap,
            )
            return (yield from self._held(wish))
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001 - the guest contract, as in shielded()
            swallow("admitting a call", error)
            self._admission.unmetered(placement)
            return None

    def _held(self, wish: _Wish) -> _Steps[Admitted]:
        try:
            return (yield from self._decided(wish))
        except Refused as refused:
            trace = self._tracing.call(
                CallStart(
                    shape=wish.shape,
                    model=wish.request.model or "",
                    organization_id=wish.placement.organization.id,
                    purpose=wish.purpose,
                )
            )
            trace.ended(CallEnd(outcome=CallOutcome.REFUSED, error=str(refused.code)))
            raise

    def _decided(self, wish: _Wish) -> _Steps[Admitted]:
        application = self._admission.apply(
            wish.placement,
            wish.request,
            purpose=wish.purpose,
            may_cut=wish.body.is_object and wish.shape in MAX_TOKENS_OF,
            bearer=bearer_of(wish.kwargs.get("headers")),
            may_swap=wish.may_swap,
        )
        verdict = None
        try:
            verdict = yield from self._in_time(application.decided, wish.placement)
            if verdict is None and application.decided is not None:
                self._admission.let_go(application)
            dispatch = self._admission.decide(application, verdict)
            changed = _changed(wish, dispatch)
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

    def _placement(self, user_id: str | None) -> _Steps[Placement | None]:
        known = self._directory.cached(user_id)
        if known is not None:
            return known
        try:
            return (yield from self._looked_up(self._placing, self._directory.place, user_id))
        except (StorageError, NoOrganization, TimeoutError):
            known = self._directory.stale(user_id)
            if known is not None:
                return known
        try:
            # A newcomer's place has to be written; reading may do where that does not.
            return (yield from self._looked_up(self._reading, self._directory.for_now, user_id))
        except (StorageError, NoOrganization, TimeoutError) as error:
            tally.warn("callers not looked up", f"a caller cannot be looked up: {error}")
            if self._refuses_unknown:
                raise Refused(
                    "Usage cannot be checked at the moment. Please try again in a minute.", code=503
                ) from None
            return None

    def _looked_up(
        self,
        threads: ThreadPoolExecutor,
        look_up: Callable[[str | None], Placement],
        user_id: str | None,
    ) -> _Steps[Placement]:
        asked = threads.submit(look_up, user_id)
        try:
            yield _Wait(asked, self.commit_wait_s * 4)
            if not asked.done():
                raise TimeoutError("the database did not answer in time")
        except BaseException:
            asked.cancel()
            raise
        return asked.result()

    def _in_time(
        self, decided: "Future[Verdict] | None", placement: Placement
    ) -> _Steps[Verdict | None]:
        """The verdict, or ``None`` when it does not come in time."""
        if decided is None:
            return None
        began = time.perf_counter()
        if not decided.done():
            patience = _PATIENCE if placement.blocks_on_meter_failure else 1
            yield _Wait(decided, self.commit_wait_s * patience)
        if self._waited is not None:
            self._waited(time.perf_counter() - began)
        return decided.result() if decided.done() and decided.exception() is None else None


async def _in_a_loop(steps: _Steps[_T]) -> _T:
    go_on: Callable[[], _Wait] = steps.__next__
    while True:
        try:
            step = go_on()
        except StopIteration as end:
            result: _T = end.value
            return result
        try:
            if not step.future.done():
                waiter = asyncio.wrap_future(step.future)
                waiter.add_done_callback(_looked_at)
                await asyncio.wait({waiter}, timeout=step.seconds)
            go_on = steps.__next__
        except BaseException as error:  # noqa: BLE001 - a cancellation is for the rules to hear of
            go_on = functools.partial(steps.throw, error)


def _in_a_thread(steps: _Steps[_T]) -> _T:
    go_on: Callable[[], _Wait] = steps.__next__
    while True:
        try:
            step = go_on()
        except StopIteration as end:
            result: _T = end.value
            return result
        try:
            wait_for([step.future], timeout=step.seconds)
            go_on = steps.__next__
        except BaseException as error:  # noqa: BLE001 - an interrupt is for the rules to hear of
            go_on = functools.partial(steps.throw, error)


def _looked_at(waiter: "asyncio.Future[Any]") -> None:
    """The rules look at the future itself; asyncio need not report this one's failure again."""
    if not waiter.cancelled():
        waiter.exception()


def _changed(wish: _Wish, dispatch: Dispatch) -> dict[str, Any]:
    """The request with the organization's key, the user's name and a bound on the answer."""
    fields: dict[str, Any] = {}
    if dispatch.user is not None:
        fields["user"] = dispatch.user
    if dispatch.max_tokens is not None and wish.shape in MAX_TOKENS_OF:
        fields[MAX_TOKENS_OF[wish.shape]] = dispatch.max_tokens
    changed = wish.body.with_fields(wish.kwargs, fields)
    if dispatch.bearer is not None and wish.may_swap:
        changed = with_bearer(changed, dispatch.bearer)
    return changed


def _default_purpose(shape: Shape) -> str:
    return "api" if shape is Shape.CHAT else str(shape)

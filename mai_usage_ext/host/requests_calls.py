"""Calls that pipes and retrieval make through ``requests``, or through ``urllib3`` beneath it.

The seam is a connection pool's ``urlopen``: it sees the headers and body as they leave, gives the
answer that ``requests`` then wraps, and ``urllib3`` calls it anew for each time it tries again.
Neither package is ours to depend on; where they are not installed nothing is done.
"""

import copy
import functools
import importlib
import importlib.util
import io
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from yarl import URL

from mai_usage_ext.errors import Refused
from mai_usage_ext.guard import shielded
from mai_usage_ext.host.decoding import decoder_of
from mai_usage_ext.host.gate import Gate
from mai_usage_ext.host.held_call import HeldCall
from mai_usage_ext.host.patches import Patches
from mai_usage_ext.host.refusal import body_of, headers_of
from mai_usage_ext.host.watch import Watch
from mai_usage_ext.host.wire import Wire

__all__ = ["RequestsCalls", "watch_answer"]

_PORTS = {"http": 80, "https": 443}


class RequestsCalls:
    """``install`` and ``remove`` may be repeated."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._patches = Patches()

    def install(self) -> None:
        """Wrap every connection pool of the process. Imports ``urllib3`` where it is installed."""
        if self._patches:
            return
        with shielded("wrapping urllib3"):
            if importlib.util.find_spec("urllib3") is None:
                return
            package = importlib.import_module("urllib3")
            pools = _Pools(self._wire, package)
            self._patches.replace(package.HTTPConnectionPool, "urlopen", pools.around)

    def remove(self) -> None:
        self._patches.undo()


class _Attempt:
    """One time that a pool sends a call. A pool that tries again says so beforehand."""

    def __init__(self, pools: "_Pools", call: HeldCall) -> None:
        self._pools = pools
        self._call = call
        self.is_over = False

    def came_to(self, response: Any, error: BaseException | None) -> None:
        """The answer that the pool does not take for one, or else what kept it from coming."""
        if self.is_over:
            return
        self.is_over = True
        if error is None and response is not None:
            self._call.status_only(response.status, response.headers)
        else:
            self._pools.failed(self._call, error)


_attempt: ContextVar[_Attempt | None] = ContextVar("mai_usage_attempt", default=None)


class _Noting:
    """Put before the class of a pool's ``Retry``, which is asked before each further attempt."""

    def increment(
        self,
        method: Any = None,
        url: Any = None,
        response: Any = None,
        error: BaseException | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        attempt = _attempt.get()
        if attempt is not None:
            attempt.came_to(response, error)
        return super().increment(method, url, response, error, *args, **kwargs)  # type: ignore[misc]


class _Pools:
    """The meter around ``urlopen``."""

    def __init__(self, wire: Wire, package: Any) -> None:
        self._wire = wire
        self._package = package
        errors = package.exceptions
        self._not_sent = (
            errors.NewConnectionError,
            errors.ConnectTimeoutError,
            errors.ProxyError,
            errors.EmptyPoolError,
            errors.ClosedPoolError,
            errors.LocationValueError,
        )

    def around(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def urlopen(
            pool: Any,
            method: str,
            url: str,
            body: Any = None,
            headers: Any = None,
            retries: Any = None,
            *args: Any,
            **kwargs: Any,
        ) -> Any:
            full = _full_url(pool, url)
            shape = self._wire.shape_of(method, full)
            if shape is None:
                return original(pool, method, url, body, headers, retries, *args, **kwargs)
            given = _kwargs_of(pool.headers if headers is None else headers, body)
            try:
                admitted = self._wire.admit_in_thread(shape, given, url=URL(full))
            except Refused as refused:
                return self._refusal(refused, method, url, kwargs)
            if admitted is None:
                return original(pool, method, url, body, headers, retries, *args, **kwargs)
            call, changed = admitted
            if changed is not given:
                body, headers = changed.get("data", body), _merged(changed["headers"])
            attempt = _Attempt(self, call)
            retries = self._noting(pool, retries, *args, **kwargs)
            token = _attempt.set(attempt)
            try:
                response = original(pool, method, url, body, headers, retries, *args, **kwargs)
            except BaseException as error:
                attempt.came_to(None, error)
                raise
            finally:
                _attempt.reset(token)
            if not attempt.is_over:
                watch_answer(call, response, **kwargs)
            return response

        return urlopen

    def failed(self, call: HeldCall, error: BaseException | None) -> None:
        """The attempt ended without an answer."""
        if isinstance(error, self._not_sent) or _is_a_bad_certificate(error):
            call.not_sent(type(error).__name__)
        else:
            call.died(error or ConnectionError("the pool tried again"))

    def _noting(self, pool: Any, retries: Any, redirect: bool = True, *_: Any, **__: Any) -> Any:
        """The pool's rule for trying again, as it stands, that also tells us of each attempt."""
        kind = self._package.Retry
        if not isinstance(retries, kind):
            retries = kind.from_int(retries, redirect=redirect, default=pool.retries)
        if isinstance(retries, _Noting):
            return retries
        noting = copy.copy(retries)
        _put_before(_Noting, noting)
        return noting

    def _refusal(self, refused: Refused, method: str, url: str, kwargs: Mapping[str, Any]) -> Any:
        body = body_of(refused)
        return self._package.HTTPResponse(
            body=_Refusal(body),
            headers=headers_of(body),
            status=refused.code,
            reason=HTTPStatus(refused.code).phrase,
            preload_content=kwargs.get("preload_content", True),
            decode_content=kwargs.get("decode_content", True),
            request_method=method,
            request_url=url,
        )


def _full_url(pool: Any, url: str) -> str:
    """The whole of a URL of which a pool gets the path only, unless a proxy is to be asked."""
    if not url.startswith("/"):
        return url
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    if pool.port is not None and pool.port != _PORTS.get(pool.scheme):
        host = f"{host}:{pool.port}"
    return f"{pool.scheme}://{host}{url}"


def _kwargs_of(headers: Any, body: Any) -> dict[str, Any]:
    """The request as the gate takes it; a body that is still to be produced has no part in it."""
    pairs = [(_text(name), _text(value)) for name, value in (headers or {}).items()]
    return {"headers": pairs, "data": body} if body is not None else {"headers": pairs}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _merged(pairs: list[tuple[str, str]]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for name, value in pairs:
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return merged


def _is_a_bad_certificate(error: Any) -> bool:
    """A handshake that we ended; other failures of TLS may come after the request."""
    return any(isinstance(each, ssl.CertificateError) for each in (error, *_args_of(error)))


def _args_of(error: Any) -> tuple[Any, ...]:
    return error.args if isinstance(error, BaseException) else ()


def watch_answer(
    call: HeldCall,
    response: Any,
    *,
    preload_content: bool = True,
    decode_content: bool = True,
    **_: Any,
) -> None:
    """Put a watch on the answer of one held call; the options are those ``urlopen`` got."""
    decode = decoder_of(response.headers.get("content-encoding"))
    if not preload_content:
        watch = call.answered(response.status, response.headers, later=call.gate.later)
        if watch is not None:
            response.mai_usage = _Tap(watch, call.gate, decode)
            _put_before(_Reader, response)
        return
    # The pool has read it all already.
    given = None if decode_content else decode
    watch = call.answered(response.status, response.headers, later=call.gate.later, decode=given)
    if watch is not None:
        watch.saw(response.data)
        call.gate.wait_in_thread(watch.finish())


class _Tap:
    """What one answer's reader is to tell of."""

    def __init__(self, watch: Watch, gate: Gate, decode: Callable[[bytes], bytes] | None) -> None:
        self.watch = watch
        self._gate = gate
        self._decode = decode

    @property
    def is_encoded(self) -> bool:
        return self._decode is not None

    def saw(self, data: bytes, *, is_decoded: bool, is_end: bool = False) -> None:
        """These bytes are about to be handed on; the end waits until it is booked."""
        text = data if is_decoded or self._decode is None else self._decode(data)
        if self.watch.saw(text) or is_end:
            self.ended()

    def ended(self) -> None:
        self._gate.wait_in_thread(self.watch.finish())

    def dropped(self) -> None:
        """Runs in whatever thread collects garbage, so the work is handed to the event loop."""
        if not self.watch.is_finished:
            self._gate.soon(functools.partial(self.watch.finish, interrupted=True))


class _Reader:
    """Put before the class of one answer: all its other methods read by means of these."""

    mai_usage: _Tap | None

    def read(
        self, amt: int | None = None, decode_content: bool | None = None, *args: Any, **kwargs: Any
    ) -> bytes:
        data = self._pass("read", amt, decode_content, *args, **kwargs)
        is_end = amt is None or amt < 0 or (amt > 0 and not data)
        self._tell(data, decode_content, is_end=is_end)
        return data

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        data = self._pass("read1", amt, decode_content)
        self._tell(data, decode_content, is_end=not data and amt != 0)
        return data

    def read_chunked(
        self, amt: int | None = None, decode_content: bool | None = None
    ) -> Iterator[bytes]:
        pieces = super().read_chunked(amt, decode_content)  # type: ignore[misc]
        for data in self._pieces(pieces):
            self._tell(data, decode_content)
            yield data
        self._end()

    def stream(
        self, amt: int | None = 2**16, decode_content: bool | None = None
    ) -> Iterator[bytes]:
        yield from super().stream(amt, decode_content)  # type: ignore[misc]
        if amt != 0:
            self._end()

    def close(self) -> None:
        tap = self.mai_usage
        if tap is not None and not tap.watch.is_finished:
            # One whose end is known is closed from below when its last byte has been read.
            is_whole = self.closed and not tap.is_encoded  # type: ignore[attr-defined]
            tap.watch.finish(interrupted=not is_whole)
        super().close()  # type: ignore[misc]

    def __del__(self) -> None:
        tap, self.mai_usage = self.mai_usage, None
        if tap is not None:
            tap.dropped()
        super().__del__()  # type: ignore[misc]

    def _pass(self, name: str, *args: Any, **kwargs: Any) -> bytes:
        try:
            data: bytes = getattr(super(), name)(*args, **kwargs)
        except Exception:
            self._broke()
            raise
        return data

    def _pieces(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except Exception:
            self._broke()
            raise

    def _tell(self, data: bytes, decode_content: bool | None, *, is_end: bool = False) -> None:
        tap = self.mai_usage
        if tap is not None and data is not None:
            decodes = self.decode_content if decode_content is None else decode_content  # type: ignore[attr-defined]
            tap.saw(data, is_decoded=bool(decodes), is_end=is_end)

    def _end(self) -> None:
        if self.mai_usage is not None:
            self.mai_usage.ended()

    def _broke(self) -> None:
        if self.mai_usage is not None:
            self.mai_usage.watch.finish(interrupted=True)


def _put_before(ours: type, thing: Any) -> None:
    """Give an object a class of ours before its own; it stays the object that it was."""
    kind: Any = type(thing)
    thing.__class__ = _combined(ours, kind)


@functools.cache
def _combined(ours: type, kind: type) -> type:
    return type(kind.__name__, (ours, kind), {"__module__": kind.__module__})


class _Refusal(io.BytesIO):
    """A body that closes at its end, as a connection's does: some readers wait for that."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.tell() == len(self.getvalue()):
            self.close()
        return data

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(size)

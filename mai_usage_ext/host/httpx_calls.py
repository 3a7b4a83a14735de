"""Calls that pipes and packages such as ``openai`` make through ``httpx``, and its successor.

The seam is the network transport, beneath redirects, authentication and whatever else a client
does: each request that leaves is one call, and one that another client carries, or a mock, is none.
Neither package is ours to depend on; what is not installed is left alone.
"""

import importlib
import importlib.util
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from yarl import URL

from mai_usage_ext.errors import Refused
from mai_usage_ext.guard import shielded
from mai_usage_ext.host.body import committed
from mai_usage_ext.host.decoding import decoder_of
from mai_usage_ext.host.gate import Gate
from mai_usage_ext.host.held_call import HeldCall
from mai_usage_ext.host.patches import Patches
from mai_usage_ext.host.refusal import body_of, headers_of
from mai_usage_ext.host.watch import Later, Watch
from mai_usage_ext.host.wire import Wire

__all__ = ["HttpxCalls", "MeteredAsyncBytes", "MeteredBytes"]

# The successor has the same shape under a name of its own, and newer versions of openai use it.
_PACKAGES = ("httpx", "httpx2")

# Raised before a request was sent.
_NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol")


class HttpxCalls:
    """``install`` and ``remove`` may be repeated."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._patches = Patches()

    def install(self) -> None:
        """Wrap the transports of every such package there is. Imports them."""
        if self._patches:
            return
        for name in _PACKAGES:
            with shielded(f"wrapping {name}"):
                if importlib.util.find_spec(name) is not None:
                    self._wrap(importlib.import_module(name))

    def remove(self) -> None:
        self._patches.undo()

    def _wrap(self, package: Any) -> None:
        calls = _Package(self._wire, package)
        self._patches.replace(package.HTTPTransport, "handle_request", calls.around)
        self._patches.replace(
            package.AsyncHTTPTransport, "handle_async_request", calls.around_async
        )


class _Package:
    """The meter around the transports of one package."""

    def __init__(self, wire: Wire, package: Any) -> None:
        self._wire = wire
        self._package = package
        self._not_sent = tuple(getattr(package, name) for name in _NOT_SENT)
        # A client insists on streams of its own kind.
        self._body = type("MeteredBytes", (MeteredBytes, package.SyncByteStream), {})
        self._async_body = type(
            "MeteredAsyncBytes", (MeteredAsyncBytes, package.AsyncByteStream), {}
        )

    def around(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def handle_request(transport: Any, request: Any) -> Any:
            shape = self._wire.shape_of(request.method, str(request.url))
            if shape is None:
                return original(transport, request)
            kwargs = _kwargs_of(request)
            try:
                admitted = self._wire.admit_in_thread(shape, kwargs, url=URL(str(request.url)))
            except Refused as refused:
                return self._refusal(refused)
            if admitted is None:
                return original(transport, request)
            call, changed = admitted
            try:
                with call.sending():
                    response = original(transport, self._request(request, kwargs, changed))
            except BaseException as error:
                self._failed(call, error)
                raise
            watch = _watched(call, response, later=call.gate.later)
            if watch is not None:
                response.stream = self._body(response.stream, watch, call.gate)
            return response

        return handle_request

    def around_async(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        async def handle_async_request(transport: Any, request: Any) -> Any:
            shape = self._wire.shape_of(request.method, str(request.url))
            if shape is None:
                return await original(transport, request)
            kwargs = _kwargs_of(request)
            try:
                admitted = await self._wire.admit(shape, kwargs, url=URL(str(request.url)))
            except Refused as refused:
                return self._refusal(refused)
            if admitted is None:
                return await original(transport, request)
            call, changed = admitted
            try:
                with call.sending():
                    outgoing = self._request(request, kwargs, changed)
                    response = await original(transport, outgoing)
            except BaseException as error:
                self._failed(call, error)
                raise
            watch = _watched(call, response)
            if watch is not None:
                response.stream = self._async_body(response.stream, watch, call.gate)
            return response

        return handle_async_request

    def _request(self, request: Any, kwargs: dict[str, Any], changed: dict[str, Any]) -> Any:
        """The request to send. The client keeps its own, so a redirect never carries our key."""
        if changed is kwargs:
            return request
        headers = self._package.Headers(changed["headers"], encoding=request.headers.encoding)
        # A body that is still to be produced is sent by whoever produces it.
        body = {"content": changed["data"]} if "data" in changed else {"stream": request.stream}
        return self._package.Request(
            request.method, request.url, headers=headers, extensions=request.extensions, **body
        )

    def _refusal(self, refused: Refused) -> Any:
        body = body_of(refused)
        return self._package.Response(
            refused.code, headers=headers_of(body), stream=self._package.ByteStream(body)
        )

    def _failed(self, call: HeldCall, error: BaseException) -> None:
        if isinstance(error, self._not_sent):
            call.not_sent(type(error).__name__)
        else:
            call.died(error)


def _kwargs_of(request: Any) -> dict[str, Any]:
    """The request as the gate takes it; a body that is still to be produced has no part in it."""
    encoding = request.headers.encoding
    headers = [
        (name.decode(encoding), value.decode(encoding)) for name, value in request.headers.raw
    ]
    content = getattr(request, "_content", None)
    return {"headers": headers} if content is None else {"headers": headers, "data": content}


def _watched(call: HeldCall, response: Any, *, later: Later | None = None) -> Watch | None:
    headers = response.headers
    decode = decoder_of(headers.get("content-encoding"))
    return call.answered(response.status_code, headers, later=later, decode=decode)


class _Metered:
    """An answer's bytes, passed on as they come; their end is held back until it is booked."""

    def __init__(self, inner: Any, watch: Watch, gate: Gate) -> None:
        self._inner = inner
        self._watch = watch
        self._gate = gate
        # An answer nobody closes is dropped at last; its hold must not stay open for ever.
        dropped = weakref.finalize(self, _dropped, gate, watch)
        dropped.atexit = False


class MeteredBytes(_Metered):
    def __iter__(self) -> Iterator[bytes]:
        try:
            for part in self._inner:
                if self._watch.saw(part):
                    self._gate.wait_in_thread(self._watch.finish())
                yield part
        except Exception:
            self._watch.finish(interrupted=True)
            raise
        self._gate.wait_in_thread(self._watch.finish())

    def close(self) -> None:
        self._watch.finish(interrupted=True)
        self._inner.close()


class MeteredAsyncBytes(_Metered):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._inner:
                if self._watch.saw(part):
                    await committed(self._watch.finish(), self._gate.commit_wait_s)
                yield part
        except Exception:
            # A cancelled read is no end of its own: the client closes the answer after it.
            self._watch.finish(interrupted=True)
            raise
        await committed(self._watch.finish(), self._gate.commit_wait_s)

    async def aclose(self) -> None:
        self._watch.finish(interrupted=True)
        await self._inner.aclose()


def _dropped(gate: Gate, watch: Watch) -> None:
    """Runs in whatever thread collects garbage, so the work is handed to the event loop."""
    if not watch.is_finished:
        gate.soon(lambda: watch.finish(interrupted=True))

"""The meter on the wire: every HTTP client of the process that can reach a metered base URL."""

import logging
from collections.abc import Sequence
from typing import Protocol

from mai_usage_ext.host.aiohttp_calls import AiohttpCalls
from mai_usage_ext.host.gate import Gate
from mai_usage_ext.host.httpx_calls import HttpxCalls
from mai_usage_ext.host.requests_calls import RequestsCalls
from mai_usage_ext.host.wire import Wire

__all__ = ["Outbound"]


log = logging.getLogger("mai_usage_ext")


class _Calls(Protocol):
    def install(self) -> None: ...
    def remove(self) -> None: ...


class Outbound:
    """Installed once in a process. ``gate`` is set while the meter runs; ``failure`` says why not.

    The host itself speaks through aiohttp. ``httpx`` and ``requests`` are for what pipes, tools and
    retrieval bring along: false leaves those clients as they are, and their calls unmetered.
    """

    def __init__(
        self,
        base_urls: tuple[str, ...],
        *,
        on_start_failure: str,
        httpx: bool = True,
        requests: bool = True,
    ) -> None:
        self._wire = Wire(base_urls, on_start_failure=on_start_failure)
        clients: list[_Calls] = [AiohttpCalls(self._wire)]
        if httpx:
            clients.append(HttpxCalls(self._wire))
        if requests:
            clients.append(RequestsCalls(self._wire))
        self._clients: Sequence[_Calls] = clients
        off = {"MAI_USAGE_METER_HTTPX": httpx, "MAI_USAGE_METER_REQUESTS": requests}
        self._switched_off = [name for name, is_on in off.items() if not is_on]

    def install(self) -> None:
        """Wrap the clients; each original is kept and put back by ``remove``. May be repeated."""
        for name in self._switched_off:
            log.warning("calls through some clients go unmetered: %s is false", name)
        for client in self._clients:
            client.install()

    def remove(self) -> None:
        for client in self._clients:
            client.remove()

    @property
    def gate(self) -> Gate | None:
        return self._wire.gate

    @gate.setter
    def gate(self, gate: Gate | None) -> None:
        self._wire.gate = gate

    @property
    def failure(self) -> str | None:
        return self._wire.failure

    @failure.setter
    def failure(self, failure: str | None) -> None:
        self._wire.failure = failure

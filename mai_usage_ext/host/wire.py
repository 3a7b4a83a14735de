"""What every client of the process has in common: which calls are metered, and who lets them in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from yarl import URL

from mai_usage_ext.errors import Refused
from mai_usage_ext.guard import swallow, tally, traffic_is_ours
from mai_usage_ext.host.gate import Admitted, Gate
from mai_usage_ext.host.held_call import HeldCall
from mai_usage_ext.metering.routes import Shape, shape_of

__all__ = ["Wire"]

_PORTS = {"http": 80, "https": 443}


class Wire:
    """``gate`` is set while the meter runs; ``failure`` says why it does not."""

    def __init__(self, base_urls: tuple[str, ...], *, on_start_failure: str) -> None:
        self.gate: Gate | None = None
        self.failure: str | None = None
        # Clients spell a URL as it was given or in its plainest form.
        spelt = dict.fromkeys([*base_urls, *(_plain(url) for url in base_urls)])
        self._prefixes = tuple(url + "/" for url in spelt)
        # The organizations' keys are made by the first one; another server must never see them.
        self._key_origin = URL(base_urls[0]).origin()
        self._on_start_failure = on_start_failure

    def has(self, url: str) -> bool:
        """Whether the URL lies below a metered base URL: the one look that other calls cost."""
        return url.startswith(self._prefixes)

    def path_of(self, url: str) -> str | None:
        """What follows a metered base URL, or ``None`` for everybody else's calls."""
        for prefix in self._prefixes:
            if url.startswith(prefix):
                return url[len(prefix) - 1 :].partition("?")[0]
        return None

    def shape_of(self, method: str, url: str) -> Shape | None:
        """The kind of a call that is to be metered, ``None`` for all others."""
        if not url.startswith(self._prefixes) or traffic_is_ours():
            return None
        path = self.path_of(url)
        return None if path is None else shape_of(method, path)

    async def admit(
        self, shape: Shape, kwargs: dict[str, Any], *, url: URL
    ) -> tuple[HeldCall, dict[str, Any]] | None:
        """The held call and the request as ``Gate.admit`` has them; ``None`` for one that goes
        unmetered: a fault of ours is none of the chat's. Raises ``Refused``."""
        gate, admitted = self._running(), None
        if gate is not None:
            with _our_fault():
                admitted = await gate.admit(shape, kwargs, may_swap=self._may_swap(url))
        return _held(gate, admitted, shape, url)

    def admit_in_thread(
        self, shape: Shape, kwargs: dict[str, Any], *, url: URL
    ) -> tuple[HeldCall, dict[str, Any]] | None:
        """As ``admit``, for clients that stand still while they wait."""
        gate, admitted = self._running(), None
        if gate is not None:
            with _our_fault():
                may_swap = self._may_swap(url)
                admitted = gate.admit_in_thread(shape, kwargs, may_swap=may_swap)
        return _held(gate, admitted, shape, url)

    def _may_swap(self, url: URL) -> bool:
        return bool(url.origin() == self._key_origin)

    def _running(self) -> Gate | None:
        if self.gate is None and self._on_start_failure == "block":
            tally.add("calls refused")
            reason = self.failure or "the meter is not running"
            raise Refused(f"Usage metering is not available: {reason}", code=503)
        return self.gate


@contextmanager
def _our_fault() -> Iterator[None]:
    try:
        yield
    except Refused:
        tally.add("calls refused")
        raise
    except Exception as error:  # noqa: BLE001 - the guest contract, as in shielded()
        swallow("admitting a call", error)


def _held(
    gate: Gate | None, admitted: Admitted | None, shape: Shape, url: URL
) -> tuple[HeldCall, dict[str, Any]] | None:
    if gate is None or admitted is None:
        tally.warn("calls unmetered", "a call went upstream unmetered")
        return None
    hold, changed = admitted
    return HeldCall(gate, hold, gate.traced(hold, shape, url)), changed


def _plain(url: str) -> str:
    """The URL with its host in small letters and without a port that goes without saying."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port is not None and parts.port != _PORTS.get(parts.scheme):
        host = f"{host}:{parts.port}"
    return f"{parts.scheme}://{host}{parts.path}"

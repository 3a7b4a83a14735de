"""The shelf in Redis. Each request waits for it for a moment at most, and not at all while it is
away."""

import threading
from collections.abc import Callable
from typing import Any

from mai_usage_ext.ports.messages import RedisPlace
from mai_usage_ext.services.absence import Absence
from mai_usage_ext.sharing.clients import RedisClient, connect, reason_of

__all__ = ["RedisShelf"]

_TIMEOUT_S = 0.25


class RedisShelf:
    """Implements ``ports.shelf.Shelf``. Making one does no I/O and needs no ``redis`` package."""

    def __init__(self, place: RedisPlace, *, absence: Absence | None = None) -> None:
        self._place = place
        self._absence = absence or Absence(
            "redis shelf", without="each process keeps reports for itself"
        )
        self._client: RedisClient | None = None
        self._lock = threading.Lock()

    @property
    def trouble(self) -> str | None:
        return self._absence.trouble

    def get(self, key: str) -> str | None:
        found = self._ask(lambda commands: commands.get(self._name(key)))
        return found if isinstance(found, str) else None

    def put(self, key: str, text: str, *, seconds: int) -> None:
        self._ask(lambda commands: commands.set(self._name(key), text, ex=seconds))

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _name(self, key: str) -> str:
        return f"{self._place.prefix}:{key}"

    def _ask(self, ask: Callable[[Any], Any]) -> Any:
        if not self._absence.may_try():
            return None
        try:
            answer = ask(self._connected().commands)
        except Exception as error:  # noqa: BLE001 - whatever it is, we go on without
            self._absence.failed(reason_of(error, self._place))
            return None
        self._absence.back()
        return answer

    def _connected(self) -> RedisClient:
        with self._lock:
            if self._client is None:
                self._client = connect(self._place, timeout_s=_TIMEOUT_S)
            return self._client

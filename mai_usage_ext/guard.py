"""The guest contract: our failures are logged and counted, never raised into a chat.

``shielded("doing what")`` wraps every step that runs inside the host's own work. What it catches
is an ``Exception``; a cancellation or an interpreter exit always passes. Tests put a callback into
``on_swallowed`` that raises again, so that nothing is swallowed unseen.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

__all__ = [
    "Tally",
    "on_swallowed",
    "own_traffic",
    "shielded",
    "swallow",
    "tally",
    "traffic_is_ours",
]

log = logging.getLogger("mai_usage_ext")

# One line a minute for each kind of failure tells the story; the tally holds the number.
_LOG_INTERVAL_S = 60.0


class Tally:
    """Named counts of what happened in this process, shown by the health route."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, name: str, amount: int = 1) -> int:
        """Count ``amount`` more of ``name`` and return the new count."""
        with self._lock:
            self._counts[name] += amount
            return self._counts[name]

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def snapshot(self) -> dict[str, int]:
        with self._lock:
            return dict(sorted(self._counts.items()))

    def warn(self, name: str, message: str, *, error: BaseException | None = None) -> None:
        """Count ``name`` and log ``message``, at most once a minute for each name."""
        count = self.add(name)
        now = time.monotonic()
        if now - self._logged_at.get(name, -_LOG_INTERVAL_S) < _LOG_INTERVAL_S:
            return
        self._logged_at[name] = now
        log.warning("%s (%s so far: %d)", message, name, count, exc_info=error)

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()
            self._logged_at.clear()


tally = Tally()

on_swallowed: list[Callable[[str, Exception], None]] = []


class shielded:  # noqa: N801 - it reads as the verb it is: with shielded("settling a call"):
    """Context manager: an ``Exception`` inside is logged, counted and swallowed."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        swallow(self._doing, error)
        return True


def swallow(doing: str, error: Exception) -> None:
    """Log and count a failure of ours that the host must not feel."""
    tally.warn(f"failed: {doing}", f"{doing} failed: {error}", error=error)
    for callback in on_swallowed:
        callback(doing, error)


_ours: ContextVar[bool] = ContextVar("mai_usage_own_traffic", default=False)


@contextmanager
def own_traffic() -> Iterator[None]:
    """Mark what this task sends as the meter's own, so that the meter does not meter itself."""
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)


def traffic_is_ours() -> bool:
    return _ours.get()

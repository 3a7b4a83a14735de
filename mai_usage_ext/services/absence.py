"""A helper that we can do without: whether it is away, and when to try it again."""

import logging
import random
import threading
import time
from collections.abc import Callable

from mai_usage_ext.guard import tally

__all__ = ["Absence"]

log = logging.getLogger("mai_usage_ext")

_FIRST_S, _LONGEST_S = 0.5, 15.0


class Absence:
    """Says once in the log that the helper went and once that it is back.

    ``name`` is the helper, ``without`` the sentence about how it goes on without. Times are in
    seconds; each wait is twice as long as the one before, less a random part up to half of it, so
    that many processes do not come back at one instant. May be used by several threads.
    """

    def __init__(
        self,
        name: str,
        *,
        without: str,
        first_s: float = _FIRST_S,
        longest_s: float = _LONGEST_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._without = without
        self._first_s = first_s
        self._longest_s = longest_s
        self._now = now
        self._lock = threading.Lock()
        self._failures = 0
        self._next_at = 0.0
        self._reason: str | None = None

    @property
    def trouble(self) -> str | None:
        """What is wrong, what that means and what to do; ``None`` while the helper is there."""
        reason = self._reason
        if reason is None:
            return None
        return f"{self._name}: {reason}; {self._without}; it is tried again by itself"

    def may_try(self) -> bool:
        """Whether to ask the helper now. While it is away, one of many who ask is told so."""
        with self._lock:
            if self._reason is None:
                return True
            if self._now() < self._next_at:
                return False
            self._next_at = self._now() + self._wait_s()
            return True

    def failed(self, reason: str) -> float:
        """It did not work; returns how long to wait before the next attempt."""
        with self._lock:
            is_new, self._reason = self._reason is None, reason
            self._failures += 1
            wait_s = self._wait_s()
            self._next_at = self._now() + wait_s
        tally.add(f"{self._name} away")
        if is_new:
            log.warning("%s", self.trouble)
        return wait_s

    def back(self) -> None:
        """It worked."""
        if self._reason is None:
            return
        with self._lock:
            was_away, self._reason = self._reason is not None, None
            self._failures = 0
        if was_away:
            log.warning("%s: back again", self._name)

    def _wait_s(self) -> float:
        doubled: float = self._first_s * 2 ** min(max(self._failures - 1, 0), 20)
        return min(doubled, self._longest_s) * random.uniform(0.5, 1)  # noqa: S311 - no secret

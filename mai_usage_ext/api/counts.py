"""Where requests are counted, as storages of ``limits``: in this process, or in Redis for many."""

import re
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from limits.storage import Storage

from mai_usage_ext.guard import tally

__all__ = ["Connection", "MemoryCounts", "RedisCounts"]

_MOST_COUNTS = 100_000
_SWEEP_EVERY_S = 15.0
# A count that has no end, as after a clumsy restore, gets one.
_COUNT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return count
"""


class MemoryCounts(Storage):
    """Counts of this process, as a storage of ``limits``.

    Its own memory storage starts a timer thread every now and then, which a guest should not do to
    its host, and grows with every caller there is.
    """

    STORAGE_SCHEME = None

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, float]] = {}  # what was counted, and until when
        self._sweep_at = now() + _SWEEP_EVERY_S

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        with self._lock:
            now = self._now()
            self._sweep(now)
            count, until = self._counts.get(key, (0, 0.0))
            if until <= now:
                count, until = 0, now + expiry
            self._counts[key] = (count + amount, until)
            return count + amount

    def get(self, key: str) -> int:
        count, until = self._counts.get(key, (0, 0.0))
        return count if until > self._now() else 0

    def get_expiry(self, key: str) -> float:
        return max(self._counts.get(key, (0, 0.0))[1], self._now())

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count = len(self._counts)
            self._counts.clear()
            return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._counts.pop(key, None)

    def _sweep(self, now: float) -> None:
        if now < self._sweep_at and len(self._counts) < _MOST_COUNTS:
            return
        self._sweep_at = now + _SWEEP_EVERY_S
        self._counts = {key: kept for key, kept in self._counts.items() if kept[1] > now}
        if len(self._counts) >= _MOST_COUNTS:
            # Letting a flood go on uncounted for a moment is better than filling the memory.
            tally.warn("rate limits forgotten", "too many callers at once to count each")
            self._counts.clear()


class Connection(Protocol):
    """``commands`` is a client of the ``redis`` package, whichever of its kinds."""

    @property
    def commands(self) -> Any: ...

    def close(self) -> None: ...


class RedisCounts(Storage):
    """Counts that replicas share. ``connect`` is called by the first who counts, and by the first
    after ``close``; whatever it or Redis raises comes out here.

    The storages of ``limits`` itself take neither a sentinel with a password in it nor a TLS
    connection from a URL such as the host's.
    """

    STORAGE_SCHEME = None

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        prefix: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._connect = connect
        self._prefix = prefix
        self._now = now
        self._connecting = threading.Lock()
        self._connection: Connection | None = None

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        return int(self._redis().eval(_COUNT, 1, self._key(key), amount, int(expiry * 1000)))

    def get(self, key: str) -> int:
        return int(self._redis().get(self._key(key)) or 0)

    def get_expiry(self, key: str) -> float:
        return self._now() + max(int(self._redis().pttl(self._key(key))), 0) / 1000

    def check(self) -> bool:
        return bool(self._redis().ping())

    def reset(self) -> int:
        redis = self._redis()
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", self._prefix) + ":requests:*"
        return sum(int(redis.delete(key)) for key in redis.scan_iter(match=pattern))

    def clear(self, key: str) -> None:
        self._redis().delete(self._key(key))

    def close(self) -> None:
        """Let go of Redis until somebody counts again."""
        with self._connecting:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _redis(self) -> Any:
        with self._connecting:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection.commands

    def _key(self, key: str) -> str:
        return f"{self._prefix}:requests:{key}"

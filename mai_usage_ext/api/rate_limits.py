"""How many requests a minute one caller may make to our routes.

A caller is a credential that the host has accepted, else a network address: made-up credentials
share a bucket of their address, so that a flood of them is stopped as well. Counting happens before
the host's authentication. Where Redis is given, replicas share their counts in it; while it is away
each process counts for itself, and nobody gets an error for that.
"""

import asyncio
import hashlib
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import Request

from mai_usage_ext.guard import shielded, tally

__all__ = ["MemoryCounts", "RateLimiter", "Standing"]

_NAMESPACE = "MAI_USAGE"
# Callers whom the host has not accepted yet share this many times the limit of one.
_UNPROVEN_FACTOR = 10
_MOST_PROVEN = 20_000
_MOST_COUNTS = 100_000
_SWEEP_EVERY_S = 15.0
_REDIS_TIMEOUT_S = 0.25
# Longer than all of Redis' own timeouts together: only a name server can take so long.
_PATIENCE_S = 1.0
_RETRY_REDIS_AFTER_S = 5.0
_UNAUTHORIZED = (401, 403)
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a caller stands in the present minute. ``reset_s`` is whole seconds from now."""

    limit: int
    remaining: int
    reset_s: int
    is_over: bool

    def headers(self) -> dict[str, str]:
        shown = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }
        return shown | ({"Retry-After": str(self.reset_s)} if self.is_over else {})


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


class RateLimiter:
    """Counts requests. Made without any I/O; ``close()`` lets go of Redis.

    ``limit`` is asked at every request, so that a changed setting holds at once.
    """

    def __init__(
        self,
        *,
        limit: Callable[[], int],
        redis_url: str | None = None,
        now: Callable[[], float] = time.time,
        retry_redis_after_s: float = _RETRY_REDIS_AFTER_S,
    ) -> None:
        self._limit = limit
        self._now = now
        self._memory = FixedWindowRateLimiter(MemoryCounts(now))
        self._redis = None if redis_url is None else _redis(redis_url)
        self._retry_redis_after_s = retry_redis_after_s
        self._redis_is_away_until = 0.0
        self._proven: OrderedDict[str, None] = OrderedDict()

    async def count(self, request: Request) -> Standing | None:
        """Count a request before anything else is done for it. ``None`` when that failed."""
        with shielded("counting a request"):
            limit = self._limit()
            credential = _credential(request)
            if credential is None:
                return await self._hit("address", _address(request), limit)
            if credential not in self._proven:
                among = await self._hit("unproven", _address(request), limit * _UNPROVEN_FACTOR)
                if among.is_over:
                    return among
            return await self._hit("credential", credential, limit)
        return None

    def answered(self, request: Request, status: int) -> None:
        """Learn from the answer whether the host accepts the credential.

        A page that does not exist, or a value that is wrong, says nothing about it.
        """
        credential = _credential(request)
        if credential is None:
            return
        if status in _UNAUTHORIZED:
            self._proven.pop(credential, None)
        elif status < _FIRST_ERROR:
            self._proven[credential] = None
            self._proven.move_to_end(credential)
            if len(self._proven) > _MOST_PROVEN:
                self._proven.popitem(last=False)

    def close(self) -> None:
        if self._redis is not None:
            client: Any = self._redis.storage
            client.storage.close()

    async def _hit(self, kind: str, who: str, limit: int) -> Standing:
        item = RateLimitItemPerMinute(limit, namespace=_NAMESPACE)
        if self._redis is not None and time.monotonic() >= self._redis_is_away_until:
            found = await self._hit_redis(self._redis, item, kind, who)
            if found is not None:
                return found
        return self._standing(self._memory, item, kind, who)

    async def _hit_redis(
        self, redis: FixedWindowRateLimiter, item: RateLimitItem, kind: str, who: str
    ) -> Standing | None:
        ask = asyncio.to_thread(self._standing, redis, item, kind, who)
        try:
            found = await asyncio.wait_for(ask, _PATIENCE_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, this process can still count
            self._redis_is_away_until = time.monotonic() + self._retry_redis_after_s
            reason = f"{type(error).__name__}: {error}"
            tally.warn("rate limits without redis", f"Redis cannot count requests: {reason}")
            return None
        self._redis_is_away_until = 0.0
        return found

    def _standing(
        self, counts: FixedWindowRateLimiter, item: RateLimitItem, kind: str, who: str
    ) -> Standing:
        is_within = counts.hit(item, kind, who)
        window = counts.get_window_stats(item, kind, who)
        left_s = window.reset_time - self._now()
        return Standing(
            limit=item.amount,
            remaining=max(window.remaining, 0) if is_within else 0,
            # A clock that was set meanwhile must not send anybody away for longer than a minute.
            reset_s=min(max(math.ceil(left_s), 1), item.get_expiry()),
            is_over=not is_within,
        )


def _redis(url: str) -> FixedWindowRateLimiter | None:
    """The shared counts, or ``None`` with a warning where they cannot be had."""
    options: Mapping[str, Any] = {
        "socket_timeout": _REDIS_TIMEOUT_S,
        "socket_connect_timeout": _REDIS_TIMEOUT_S,
    }
    try:
        storage: Any = storage_from_string(url, **options)
    except Exception as error:  # noqa: BLE001 - no package, no such scheme, a client's own error
        # The error's text may hold the URL, and that may hold a password.
        tally.warn(
            "rate limits without redis",
            f"each process counts requests for itself: {type(error).__name__} for REDIS_URL",
        )
        return None
    return FixedWindowRateLimiter(storage)


def _credential(request: Request) -> str | None:
    """SHA-256 of what the caller signs in with, which one may keep; ``None`` without any."""
    header = request.headers.get("authorization", "").strip()
    scheme, _, rest = header.partition(" ")
    text = rest.strip() if scheme.lower() == "bearer" else header
    text = text or request.cookies.get("token", "")
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _address(request: Request) -> str:
    """The peer's address; of IPv6 the network, since a caller has all of its addresses."""
    host = request.client.host if request.client is not None else "unknown"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False))

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
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import Request

from mai_usage_ext.api.counts import MemoryCounts, RedisCounts
from mai_usage_ext.guard import shielded
from mai_usage_ext.services.absence import Absence

__all__ = ["RateLimiter", "SharedCounts", "Standing"]

_NAMESPACE = "MAI_USAGE"
# Callers whom the host has not accepted yet share this many times the limit of one.
_UNPROVEN_FACTOR = 10
_MOST_PROVEN = 20_000
# Longer than all of Redis' own timeouts together: only a name server can take so long.
_PATIENCE_S = 1.0
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCounts:
    """Counts in Redis, and what its errors mean in words."""

    counts: RedisCounts
    reason_of: Callable[[Exception], str]


class RateLimiter:
    """Counts requests. Made without any I/O; ``close()`` lets go of Redis.

    ``limit`` is asked at every request, so that a changed setting holds at once.
    """

    def __init__(
        self,
        *,
        limit: Callable[[], int],
        shared: SharedCounts | None = None,
        now: Callable[[], float] = time.time,
        absence: Absence | None = None,
    ) -> None:
        self._limit = limit
        self._now = now
        self._memory = FixedWindowRateLimiter(MemoryCounts(now))
        self._shared = shared
        self._absence = absence or Absence(
            "redis rate limits", without="each process counts requests for itself"
        )
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

    async def count_known(self, who: str, *, times: int) -> Standing | None:
        """Count a request of somebody who has shown who it is, with ``times`` the limit of one."""
        with shielded("counting a request"):
            return await self._hit("known", who, self._limit() * times)
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

    @property
    def trouble(self) -> str | None:
        """A sentence while requests cannot be counted in Redis."""
        return self._absence.trouble

    def close(self) -> None:
        if self._shared is not None:
            self._shared.counts.close()

    async def _hit(self, kind: str, who: str, limit: int) -> Standing:
        item = RateLimitItemPerMinute(limit, namespace=_NAMESPACE)
        if self._shared is not None and self._absence.may_try():
            found = await self._hit_shared(self._shared, item, kind, who)
            if found is not None:
                return found
        return self._standing(self._memory, item, kind, who)

    async def _hit_shared(
        self, shared: SharedCounts, item: RateLimitItem, kind: str, who: str
    ) -> Standing | None:
        counts = FixedWindowRateLimiter(shared.counts)
        ask = asyncio.to_thread(self._standing, counts, item, kind, who)
        try:
            found = await asyncio.wait_for(ask, _PATIENCE_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, this process can still count
            self._absence.failed(shared.reason_of(error))
            return None
        self._absence.back()
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

"""A job that one process runs for all: whoever gets its lease."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import JobLeases

__all__ = ["LeasedJob"]

_RENEWALS = 3


class LeasedJob:
    """``every_s`` is how often the job is to run, whichever process runs it.

    Each job has a lease of its own, so one that hangs holds up no other. After ``longest_s`` it is
    not renewed any more: then another process may begin, and this one is not asked again before it
    comes back.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        *,
        every_s: int,
        leases: JobLeases,
        longest_s: float = 900,
    ) -> None:
        self._name = name
        self._work = work
        self._every_ms = every_s * 1000
        self._leases = leases
        self._longest_s = longest_s

    async def run(self) -> None:
        """Run it if it is due and nobody else does. To be called much more often than it is due."""
        try:
            if not await asyncio.to_thread(self._leases.begin, self._name, every_ms=self._every_ms):
                return
        except StorageUnavailable as error:
            self._postponed(error)
            return
        renewing = asyncio.create_task(self._renew())
        try:
            await self._run()
        finally:
            renewing.cancel()

    async def _run(self) -> None:
        try:
            await self._work()
        except asyncio.CancelledError:
            await self._close(self._leases.give_back)
            raise
        except Exception as error:
            await self._close(self._leases.end, problem=str(error) or type(error).__name__)
            if not isinstance(error, StorageUnavailable):
                raise
            self._postponed(error)
        else:
            await self._close(self._leases.end, problem=None)

    async def _renew(self) -> None:
        """Until the run is over, the lease is another's, or it has taken too long."""
        give_up_at = time.monotonic() + self._longest_s
        while True:
            await asyncio.sleep(self._leases.length_ms / 1000 / _RENEWALS)
            if time.monotonic() > give_up_at:
                tally.warn("jobs stuck", f"the job {self._name} has run for {self._longest_s} s")
                return
            try:
                if not await asyncio.to_thread(self._leases.renew, self._name):
                    tally.warn("leases lost", f"another process has begun the job {self._name} too")
                    return
            except StorageUnavailable as error:
                # The lease lasts a while without it.
                tally.warn("leases not renewed", f"a lease could not be renewed: {error}")

    async def _close(self, say: Callable[..., None], **result: str | None) -> None:
        try:
            await asyncio.to_thread(say, self._name, **result)
        except StorageUnavailable as error:
            # It runs out by itself, and then the job is due again.
            tally.warn("leases not ended", f"a lease runs out by itself: {error}")

    def _postponed(self, error: StorageUnavailable) -> None:
        # The next round looks at the same data.
        tally.warn("jobs postponed", f"the job {self._name} has to wait: {error}")

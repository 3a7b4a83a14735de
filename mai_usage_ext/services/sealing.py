"""Sealing every day that is over, of every organization.

The job looks at the data: a day that is over and still has live cells is due, whether that is
yesterday or the days that nobody was there for. A call whose cost is not known yet keeps no day
open: its entry goes into the sealed rows later.
"""

import asyncio
from collections.abc import Collection, Mapping

from mai_usage_ext.errors import StorageError, StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.days import is_over
from mai_usage_ext.ports import Clock, LiveDay, SealStore

__all__ = ["Sealing"]

# Whoever waits for SQLite's lock asks for it again within this time.
_PAUSE_S = 0.03


class Sealing:
    """``grace_ms`` is how long after an organization's midnight its day stays open; ``pause_s`` is
    left to others after each day."""

    def __init__(
        self, store: SealStore, *, grace_ms: int, clock: Clock, pause_s: float = _PAUSE_S
    ) -> None:
        self._store = store
        self._grace_ms = grace_ms
        self._clock = clock
        self._pause_s = pause_s

    async def run_once(self) -> int:
        """Seal what is due, oldest first, a transaction for each day; return how many days.

        A day that cannot be sealed holds up its own organization only, and ``StorageError`` is
        raised at the end; ``StorageUnavailable`` where that was all that was wrong, and at once for
        two days in a row, because then it is not for the days.
        """
        sealed, was_away = 0, False
        failed: dict[str, Exception] = {}
        while due := await asyncio.to_thread(self._due, failed):
            for live in due:
                try:
                    sealed += await asyncio.to_thread(self._seal, live)
                    was_away = False
                except Exception as error:
                    is_away = isinstance(error, StorageUnavailable)
                    if is_away and was_away:
                        raise
                    was_away = is_away
                    failed[live.organization_id] = error
                await asyncio.sleep(self._pause_s)
        if failed:
            raise _complaint(failed)
        return sealed

    def _due(self, without: Collection[str]) -> list[LiveDay]:
        """The oldest day of each organization, where it is over."""
        at_ms = self._clock.now_ms() - self._grace_ms
        return [
            live
            for live in self._store.oldest_live_days()
            if live.organization_id not in without
            and is_over(
                live.day,
                at_ms=at_ms,
                time_zone=live.time_zone,
                next_time_zone=live.next_time_zone,
                next_from_ms=live.next_from_ms,
            )
        ]

    def _seal(self, live: LiveDay) -> bool:
        is_done = self._store.seal(live.organization_id, live.day, now_ms=self._clock.now_ms())
        if is_done:
            tally.add("days sealed")
        return is_done


def _complaint(failed: Mapping[str, Exception]) -> StorageError:
    name, first = next(iter(failed.items()))
    is_away = all(isinstance(error, StorageUnavailable) for error in failed.values())
    kind = StorageUnavailable if is_away else StorageError
    return kind(f"days of {len(failed)} organizations cannot be sealed; of {name}: {first}")

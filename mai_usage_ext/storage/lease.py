"""The lease of this process. A hold whose owner has none any more is an orphan, see ``holds``."""

import os
import socket
import time

from peewee import Database

from mai_usage_ext.ports import Clock
from mai_usage_ext.storage.models import UsageProcess
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.statements import Writes

__all__ = ["Lease"]

# Rows of processes that ended long ago; nobody misses them, an orphan is one without a row too.
_FORGET_AFTER_MS = 24 * 3_600_000


class Lease:
    """Renewed three times in its length, by the writer's thread in its own transaction."""

    def __init__(
        self, db: Database, *, owner: str, version: str, clock: Clock, lease_ms: int
    ) -> None:
        self._db = db
        self._clock = clock
        self._lease_ms = lease_ms
        self._row = {
            "id": owner,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
            "version": version,
            "started_at_ms": clock.now_ms(),
        }
        self._beat = Writes(db).beat
        self._next_beat = time.monotonic()
        self._is_made = False

    @property
    def due_in_s(self) -> float:
        """Seconds until the next renewal; not above zero when it is due."""
        return self._next_beat - time.monotonic()

    def renew(self) -> None:
        """Make or prolong the lease. Raises ``StorageUnavailable``."""
        if not self._is_made:
            self._forget_old()
        self._write(self._clock.now_ms() + self._lease_ms)
        self._is_made = True
        self._next_beat = time.monotonic() + self._lease_ms / 3000

    def end(self) -> None:
        """Whatever is still open may be taken over at once."""
        self._write(self._clock.now_ms())

    def _forget_old(self) -> None:
        long_ago = UsageProcess.lease_until_ms < self._clock.now_ms() - _FORGET_AFTER_MS
        with transaction(self._db):
            write(self._db, UsageProcess.delete().where(long_ago))

    def _write(self, lease_until_ms: int) -> None:
        with transaction(self._db):
            self._beat.run([{**self._row, "lease_until_ms": lease_until_ms}])

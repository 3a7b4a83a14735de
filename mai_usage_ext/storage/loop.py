"""What the writer's thread does until it is stopped.

What the database refuses for a while is kept and tried again, in order, while new work queues up
behind it. What it refuses for good goes alone, so that one bad row never holds up the others.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import InvalidStateError
from contextlib import suppress

from peewee import Database

from mai_usage_ext.errors import StorageError, StorageUnavailable
from mai_usage_ext.guard import shielded, tally
from mai_usage_ext.metering.limits import Marks
from mai_usage_ext.ports import Clock
from mai_usage_ext.ports.vitals import CommitObserver
from mai_usage_ext.storage.changes import Change, Defer, Settle, Void
from mai_usage_ext.storage.commit_facts import facts_of
from mai_usage_ext.storage.database import close_database, is_sqlite
from mai_usage_ext.storage.folding import Result
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.lease import Lease
from mai_usage_ext.storage.queue import ChangeQueue
from mai_usage_ext.storage.sessions import execute, session

__all__ = ["STOP_GRACE_S", "WriterLoop"]

_GROUP = 512
# From so many changes in a group on, waiting a moment for more saves more than it costs.
_BUSY_GROUP = 8
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.02, 2.0
# Shorter than the readers' own, so that a locked file does not keep the thread from stopping.
_BUSY_TIMEOUT_MS = 1_000
# How long an abandoned thread may take to notice.
STOP_GRACE_S = 2 * _BUSY_TIMEOUT_MS / 1000


class WriterLoop:
    """``error`` is why the last attempt failed, ``None`` once one went through."""

    def __init__(
        self,
        db: Database,
        *,
        queue: ChangeQueue,
        lease: Lease,
        clock: Clock,
        linger_s: float,
        marks: Callable[[], Marks],
        ended: Callable[[Collection[str]], None] | None = None,
        observer: CommitObserver | None = None,
    ) -> None:
        self.error: BaseException | None = None
        self.given_up = 0
        self._db = db
        self._queue = queue
        self._lease = lease
        self._clock = clock
        self._linger_s = linger_s
        self._commit = GroupCommit(db, marks=marks)
        self._ended = ended
        self._observer = observer
        self._groups: deque[list[Change]] = deque()
        self._last_size = 0
        self._backoff_s = _FIRST_BACKOFF_S
        self._is_retry = self._in_doubt = False
        self._abandoned = threading.Event()

    def run(self) -> None:
        """Work until the queue is closed and empty, or ``abandon`` is called."""
        try:
            while not self._abandoned.is_set() and not self._is_finished():
                self._turn()
            self._end_lease()
        finally:
            close_database(self._db)

    def abandon(self) -> None:
        """Stop at the next occasion, whatever waits."""
        self._abandoned.set()

    def give_up(self, reason: str) -> None:
        """Tell everybody who still waits that it will not be written, and count them."""
        left = [change for group in self._groups for change in group]
        self._groups.clear()
        while group := self._queue.take(_GROUP):
            left += group
            self._queue.done(len(group))
        for change in left:
            with suppress(InvalidStateError):
                change.future.set_exception(StorageUnavailable(reason))
        self.given_up += len(left)
        if left:
            tally.add("changes given up", len(left))

    def _is_finished(self) -> bool:
        return not self._groups and self._queue.is_drained

    def _turn(self) -> None:
        """One attempt at what is next: the lease, a group, or waiting for one."""
        try:
            self._connect()
            if self._lease.due_in_s <= 0:
                self._lease.renew()
                self._succeeded()
            if not self._groups:
                self._next_group()
            if self._groups:
                self._write(self._groups[0])
        except StorageUnavailable as error:
            self._failed(error)

    def _connect(self) -> None:
        if not self._db.is_closed():
            return
        with session(self._db, keep=True):
            if is_sqlite(self._db):
                execute(self._db, f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")

    def _next_group(self) -> None:
        self._queue.wait(self._lease.due_in_s)
        if self._last_size >= _BUSY_GROUP:
            self._queue.linger(self._linger_s, enough=_GROUP)
        group = self._queue.take(_GROUP)
        self._last_size = len(group)
        self._is_retry = self._in_doubt = False
        if group:
            self._groups.append(group)

    def _write(self, group: list[Change]) -> None:
        began = time.perf_counter()
        try:
            results = self._commit.commit(
                group,
                now_ms=self._clock.now_ms(),
                is_retry=self._is_retry,
                in_doubt=self._in_doubt,
            )
        except StorageUnavailable:
            self._is_retry = self._in_doubt = True
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, others are waiting
            self._refused(group, error)
            return
        seconds = time.perf_counter() - began
        self._succeeded()
        self._finish(group)
        for change, result in zip(group, results, strict=True):
            with suppress(InvalidStateError):
                change.future.set_result(result)
        self._count(group, results, seconds)
        self._tell(group)

    def _count(self, group: list[Change], results: Sequence[Result], seconds: float) -> None:
        if self._observer is not None:
            with shielded("counting a commit"):
                self._observer.committed(facts_of(group, results, seconds=seconds))

    def _tell(self, group: list[Change]) -> None:
        """Whoever waits for these changes has gone on already."""
        if self._ended is None:
            return
        ends = {one.hold.organization_id for one in group if isinstance(one, Settle | Defer | Void)}
        if ends:
            with shielded("telling of ended calls"):
                self._ended(ends)

    def _refused(self, group: list[Change], error: Exception) -> None:
        """Try again as a whole, then one by one; give back a change that is wrong by itself."""
        if not self._is_retry:
            # Another process booked the same generation in the meantime: now it can be seen.
            self._is_retry = True
            return
        if len(group) > 1:
            self._groups.popleft()
            self._groups.extendleft([change] for change in reversed(group))
            return
        [change] = group
        self._finish(group)
        name = f"refused for good: {change.name}"
        tally.warn(name, f"the database refused to {change.name} a hold: {error}", error=error)
        refusal = StorageError(f"the database refused this: {error}")
        refusal.__cause__ = error
        with suppress(InvalidStateError):
            change.future.set_exception(refusal)

    def _finish(self, group: list[Change]) -> None:
        if self._groups and self._groups[0] is group:  # else given up in the meantime
            self._groups.popleft()
        self._queue.done(len(group))

    def _succeeded(self) -> None:
        self.error = None
        self._backoff_s = _FIRST_BACKOFF_S

    def _failed(self, error: StorageUnavailable) -> None:
        self.error = error
        tally.warn("writer retries", f"the database is not available: {error}", error=error)
        close_database(self._db)
        self._abandoned.wait(self._backoff_s)
        self._backoff_s = min(self._backoff_s * 2, _LONGEST_BACKOFF_S)

    def _end_lease(self) -> None:
        try:
            self._connect()
            self._lease.end()
        except StorageUnavailable as error:
            tally.warn("lease not ended", f"the lease runs out by itself: {error}")

"""The ledger's writing side: a bounded queue in front of one thread, see ``loop``."""

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

from peewee import Database

from mai_usage_ext.guard import tally
from mai_usage_ext.metering.limits import Marks
from mai_usage_ext.ports import (
    Clock,
    Hold,
    HoldState,
    LedgerEntry,
    Outcome,
    SystemClock,
    Verdict,
)
from mai_usage_ext.ports.vitals import CommitObserver
from mai_usage_ext.storage.changes import Change, Defer, Identify, Insist, Place, Settle, Void
from mai_usage_ext.storage.lease import Lease
from mai_usage_ext.storage.loop import STOP_GRACE_S, WriterLoop
from mai_usage_ext.storage.queue import ChangeQueue

__all__ = ["LedgerWriter"]


class LedgerWriter:
    """Implements ``ports.Ledger``. ``owner`` names this process on its holds and its lease.

    ``marks`` are those of limits and spending at which an event is stored, asked for each time.
    ``ended`` is told, after the commit and in the writer's thread, whose calls have come to an end;
    ``observer`` what was in it and how long it took.
    Changes may be queued before ``start``. The queue holds ``queue_size`` changes, those in the
    group at work included.
    """

    def __init__(
        self,
        db: Database,
        *,
        owner: str,
        version: str = "",
        clock: Clock | None = None,
        queue_size: int = 10_000,
        lease_ms: int = 15_000,
        linger_ms: float = 2.0,
        marks: Callable[[], Marks] = Marks,
        ended: Callable[[Collection[str]], None] | None = None,
        observer: CommitObserver | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._queue = ChangeQueue(size=queue_size)
        lease = Lease(db, owner=owner, version=version, clock=clock, lease_ms=lease_ms)
        self._loop = WriterLoop(
            db,
            queue=self._queue,
            lease=lease,
            clock=clock,
            linger_s=linger_ms / 1000,
            marks=marks,
            ended=ended,
            observer=observer,
        )
        self._thread = threading.Thread(target=self._run, name="mai-usage-writer", daemon=True)
        self._unwritten: int | None = None

    def place(
        self, hold: Hold, *, least_pusd: int | None = None, has_user_limit: bool = False
    ) -> "Future[Verdict]":
        return self._put(Place(hold, least_pusd=least_pusd, has_user_limit=has_user_limit))

    def insist(self, hold: Hold) -> None:
        self._put(Insist(hold))

    def identify(self, hold: Hold, generation_id: str) -> None:
        self._put(Identify(hold, generation_id))

    def settle(self, hold: Hold, entry: LedgerEntry) -> "Future[bool]":
        return self._put(Settle(hold, entry))

    def defer(
        self,
        hold: Hold,
        *,
        state: HoldState,
        outcome: Outcome,
        generation_id: str | None,
        reason: str,
        next_attempt_ms: int | None = None,
        first_byte_ms: int | None = None,
        duration_ms: int | None = None,
    ) -> "Future[None]":
        return self._put(
            Defer(
                hold,
                state=state,
                outcome=outcome,
                generation_id=generation_id,
                reason=reason,
                next_attempt_ms=next_attempt_ms,
                first_byte_ms=first_byte_ms,
                duration_ms=duration_ms,
            )
        )

    def void(self, hold: Hold, *, reason: str) -> "Future[None]":
        return self._put(Void(hold, reason=reason))

    @property
    def depth(self) -> int:
        return self._queue.depth

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def healthy(self) -> bool:
        """Whether the thread lives and the last thing it wrote was written."""
        return self._thread.is_alive() and self._loop.error is None

    @property
    def last_error(self) -> BaseException | None:
        """Why it is not healthy; ``None`` again once a transaction went through."""
        return self._loop.error

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> int:
        """Take no more changes, write what waits, end the lease.

        Returns how many changes could not be written in time; their futures carry
        ``StorageUnavailable``. Calling it again returns the same.
        """
        if self._unwritten is not None:
            return self._unwritten
        self._queue.close("the writer was stopped")
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
            self._loop.abandon()
            self._thread.join(STOP_GRACE_S)
        self._loop.give_up("the writer was stopped before this was written")
        self._unwritten = self._loop.given_up
        return self._unwritten

    def _put(self, change: Change) -> "Future[Any]":
        self._queue.put(change)
        return change.future

    def _run(self) -> None:
        try:
            self._loop.run()
        except BaseException as error:  # noqa: BLE001 - nobody else would tell the waiters
            self._loop.error = error
            tally.warn("writer died", f"the writer's thread ended: {error!r}", error=error)
        finally:
            self._queue.close("the writer's thread has ended")
            self._loop.give_up("the writer's thread ended before this was written")

"""The bounded queue between everybody and the one thread that writes."""

import os
import threading
import time
from collections import deque

from mai_usage_ext.errors import QueueFull, StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.storage.changes import Change, Place

__all__ = ["ChangeQueue"]


# A call that was let in has at most three more things to say: its id, its end, and once more when
# it is settled late. Refusing those would lose what refusing a new hold does not.
_ROOM_FOR_THE_REST = 4


class ChangeQueue:
    """Changes in order. What was taken counts as waiting until it is done.

    New holds are refused once ``size`` changes wait; whatever concerns a hold that was let in finds
    room up to four times as much.
    """

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._waiting: deque[Change] = deque()
        self._taken = 0
        self._placing = 0
        self._closed: str | None = None
        self._changed = threading.Condition()
        self._pid = os.getpid()

    @property
    def depth(self) -> int:
        return len(self._waiting) + self._taken

    def put(self, change: Change) -> None:
        """Raises ``QueueFull`` when there is no room, ``StorageUnavailable`` when it is closed."""
        if os.getpid() != self._pid:
            raise StorageUnavailable("the writer's thread did not come along into this fork")
        with self._changed:
            if self._closed is not None:
                raise StorageUnavailable(self._closed)
            is_new = isinstance(change, Place)
            if self.depth >= (self._size if is_new else self._size * _ROOM_FOR_THE_REST):
                tally.warn(
                    f"queue full: {change.name}",
                    f"the writer's queue holds {self.depth} changes and takes no more",
                )
                raise QueueFull(f"{self.depth} changes wait for the database already")
            self._waiting.append(change)
            self._placing += is_new
            # Waking a thread that lingers for more work would end the lingering.
            if len(self._waiting) == 1 or is_new:
                self._changed.notify()

    def wait(self, timeout_s: float) -> None:
        """Return when there is something to take, the queue is closed, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting or self._closed), max(timeout_s, 0))

    @property
    def is_drained(self) -> bool:
        """Closed, and nothing waits to be taken."""
        with self._changed:
            return self._closed is not None and not self._waiting

    def linger(self, seconds: float, *, enough: int) -> None:
        """Let a group grow, unless somebody waits for a hold: that stands before a first byte."""
        until = time.monotonic() + seconds
        with self._changed:
            while not self._placing and not self._closed and len(self._waiting) < enough:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return

    def take(self, most: int) -> list[Change]:
        """The oldest changes, at most so many."""
        with self._changed:
            group = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._taken = len(group)
            self._placing -= sum(isinstance(change, Place) for change in group)
            return group

    def done(self, count: int) -> None:
        """So many of the taken ones are through."""
        with self._changed:
            self._taken -= count

    def close(self, reason: str) -> None:
        """Take no more; what waits may still be taken."""
        with self._changed:
            self._closed = self._closed or reason
            self._changed.notify_all()

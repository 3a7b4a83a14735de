"""What time it is, and what one transaction is."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

__all__ = ["Clock", "SystemClock", "UnitOfWork"]

UnitOfWork = Callable[[], AbstractContextManager[None]]
"""``with unit_of_work():`` makes what the stores do inside it one transaction of this thread."""


class Clock(Protocol):
    def now_ms(self) -> int: ...


class SystemClock:
    """UTC milliseconds since the epoch."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

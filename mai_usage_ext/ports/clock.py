"""What time it is, and what one transaction is."""

import time
from contextlib import AbstractContextManager
from typing import Protocol

__all__ = ["Clock", "SystemClock", "UnitOfWork"]


class UnitOfWork(Protocol):
    """``with unit_of_work():`` makes what the stores do inside it one transaction."""

    def __call__(self) -> AbstractContextManager[None]: ...


class Clock(Protocol):
    def now_ms(self) -> int: ...


class SystemClock:
    """UTC milliseconds since the epoch."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

"""Statements of this process that took long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["SlowQuery", "SlowQueryLog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowQuery:
    """``shape`` is the statement without its values; times are milliseconds."""

    shape: str
    count: int
    max_ms: int
    mean_ms: int
    last_at_ms: int


class SlowQueryLog(Protocol):
    threshold_ms: int

    def slowest(self, limit: int) -> Sequence[SlowQuery]:
        """The slowest first."""
        ...

"""What crossed a limit's marks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mai_usage_ext.metering.limits import LimitEventKind, MarkRule

__all__ = ["LimitEventRecord", "LimitEventStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitEventRecord:
    """``user_id`` is ``None`` for the organization's own limit. ``percent`` of ``limit_pusd`` was
    passed, or a call refused, at ``at_ms``, with ``spent_pusd`` spent in ``month``."""

    id: int
    kind: LimitEventKind
    organization_id: str
    user_id: str | None
    month: str
    percent: int
    limit_pusd: int
    spent_pusd: int
    at_ms: int


class LimitEventStore(Protocol):
    def add(
        self,
        *,
        kind: LimitEventKind,
        organization_id: str,
        month: str,
        percent: int,
        limit_pusd: int,
        spent_pusd: int,
        at_ms: int,
        user_id: str | None = None,
        rule: MarkRule | None = None,
    ) -> None:
        """Note it, and tell other systems, unless it is noted already for this limit and month.

        ``month`` is a day for an amount of a day; ``limit_pusd`` is an amount's own. ``rule`` is
        the one that sets the mark.
        """
        ...

    def page(
        self, *, organization_id: str | None, offset: int, limit: int
    ) -> tuple[Sequence[LimitEventRecord], int]:
        """Newest first, and how many there are in all."""
        ...

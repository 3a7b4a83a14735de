"""What rules of alerts judge once a minute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

__all__ = ["AlertFacts", "CaptureFact", "DayFact", "OldHolds", "WatchedOrganization"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedOrganization:
    """An active one. ``today`` is in its own zone; ``spent_by_user`` is this month's billed money
    where it is counted, the organization's own under ``""``."""

    id: str
    today: date
    limit_pusd: int | None = None
    spent_by_user: Mapping[str, int] = field(default_factory=dict)
    limits_of_users: Mapping[str, int] = field(default_factory=dict)
    key_state: str = "none"
    key_problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFact:
    requests: int
    billed_pusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OldHolds:
    """Calls that are not settled, and the money they hold."""

    count: int
    oldest_at_ms: int
    held_pusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureFact:
    """A key's UTC day: what the meter booked by itself, and what OpenRouter billed, in raw USD.

    ``is_final`` is false while calls of the day are still being settled."""

    day: date
    key_hash: str
    organization_id: str
    captured_pusd: int
    provider_pusd: int
    is_final: bool


class AlertFacts(Protocol):
    """Raises ``StorageUnavailable``."""

    def organizations(self, *, at_ms: int) -> Sequence[WatchedOrganization]: ...

    def days(
        self, first: date, last: date, *, user_id: str | None = None
    ) -> Mapping[str, Mapping[date, DayFact]]:
        """By organization and day, those with usage: sealed days and live cells. With a user, that
        user's alone."""
        ...

    def old_holds(self, *, before_ms: int) -> Mapping[str, OldHolds]:
        """By organization, of calls made before an instant."""
        ...

    def captures(self, *, since: date) -> Sequence[CaptureFact]: ...

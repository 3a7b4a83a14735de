"""A billing day as its three tables show it, added up from parts.

A part is what some calls of one user, to one model at one provider, add up to; whether they are a
whole day of the ledger or two late entries makes no difference. Money is picodollars, times are
milliseconds, instants are UTC milliseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import starmap
from operator import add

__all__ = ["SUMS", "DayPart", "DayTally", "Sums", "tally_of"]

SUMS = (
    "requests",
    "failures",
    "cancelled",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "raw_pusd",
    "billed_pusd",
    "first_byte_ms_sum",
    "first_byte_count",
    "duration_ms_sum",
)
"""What a live cell and the three daily tables add up, in this order."""

Sums = tuple[int, ...]
"""One number for each of ``SUMS``."""

_NOTHING: Sums = (0,) * len(SUMS)
_REQUESTS, _BILLED = SUMS.index("requests"), SUMS.index("billed_pusd")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPart:
    """``user_id`` is ``""`` where nobody is known; ``first_at_ms`` and ``last_at_ms`` are the
    instants of the first and the last of its calls."""

    user_id: str
    model: str
    provider: str
    is_task: bool
    first_at_ms: int
    last_at_ms: int
    sums: Sums


@dataclass(slots=True)
class DayTally:
    """The day as a whole, by user, and by model and provider. The three add up to the same."""

    sums: Sums = _NOTHING
    task_requests: int = 0
    task_billed_pusd: int = 0
    first_at_ms: int | None = None
    last_at_ms: int | None = None
    users: dict[str, Sums] = field(default_factory=dict)
    models: dict[tuple[str, str], Sums] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        return self.sums[_REQUESTS]

    @property
    def distinct_users(self) -> int:
        """Users that are known; calls of nobody count for none."""
        return sum(user_id != "" for user_id in self.users)

    @property
    def distinct_models(self) -> int:
        """A model that several providers ran counts once."""
        return len({model for model, _ in self.models})

    def take(self, part: DayPart) -> None:
        self.sums = _plus(self.sums, part.sums)
        if part.is_task:
            self.task_requests += part.sums[_REQUESTS]
            self.task_billed_pusd += part.sums[_BILLED]
        model = part.model, part.provider
        self.users[part.user_id] = _plus(self.users.get(part.user_id, _NOTHING), part.sums)
        self.models[model] = _plus(self.models.get(model, _NOTHING), part.sums)
        first, last = self.first_at_ms, self.last_at_ms
        self.first_at_ms = part.first_at_ms if first is None else min(first, part.first_at_ms)
        self.last_at_ms = part.last_at_ms if last is None else max(last, part.last_at_ms)


def tally_of(parts: Iterable[DayPart]) -> DayTally:
    """What the parts add up to, in whatever order they come."""
    tally = DayTally()
    for part in parts:
        tally.take(part)
    return tally


def _plus(some: Sums, more: Sums) -> Sums:
    return tuple(starmap(add, zip(some, more, strict=True)))

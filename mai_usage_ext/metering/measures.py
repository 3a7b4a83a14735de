"""What every number of a report means: the one place where it is defined.

Money is picodollars, times are milliseconds. Shares are percent with two decimals, half-even, and
``None`` where there is nothing to take a share of.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from mai_usage_ext.metering.daily import SUMS, Sums

__all__ = ["UsageTally", "definitions", "mean", "percent", "total_of"]

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_HUNDREDTH = Decimal("0.01")
_MICRO = Decimal("0.000001")

_SUMMED = {
    "requests": "Calls that reached the provider, those that failed or were stopped included.",
    "failures": "Calls of these that ended with an error.",
    "cancelled": "Calls of these that somebody stopped before their end.",
    "prompt_tokens": "Tokens sent to models, those read from their caches included.",
    "completion_tokens": "Tokens that models wrote, reasoning included.",
    "cached_tokens": "The part of the prompt tokens that a model had in its cache.",
    "reasoning_tokens": "The part of the completion tokens that a model thought with.",
    "raw_pusd": "What the provider charged.",
    "billed_pusd": "What the client pays: raw × rate + fee, rounded once for each call.",
    "first_byte_ms_sum": "Waiting time for first bytes, of the calls that have one.",
    "first_byte_count": "Calls of which the wait for the first byte is known.",
    "duration_ms_sum": "Time from the calls' beginnings to their ends, where it is known.",
    "task_requests": "Calls that nobody waits for: titles, tags and the like.",
    "task_billed_pusd": "What the client pays for those.",
}


def mean(total: int, count: int) -> int:
    """The half-even mean of whole numbers; zero over nothing."""
    if count == 0:
        return 0
    quotient, rest = divmod(total, count)
    if 2 * rest > count or (2 * rest == count and quotient % 2):
        quotient += 1
    return quotient


def percent(part: int, whole: int) -> Decimal | None:
    """``part`` of ``whole`` in percent; ``None`` of nothing."""
    return _ratio(100 * part, whole, _HUNDREDTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTally:
    """Usage added up, and everything that follows from it.

    ``task_requests`` and ``task_billed_pusd`` are ``None`` where it was not kept what the calls
    were for. Tallies can be added.
    """

    requests: int = 0
    failures: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    raw_pusd: int = 0
    billed_pusd: int = 0
    first_byte_ms_sum: int = 0
    first_byte_count: int = 0
    duration_ms_sum: int = 0
    task_requests: int | None = 0
    task_billed_pusd: int | None = 0

    @classmethod
    def of(
        cls, sums: Sums, *, task_requests: int | None = None, task_billed_pusd: int | None = None
    ) -> "UsageTally":
        """From one number for each of ``daily.SUMS``."""
        return cls(
            **dict(zip(SUMS, sums, strict=True)),
            task_requests=task_requests,
            task_billed_pusd=task_billed_pusd,
        )

    def __add__(self, other: "UsageTally") -> "UsageTally":
        sums: dict[str, Any] = {
            field.name: _plus(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)
        }
        return UsageTally(**sums)

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def profit_pusd(self) -> int:
        """Billed minus raw."""
        return self.billed_pusd - self.raw_pusd

    @property
    def margin_percent(self) -> Decimal | None:
        """Profit in percent of billed; nothing where nothing was billed."""
        return percent(self.profit_pusd, self.billed_pusd)

    @property
    def markup(self) -> Decimal | None:
        """Billed ÷ raw with six decimals: the rate in effect, fees included; nothing over no raw
        cost."""
        return _ratio(self.billed_pusd, self.raw_pusd, _MICRO)

    @property
    def mean_first_byte_ms(self) -> int | None:
        """The mean wait for the first byte in milliseconds, of calls that have one."""
        if self.first_byte_count == 0:
            return None
        return mean(self.first_byte_ms_sum, self.first_byte_count)

    @property
    def tokens_per_second(self) -> Decimal | None:
        """Completion tokens ÷ the seconds that calls took, the wait for the first byte included."""
        return _ratio(1000 * self.completion_tokens, self.duration_ms_sum, _HUNDREDTH)

    @property
    def failure_percent(self) -> Decimal | None:
        """Failures in percent of the requests."""
        return percent(self.failures, self.requests)

    @property
    def cancelled_percent(self) -> Decimal | None:
        """Stopped calls in percent of the requests."""
        return percent(self.cancelled, self.requests)

    @property
    def cached_percent(self) -> Decimal | None:
        """Cached tokens in percent of the prompt tokens."""
        return percent(self.cached_tokens, self.prompt_tokens)

    @property
    def task_percent(self) -> Decimal | None:
        """Background tasks in percent of the requests; nothing where it was not kept."""
        return None if self.task_requests is None else percent(self.task_requests, self.requests)

    @property
    def average_tokens(self) -> int:
        """Tokens per request, half-even."""
        return mean(self.tokens, self.requests)

    @property
    def average_billed_pusd(self) -> int:
        """Billed per request, half-even."""
        return mean(self.billed_pusd, self.requests)

    def tokens_per_day(self, days: int) -> int:
        """Tokens per day, half-even, over the days that are asked for."""
        return mean(self.tokens, days)

    def billed_pusd_per_day(self, days: int) -> int:
        """Billed per day, half-even, over the days that are asked for."""
        return mean(self.billed_pusd, days)


def total_of(tallies: Iterable[UsageTally]) -> UsageTally:
    """What they add up to."""
    return sum(tallies, UsageTally())


def definitions() -> dict[str, str]:
    """Every number by name, with the sentence that says what it is."""
    derived = {
        name: " ".join(str(member.__doc__).split())
        for name, member in vars(UsageTally).items()
        if (isinstance(member, property) or name.endswith("_per_day")) and member.__doc__
    }
    return {**_SUMMED, **derived}


def _plus(some: int | None, more: int | None) -> int | None:
    return None if some is None or more is None else some + more


def _ratio(part: int, whole: int, step: Decimal) -> Decimal | None:
    if whole == 0:
        return None
    return _EXACT.divide(Decimal(part), Decimal(whole)).quantize(step, context=_EXACT)

"""Every number of a report as fractions make it of the script's sums, and as an answer says it."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from tests.golden.fixtures import GoldenYear
from tests.golden.sums import Sums

__all__ = [
    "NOTHING",
    "change",
    "days_with_usage",
    "has_tasks",
    "measures_of",
    "own_measures_of",
    "share",
    "sums_of",
    "told",
]

NOTHING = Sums(*[0] * len(Sums._fields))  # type: ignore[arg-type]
_PEOPLE, _MODELS = {"user"}, {"model", "provider"}


def sums_of(golden_year: GoldenYear, where: str) -> Sums:
    """Of everything, also where there is nothing."""
    parts = golden_year.sums(("organization",), where=where).values()
    return Sums._make(map(sum, zip(NOTHING, *parts, strict=True)))


def days_with_usage(
    golden_year: GoldenYear, group_by: tuple[str, ...], where: str
) -> dict[tuple[str, ...], int]:
    """For each key, those of several organizations one by one."""
    days: dict[tuple[str, ...], int] = {}
    for _, _, *key in golden_year.sums(("organization", "day", *group_by), where=where):
        days[tuple(key)] = days.get(tuple(key), 0) + 1
    return days


def has_tasks(
    golden_year: GoldenYear, group_by: Iterable[str], where: str, *, of_user: bool = False
) -> "_Tasks":
    """Whether a line can say what its calls were for: sealed days of users and of models do not,
    their crossings are read in the ledger."""
    group_by = tuple(group_by)
    kinds = (set(group_by) | ({"user"} if of_user else set())) & {"purpose", *_PEOPLE, *_MODELS}
    if not kinds or not (kinds <= _PEOPLE or kinds <= _MODELS):
        return _Tasks(set())
    is_sealed = f"{where} AND {golden_year.is_sealed}"
    return _Tasks(set(golden_year.sums(group_by, where=is_sealed)))


class _Tasks:
    def __init__(self, unknown: set[tuple[str, ...]]) -> None:
        self._unknown = unknown

    @property
    def of_all(self) -> bool:
        return not self._unknown

    def of(self, key: tuple[str, ...]) -> bool:
        return key not in self._unknown


def measures_of(sums: Sums, *, has_tasks: bool = True) -> dict[str, Any]:
    """What admins are told, by name; money in USD."""
    raw, billed = Fraction(sums.raw), Fraction(sums.billed)
    tokens = sums.prompt_tokens + sums.completion_tokens
    return {
        "total_tokens": tokens,
        "total_requests": sums.requests,
        "raw_cost": raw,
        "markup_cost": billed,
        "profit": billed - raw,
        "profit_margin_percent": share(billed - raw, billed),
        "markup_rate": round(billed / raw, 6) if raw else None,
        "prompt_tokens": sums.prompt_tokens,
        "completion_tokens": sums.completion_tokens,
        "cached_tokens": sums.cached_tokens,
        "cached_percent": share(sums.cached_tokens, sums.prompt_tokens),
        "reasoning_tokens": sums.reasoning_tokens,
        "failures": sums.failures,
        "failure_percent": share(sums.failures, sums.requests),
        "cancelled": sums.cancelled,
        "cancelled_percent": share(sums.cancelled, sums.requests),
        "task_requests": sums.task_requests if has_tasks else None,
        "task_cost": Fraction(sums.task_billed) if has_tasks else None,
        "task_percent": share(sums.task_requests, sums.requests) if has_tasks else None,
        "first_byte_ms": _mean(sums.first_byte_ms_sum, sums.first_byte_count),
        "tokens_per_second": _speed(sums),
        "average_tokens": round(Fraction(tokens, sums.requests)) if sums.requests else 0,
        "average_cost": round(billed / sums.requests, 12) if sums.requests else 0,
    }


def own_measures_of(sums: Sums, *, has_tasks: bool = True) -> dict[str, Any]:
    """What clients are told: nothing of what it cost."""
    same = (
        "prompt_tokens completion_tokens cached_tokens reasoning_tokens failures cancelled "
        "task_requests first_byte_ms tokens_per_second"
    )
    measures = measures_of(sums, has_tasks=has_tasks)
    return {
        "tokens": measures["total_tokens"],
        "cost": measures["markup_cost"],
        "requests": measures["total_requests"],
        **{name: measures[name] for name in same.split()},
    }


def told(answer: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of an answer that have these names; decimals as fractions."""
    found = {name: answer[name] for name in like}
    return {
        name: Fraction(value) if isinstance(value, str) else value for name, value in found.items()
    }


def share(part: Any, whole: Any) -> Fraction | None:
    """Percent with two decimals, half-even."""
    return round(100 * Fraction(part) / Fraction(whole), 2) if whole else None


def change(now: Any, before: Any) -> Fraction | None:
    return share(Fraction(now) - Fraction(before), before)


def _mean(total: int, count: int) -> int | None:
    return round(Fraction(total, count)) if count else None


def _speed(sums: Sums) -> Fraction | None:
    if not sums.duration_ms_sum:
        return None
    return round(Fraction(1000 * sums.completion_tokens, sums.duration_ms_sum), 2)

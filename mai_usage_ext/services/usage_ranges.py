"""The days that a report is asked for: read, bounded, and the ones to compare them with."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.days import month_days

__all__ = ["MOST_DAYS", "RangeText", "check_range", "day_of", "previous_range", "range_of"]

MOST_DAYS = 1_100
"""Three years and the day before them."""

_DAY = timedelta(days=1)
_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeText:
    """Days as a client wrote them, ``None`` where it did not.

    ``start_date`` and ``end_date`` are mAI's names of ``since`` and ``until``; ``days_back`` is how
    many days that end with ``until``.
    """

    since: str | None = None
    until: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    days_back: int | None = None


def range_of(given: RangeText, *, today: date, days: int | None = None) -> tuple[date, date]:
    """First and last day, both included.

    Without a beginning, the ``days`` that end with the last one, or else the last day's month so
    far. Raises ``BadInput`` by the name that the client used.
    """
    last, last_name = _one("to", given.until, "end_date", given.end_date)
    first, first_name = _one("from", given.since, "start_date", given.start_date)
    end = today if last is None else last
    if given.days_back is not None:
        if first is not None:
            raise BadInput("days_back", got=given.days_back, expected=f"it or {first_name}")
        if not 1 <= given.days_back <= MOST_DAYS:
            raise BadInput("days_back", got=given.days_back, expected=f"1 to {MOST_DAYS}")
        days = given.days_back
    if first is None:
        first = end.replace(day=1) if days is None else _back(end, days)
    check_range(first, end, first_name=first_name, last_name=last_name)
    return first, end


def check_range(
    first: date, last: date, *, first_name: str = "from", last_name: str = "to"
) -> None:
    """Raises ``BadInput`` for a range that is reversed or too long."""
    if last < first:
        raise BadInput(last_name, got=str(last), expected=f"a day that is not before {first}")
    if (last - first).days >= MOST_DAYS:
        raise BadInput(first_name, got=str(first), expected=f"at most {MOST_DAYS} days in all")


def previous_range(first: date, last: date) -> tuple[date, date]:
    """The month before a whole month; before anything else as many days, which end the day before.

    Raises ``BadInput`` where the calendar has no such days.
    """
    if first == date.min or (first - date.min).days <= (last - first).days:
        raise BadInput("from", got=str(first), expected="a day with a period before it")
    end = first - _DAY
    if (first, last) == month_days(first):
        return end.replace(day=1), end
    return end - (last - first), end


def day_of(text: str, *, field: str) -> date:
    """Raises ``BadInput``."""
    try:
        if not _ISO.fullmatch(text):
            raise ValueError("not in full")
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(field, got=text, expected="a day such as 2026-01-31") from None


def _one(name: str, text: str | None, alias: str, more: str | None) -> tuple[date | None, str]:
    """The day that either name gives, and the name that gave it."""
    if more is None:
        return (None if text is None else day_of(text, field=name)), name
    if text is not None and text != more:
        raise BadInput(alias, got=more, expected=f"the same as {name}, or only one of the two")
    return day_of(more, field=alias), alias


def _back(end: date, days: int) -> date:
    return max(date.min, date.fromordinal(max(1, end.toordinal() - days + 1)))

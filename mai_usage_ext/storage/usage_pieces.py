"""Long answers cut into pieces that fit into memory, in the order of their keys."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from peewee import SQL, Value, fn

from mai_usage_ext.metering.days import month_days
from mai_usage_ext.ports.usage import Dimension, UsageQuery

__all__ = ["MOST_LINES", "Piece", "among", "pieces"]

MOST_LINES = 20_000
"""What a piece should have at most. It is a guess: of so many users or models nobody knows yet."""

_DAY = timedelta(days=1)
# Users, models and the like of an organization, guessed.
_FEW = 100
_LENGTHS = {Dimension.DAY: 1, Dimension.WEEK: 7, Dimension.MONTH: 30}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some organizations and some days of a query."""

    query: UsageQuery
    organization_ids: Sequence[str]


def pieces(query: UsageQuery, organization_ids: Sequence[str]) -> Iterator[Piece]:
    """The whole where it is short or where its first key can be cut nowhere; ``organization_ids``
    are sorted."""
    if not organization_ids:
        return
    first, *rest = query.group_by or (None,)
    if first is Dimension.ORGANIZATION:
        size = max(1, MOST_LINES // _lines_of(rest, query, organizations=1))
        for place in range(0, len(organization_ids), size):
            yield Piece(query, organization_ids[place : place + size])
    elif first in _LENGTHS:
        count = max(1, MOST_LINES // _lines_of(rest, query, organizations=len(organization_ids)))
        for start, end in _stretches(query.first, query.last, _ENDS[first], count):
            yield Piece(replace(query, first=start, last=end), organization_ids)
    else:
        yield Piece(query, organization_ids)


def among(column: Any, ids: Sequence[str], *, is_sqlite: bool) -> Any:
    """The condition that a column is one of these, in one parameter however many there are."""
    if len(ids) == 1:
        return column == ids[0]
    if is_sqlite:
        return column.in_(SQL("(SELECT value FROM json_each(?))", (json.dumps(list(ids)),)))
    return column == fn.ANY(Value(list(ids), converter=False, unpack=False))


def _lines_of(rest: Sequence[Dimension], query: UsageQuery, *, organizations: int) -> int:
    """About how many lines one value of the first key has."""
    count, days = 1, (query.last - query.first).days + 1
    for one in rest:
        if one is Dimension.ORGANIZATION:
            count *= organizations
        elif one in _LENGTHS:
            count *= days // _LENGTHS[one] + 1
        else:
            count *= _FEW
    return count


def _stretches(
    first: date, last: date, end_of: Callable[[date], date], count: int
) -> Iterator[tuple[date, date]]:
    """Ranges of ``count`` whole periods, the first and the last period as far as they are asked
    for."""
    while first <= last:
        end = first
        for left in range(count, 0, -1):
            end = min(end_of(end), last)
            if end == last or left == 1:
                break
            end += _DAY
        yield first, end
        if end == last:
            return
        first = end + _DAY


def _end_of_week(day: date) -> date:
    return day + timedelta(days=6 - day.weekday())


def _end_of_month(day: date) -> date:
    return month_days(day)[1]


_ENDS: dict[Dimension | None, Callable[[date], date]] = {
    Dimension.DAY: lambda day: day,
    Dimension.WEEK: _end_of_week,
    Dimension.MONTH: _end_of_month,
}

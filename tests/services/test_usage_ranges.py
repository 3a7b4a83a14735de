"""Which days a report is asked for."""

from datetime import date
from typing import Any

import pytest

from mai_usage_ext.errors import BadInput
from mai_usage_ext.services.usage_ranges import MOST_DAYS, RangeText, previous_range, range_of

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ({}, "2026-11-01", "2026-11-24"),
        ({"until": "2026-10-31"}, "2026-10-01", "2026-10-31"),
        ({"since": "2026-10-05"}, "2026-10-05", "2026-11-24"),
        ({"since": "2026-10-05", "until": "2026-10-05"}, "2026-10-05", "2026-10-05"),
        ({"start_date": "2026-10-05", "end_date": "2026-10-06"}, "2026-10-05", "2026-10-06"),
        ({"since": "2026-10-05", "start_date": "2026-10-05"}, "2026-10-05", "2026-11-24"),
        ({"days_back": 1}, "2026-11-24", "2026-11-24"),
        ({"days_back": 30}, "2026-10-26", "2026-11-24"),
        ({"days_back": 2, "end_date": "2026-03-01"}, "2026-02-28", "2026-03-01"),
        ({"since": "2026-11-24", "until": "2026-12-24"}, "2026-11-24", "2026-12-24"),
    ],
)
def test_ranges(given: Any, first: str, last: str) -> None:
    found = range_of(RangeText(**given), today=TODAY)
    assert [str(day) for day in found] == [first, last]


def test_a_default_length() -> None:
    found = range_of(RangeText(), today=TODAY, days=30)
    assert [str(day) for day in found] == ["2026-10-26", "2026-11-24"]
    first, _ = range_of(RangeText(until="0001-01-03"), today=TODAY, days=30)
    assert first == date.min


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"since": "2026-11-24", "until": "2026-11-23"}, "to"),
        ({"start_date": "2026-11-24", "end_date": "2026-11-23"}, "end_date"),
        ({"since": "2026-11-25"}, "to"),
        ({"since": "2023-11-01", "until": "2026-11-23"}, "from"),
        ({"start_date": "0001-01-01"}, "start_date"),
        ({"since": "yesterday"}, "from"),
        ({"until": "2026-02-30"}, "to"),
        ({"since": "20261101"}, "from"),
        ({"since": "2026-W47-1"}, "from"),
        ({"end_date": ""}, "end_date"),
        ({"since": "٢٠٢٦-١١-٠١"}, "from"),
        ({"since": "2026-11-01", "start_date": "2026-11-02"}, "start_date"),
        ({"days_back": 0}, "days_back"),
        ({"days_back": MOST_DAYS + 1}, "days_back"),
        ({"days_back": 3, "since": "2026-11-01"}, "days_back"),
    ],
)
def test_what_cannot_be_meant(given: Any, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        range_of(RangeText(**given), today=TODAY)
    assert caught.value.field == field


def test_the_longest_range() -> None:
    first, last = range_of(RangeText(days_back=MOST_DAYS), today=TODAY)
    assert (last - first).days + 1 == MOST_DAYS


@pytest.mark.parametrize(
    ("first", "last", "before", "until"),
    [
        ("2026-03-01", "2026-03-31", "2026-02-01", "2026-02-28"),
        ("2026-01-01", "2026-01-31", "2025-12-01", "2025-12-31"),
        ("2026-03-01", "2026-03-30", "2026-01-30", "2026-02-28"),
        ("2026-03-02", "2026-03-08", "2026-02-23", "2026-03-01"),
        ("2026-03-02", "2026-03-02", "2026-03-01", "2026-03-01"),
        ("2026-02-01", "2026-03-31", "2025-12-04", "2026-01-31"),
    ],
)
def test_the_period_before(first: str, last: str, before: str, until: str) -> None:
    found = previous_range(date.fromisoformat(first), date.fromisoformat(last))
    assert [str(day) for day in found] == [before, until]


@pytest.mark.parametrize("first", [date.min, date(1, 1, 2)])
def test_before_the_calendar_there_is_nothing(first: date) -> None:
    with pytest.raises(BadInput, match="from"):
        previous_range(first, date(1, 1, 31))

"""Marks of a limit: each is passed once, and never skipped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.metering.limits import marks_passed

MARKS = (80, 90, 100)


@pytest.mark.parametrize(
    ("limit", "before", "after", "passed"),
    [
        (100, 0, 79, []),
        (100, 79, 80, [80]),
        (100, 80, 80, []),
        (100, 0, 250, [80, 90, 100]),
        (100, 100, 250, []),
        (101, 80, 81, [80]),
        (0, -1, 0, [80, 90, 100]),
        (0, 0, 5, []),
    ],
)
def test_marks(limit: int, before: int, after: int, passed: list[int]) -> None:
    assert marks_passed(MARKS, limit_pusd=limit, before_pusd=before, after_pusd=after) == passed


@given(
    limit=st.integers(1, 10**18),
    steps=st.lists(st.integers(0, 10**17), max_size=20),
    marks=st.sets(st.integers(1, 100), max_size=6),
)
def test_however_it_is_spent(limit: int, steps: list[int], marks: set[int]) -> None:
    spent, passed = 0, []
    for step in steps:
        passed += marks_passed(marks, limit_pusd=limit, before_pusd=spent, after_pusd=spent + step)
        spent += step
    assert passed == sorted(mark for mark in marks if spent * 100 >= limit * mark)

"""Marks of a limit: each is passed once, and never skipped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.metering.limits import (
    MarkPeriod,
    MarkRule,
    Marks,
    amounts_passed,
    marks_passed,
)

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


@pytest.mark.parametrize(
    ("before", "after", "passed"),
    [(0, 9, []), (9, 10, [10]), (10, 10, []), (10, 11, []), (0, 99, [10, 20]), (20, 5, [])],
)
def test_amounts(before: int, after: int, passed: list[int]) -> None:
    assert amounts_passed([20, 10], before_pusd=before, after_pusd=after) == passed


def rule(number: int, *marks: int, period: MarkPeriod = MarkPeriod.LIMIT, **about: str) -> MarkRule:
    return MarkRule(id=number, period=period, marks=marks, **about)


def named(found: dict[int, MarkRule]) -> dict[int, int]:
    return {mark: one.id for mark, one in found.items()}


def test_rules_add_up_and_the_most_specific_one_names_a_mark() -> None:
    marks = Marks(
        [
            rule(4, 90, user_id="ada"),
            rule(3, 80, 90, organization_id="acme"),
            rule(2, 70, 80),
            rule(1, 70),
        ]
    )
    assert named(dict(marks.percents("zeta"))) == {70: 1, 80: 2}
    assert named(dict(marks.percents("acme"))) == {70: 1, 80: 3, 90: 3}
    assert named(dict(marks.percents("acme", "ada"))) == {70: 1, 80: 3, 90: 4}
    assert named(dict(marks.percents("acme", "ben"))) == {70: 1, 80: 3, 90: 3}
    told = [marks.limit_rule(*who) for who in (("zeta",), ("acme",), ("acme", "ada"))]
    assert [one and one.id for one in told] == [1, 3, 4]
    assert (marks.has_amounts, marks.users) == (False, frozenset())
    assert Marks().limit_rule("acme") is None


def test_amounts_are_of_their_period_and_of_whom_they_are_about() -> None:
    month, day = MarkPeriod.MONTH, MarkPeriod.DAY
    marks = Marks(
        [
            rule(1, 5, period=month),
            rule(2, 6, period=day, organization_id="acme"),
            rule(3, 7, period=month, user_id="ada"),
        ]
    )
    assert (marks.has_amounts, marks.users) == (True, {"ada"})
    assert named(dict(marks.amounts(month, "acme"))) == {5: 1}
    assert named(dict(marks.amounts(day, "acme"))) == {6: 2}
    assert named(dict(marks.amounts(day, "zeta"))) == {}
    assert named(dict(marks.amounts(month, "acme", "ada"))) == {7: 3}
    assert named(dict(marks.amounts(month, "acme", "ben"))) == {}
    assert dict(marks.percents("acme")) == {}

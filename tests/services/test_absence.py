"""A helper that is away: said once, tried ever more seldom, by one at a time."""

from __future__ import annotations

import logging

import pytest

from mai_usage_ext.services.absence import Absence


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def absence(clock: Clock) -> Absence:
    return Absence("the lamp", without="it is dark", first_s=1, longest_s=8, now=clock)


def test_it_is_said_once_that_it_went_and_once_that_it_is_back(
    absence: Absence, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="mai_usage_ext"):
        absence.back()
        assert absence.trouble is None
        absence.failed("no oil")
        absence.failed("no wick")
        assert absence.trouble == "the lamp: no wick; it is dark; it is tried again by itself"
        absence.back()
        absence.back()
    assert absence.trouble is None
    assert [record.message for record in caplog.records] == [
        "the lamp: no oil; it is dark; it is tried again by itself",
        "the lamp: back again",
    ]


def test_waits_double_up_to_the_longest_and_differ(absence: Absence) -> None:
    waits = [absence.failed("no oil") for _ in range(40)]
    for wait, full in zip(waits, [1, 2, 4, *[8] * 37], strict=True):
        assert full / 2 <= wait <= full
    assert len(set(waits[3:])) > 1
    absence.back()
    assert absence.failed("no oil") <= 1


def test_while_it_is_away_one_at_a_time_tries_it(absence: Absence, clock: Clock) -> None:
    assert absence.may_try()
    wait_s = absence.failed("no oil")
    assert not absence.may_try()
    clock.s = wait_s
    assert [absence.may_try() for _ in range(3)] == [True, False, False]
    absence.back()
    assert absence.may_try()

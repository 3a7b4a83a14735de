"""Each number of a report, worked out by hand."""

from dataclasses import fields
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.metering.daily import SUMS
from mai_usage_ext.metering.measures import (
    UsageTally,
    definitions,
    mean,
    percent,
    total_of,
)

SAMPLE = UsageTally(
    requests=8,
    failures=1,
    cancelled=2,
    prompt_tokens=1_000,
    completion_tokens=250,
    cached_tokens=400,
    reasoning_tokens=50,
    raw_pusd=3_000_000_000_001,
    billed_pusd=4_000_000_000_001,
    first_byte_ms_sum=1_001,
    first_byte_count=6,
    duration_ms_sum=16_000,
    task_requests=3,
    task_billed_pusd=900,
)
NOTHING = UsageTally()


@pytest.mark.parametrize(
    ("name", "value", "of_nothing"),
    [
        ("tokens", 1_250, 0),
        ("profit_pusd", 1_000_000_000_000, 0),
        ("margin_percent", Decimal("25.00"), None),
        ("markup", Decimal("1.333333"), None),
        ("mean_first_byte_ms", 167, None),
        ("tokens_per_second", Decimal("15.62"), None),
        ("failure_percent", Decimal("12.50"), None),
        ("cancelled_percent", Decimal("25.00"), None),
        ("cached_percent", Decimal("40.00"), None),
        ("task_percent", Decimal("37.50"), None),
        ("average_tokens", 156, 0),
        ("average_billed_pusd", 500_000_000_000, 0),
    ],
)
def test_what_follows_from_the_sums(name: str, value: object, of_nothing: object) -> None:
    assert getattr(SAMPLE, name) == value
    assert getattr(NOTHING, name) == of_nothing
    assert str(getattr(SAMPLE, name)) == str(value)


def test_averages_over_days() -> None:
    assert (SAMPLE.tokens_per_day(4), SAMPLE.tokens_per_day(0)) == (312, 0)
    assert SAMPLE.billed_pusd_per_day(2) == 2_000_000_000_000


def test_a_loss_is_negative() -> None:
    loss = UsageTally(raw_pusd=200, billed_pusd=100)
    assert (loss.profit_pusd, loss.margin_percent) == (-100, Decimal("-100.00"))
    assert loss.markup == Decimal("0.500000")


def test_what_was_not_kept_stays_unknown() -> None:
    unknown = UsageTally(requests=2, task_requests=None, task_billed_pusd=None)
    both = total_of([SAMPLE, unknown])
    assert both.requests == 10
    assert (both.task_requests, both.task_billed_pusd, both.task_percent) == (None, None, None)


def test_everything_is_added() -> None:
    twice = SAMPLE + SAMPLE
    for field in fields(UsageTally):
        assert getattr(twice, field.name) == 2 * getattr(SAMPLE, field.name), field.name
    assert total_of([]) == NOTHING


def test_made_of_the_sums_of_a_day() -> None:
    made = UsageTally.of(tuple(range(1, 13)), task_requests=13, task_billed_pusd=14)
    assert [getattr(made, name) for name in SUMS] == list(range(1, 13))
    assert (made.task_requests, made.task_billed_pusd) == (13, 14)
    assert UsageTally.of(tuple(range(12))).task_requests is None


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [
        (5, 2, 2),
        (7, 2, 4),
        (-5, 2, -2),
        (1, 3, 0),
        (2, 3, 1),
        (9, 0, 0),
        (10**30 + 1, 2, 5 * 10**29),
    ],
)
def test_means_are_half_even(total: int, count: int, expected: int) -> None:
    assert mean(total, count) == expected


def test_percents_are_half_even_and_exact() -> None:
    assert percent(1, 800) == Decimal("0.12")
    assert percent(3, 800) == Decimal("0.38")
    assert percent(10**40 + 1, 10**40) == Decimal("100.00")
    assert percent(1, 0) is None


@given(st.integers(-(10**24), 10**24), st.integers(1, 10**9))
def test_a_mean_is_as_near_as_can_be(total: int, count: int) -> None:
    assert abs(mean(total, count) * count - total) * 2 <= count


def test_every_number_has_a_sentence() -> None:
    told = definitions()
    assert set(told) >= {field.name for field in fields(UsageTally)}
    assert {"tokens", "markup", "tokens_per_second", "billed_pusd_per_day"} <= set(told)
    properties = {name for name, one in vars(UsageTally).items() if isinstance(one, property)}
    assert properties <= set(told)
    for sentence in told.values():
        assert sentence.endswith(".")
        assert "\n" not in sentence

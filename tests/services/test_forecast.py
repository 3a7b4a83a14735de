"""What a month is expected to come to."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.services.forecast import forecast_of

TODAY = date(2026, 11, 11)  # a Wednesday


def days(first: date, *values: int) -> dict[date, int]:
    return {first + timedelta(days=offset): value for offset, value in enumerate(values)}


def test_without_history_it_is_linear_on_the_days_elapsed() -> None:
    used = days(date(2026, 11, 1), *[100] * 10, 30)
    forecast = forecast_of(used, today=TODAY)
    assert (forecast.so_far, forecast.expected) == (1_030, 3_000)
    assert (forecast.low, forecast.high) == (3_000, 3_000)
    assert not forecast.has_pattern
    assert forecast.days[0] == (TODAY, 100)
    assert forecast.days[-1][0] == date(2026, 11, 30)
    assert len(forecast.days) == 20


def test_today_counts_with_what_it_has_when_that_is_more() -> None:
    used = days(date(2026, 11, 1), *[100] * 10, 500)
    assert forecast_of(used, today=TODAY).expected == 1_000 + 500 + 19 * 100


def test_weekdays_are_told_apart_where_there_is_enough() -> None:
    first = TODAY - timedelta(days=28)
    used = {
        day: 0 if day.weekday() >= 5 else 100
        for day in (first + timedelta(days=offset) for offset in range(28))
    }
    forecast = forecast_of(used, today=TODAY)
    assert forecast.has_pattern
    assert dict(forecast.days)[date(2026, 11, 14)] == 0
    assert dict(forecast.days)[date(2026, 11, 16)] == 100
    # 21 working days, of which 7 are over.
    assert forecast.expected == 2_100
    assert (forecast.low, forecast.high) == (2_100, 2_100)


def test_the_month_sets_the_level_and_the_weeks_the_pattern() -> None:
    first = TODAY - timedelta(days=28)
    used = days(first, *[100] * 18, *[200] * 10)
    forecast = forecast_of(used, today=TODAY)
    assert forecast.has_pattern
    assert 5_700 <= forecast.expected <= 6_300
    assert forecast.low < forecast.expected < forecast.high
    assert forecast.high - forecast.expected == forecast.expected - forecast.low


def test_a_month_that_has_just_begun_goes_by_the_weeks_before() -> None:
    used = days(date(2026, 10, 4), *[100] * 28, 9_000)
    forecast = forecast_of(used, today=date(2026, 11, 2))
    # One day of the month is over, and was far from usual.
    assert forecast.so_far == 9_000
    assert forecast.expected < 9_000 + 29 * 600


@pytest.mark.parametrize("today", [date(2026, 11, 1), date(2026, 2, 28), date(2024, 2, 29)])
def test_ends_of_months_and_nothing_used(today: date) -> None:
    forecast = forecast_of({}, today=today)
    assert (forecast.low, forecast.expected, forecast.high) == (0, 0, 0)
    assert forecast.days[0][0] == today
    assert (forecast.days[-1][0] + timedelta(days=1)).day == 1


def test_the_first_of_a_month_with_a_little_history_only() -> None:
    used = days(date(2026, 10, 31), 280, 1)
    forecast = forecast_of(used, today=date(2026, 11, 1))
    assert not forecast.has_pattern
    # One day of the 28 before: ten a day.
    assert forecast.expected == 300


def test_when_an_amount_is_reached() -> None:
    used = days(date(2026, 11, 1), *[100] * 10, 30)
    forecast = forecast_of(used, today=TODAY)
    assert forecast.reaches(1_030) == TODAY
    assert forecast.reaches(1_100) == TODAY
    assert forecast.reaches(1_101) == TODAY + timedelta(days=1)
    assert forecast.reaches(3_000) == date(2026, 11, 30)
    assert forecast.reaches(3_001) is None


@given(
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.lists(st.integers(0, 10**18), max_size=62),
)
def test_it_is_whole_numbers_in_order(today: date, values: list[int]) -> None:
    used = {today - timedelta(days=back): value for back, value in enumerate(values)}
    forecast = forecast_of(used, today=today)
    assert forecast.so_far <= forecast.low <= forecast.expected <= forecast.high
    assert all(type(value) is int and value >= 0 for _, value in forecast.days)

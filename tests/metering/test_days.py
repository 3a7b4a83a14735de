"""Billing days where clocks change, where they never do, and at both ends of the world."""

import time
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.days import (
    billing_day,
    day_bounds_ms,
    is_over,
    month_days,
    month_of,
    previous_days,
    zone,
)

HOUR_MS = 3_600_000
ZONES = (
    "UTC", "Europe/Warsaw", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati",
    "Etc/GMT+12", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu",
)  # fmt: skip


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("instant", "zone_name", "day"),
    [
        ("2026-11-24T23:30:00", "UTC", date(2026, 11, 24)),
        ("2026-11-24T23:30:00", "Europe/Warsaw", date(2026, 11, 25)),
        ("2026-11-24T03:00:00", "America/New_York", date(2026, 11, 23)),
        ("2026-12-31T10:30:00", "Pacific/Kiritimati", date(2027, 1, 1)),
        ("2026-01-01T11:59:59", "Etc/GMT+12", date(2025, 12, 31)),
        ("2028-02-28T18:30:00", "Asia/Kolkata", date(2028, 2, 29)),
    ],
)
def test_the_day_is_the_organizations(instant: str, zone_name: str, day: date) -> None:
    assert billing_day(ms(instant), zone_name) == day


@pytest.mark.parametrize(
    ("day", "zone_name", "hours"),
    [
        (date(2026, 3, 29), "Europe/Warsaw", 23),
        (date(2026, 10, 25), "Europe/Warsaw", 25),
        (date(2026, 10, 26), "Europe/Warsaw", 24),
        (date(2018, 11, 4), "America/Sao_Paulo", 23),
        (date(2026, 4, 5), "Australia/Lord_Howe", 24.5),
    ],
)
def test_days_are_as_long_as_they_are(day: date, zone_name: str, hours: float) -> None:
    first, after = day_bounds_ms(day, zone_name)
    assert (after - first) / HOUR_MS == hours


@given(st.integers(0, 4_102_444_800_000), st.sampled_from(ZONES))
def test_every_instant_lies_within_its_day(instant_ms: int, zone_name: str) -> None:
    first, after = day_bounds_ms(billing_day(instant_ms, zone_name), zone_name)
    assert first <= instant_ms < after


def test_months() -> None:
    assert month_of(date(2026, 3, 1)) == "2026-03"
    assert month_days(date(2028, 2, 10)) == (date(2028, 2, 1), date(2028, 2, 29))
    assert month_days(date(2026, 12, 31)) == (date(2026, 12, 1), date(2026, 12, 31))
    assert previous_days(date(2026, 3, 2), 3) == [
        date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)
    ]  # fmt: skip


@pytest.mark.parametrize("bad", ["", "Mars/Phobos", "../etc/passwd", "europe"])
def test_a_zone_that_is_none(bad: str) -> None:
    with pytest.raises(BadInput, match=r"^timezone is .*; expected an IANA zone"):
        zone(bad)


NEW_YORK, KIRITIMATI = "America/New_York", "Pacific/Kiritimati"
DAY = date(2026, 6, 10)
ENDS_IN_NEW_YORK = ms("2026-06-11T04:00:00")


def test_a_day_is_over_at_its_last_midnight() -> None:
    assert not is_over(DAY, at_ms=ENDS_IN_NEW_YORK - 1, time_zone=NEW_YORK)
    assert is_over(DAY, at_ms=ENDS_IN_NEW_YORK, time_zone=NEW_YORK)
    # Half of a plan is none.
    assert is_over(DAY, at_ms=ENDS_IN_NEW_YORK, time_zone=NEW_YORK, next_time_zone="Etc/GMT+12")
    assert is_over(DAY, at_ms=ENDS_IN_NEW_YORK, time_zone=NEW_YORK, next_from_ms=0)


def test_a_day_that_a_zone_further_west_will_bring_back_is_not_over() -> None:
    """Kiritimati is through with it at 10:00 UTC; New York has it until 04:00 UTC of the 11th."""

    def over(at: str, move: str) -> bool:
        return is_over(
            DAY,
            at_ms=ms(at),
            time_zone=KIRITIMATI,
            next_time_zone=NEW_YORK,
            next_from_ms=ms(move),
        )

    assert not over("2026-06-10T12:00:00", "2026-06-10T20:00:00")
    assert not over("2026-06-10T12:00:00", "2026-06-11T03:59:59")
    assert over("2026-06-10T12:00:00", "2026-06-11T04:00:00")
    assert not over("2026-06-10T09:59:59", "2026-06-11T04:00:00"), "its own zone is not through"
    # From the move on the new zone decides alone, from its very millisecond.
    assert not over("2026-06-10T20:00:00", "2026-06-10T20:00:00")
    assert over("2026-06-11T04:00:00", "2026-06-10T20:00:00")


def test_the_day_does_not_depend_on_the_machines_own_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        assert billing_day(ms("2026-11-24T23:30:00"), "UTC") == date(2026, 11, 24)
        assert day_bounds_ms(date(2026, 11, 24), "UTC")[0] == ms("2026-11-24T00:00:00")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_is_said_of_a_zone_that_is_none() -> None:
    with pytest.raises(BadInput) as caught:
        zone("Mars/Phobos", field="zone")
    assert str(caught.value) == (
        "zone is 'Mars/Phobos'; expected an IANA zone such as Europe/Warsaw"
    )

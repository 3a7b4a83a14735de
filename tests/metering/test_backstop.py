"""The limit behind the gate: what it is, and that it never refuses what the gate admits."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mai_usage_ext.metering.backstop import (
    backstop_pusd,
    instants_ahead,
    lowest_rate_over,
    window_at,
)
from mai_usage_ext.metering.days import billing_day, day_bounds_ms, month_of
from mai_usage_ext.metering.money import PICO, RATE_ONE
from mai_usage_ext.metering.pricing import PriceRule

HOUR_MS = 3_600_000
MILLIONTH = PICO // 10**6
AHEAD, BEHIND = "Pacific/Kiritimati", "America/New_York"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


MIDDLE = ms("2026-06-15T12:00")


def limit_of(
    limit_pusd: int | None,
    rate_micro: int,
    *,
    at_ms: int = MIDDLE,
    time_zone: str = "UTC",
    on_limit: str = "block",
    overlap: int = 0,
) -> int | None:
    return backstop_pusd(
        limit_pusd=limit_pusd,
        on_limit=on_limit,
        rate_micro=rate_micro,
        at_ms=at_ms,
        time_zone=time_zone,
        overlap_raw_pusd=overlap,
    )


def rule(rate_micro: int, from_ms: int = 0, pattern: str | None = None) -> PriceRule:
    return PriceRule(
        id=from_ms,
        organization_id="acme",
        model_pattern=pattern,
        effective_from_ms=from_ms,
        rate_micro=rate_micro,
        fee_pusd=0,
    )


def test_the_limit_divided_by_the_markup_rounded_up() -> None:
    assert limit_of(130 * PICO, 1_300_000) == 100 * PICO
    assert limit_of(100 * PICO, 1_300_000) == 76_923_077 * MILLIONTH
    assert limit_of(1, RATE_ONE) == MILLIONTH


@pytest.mark.parametrize(
    ("limit_pusd", "rate_micro", "on_limit"),
    [(None, RATE_ONE, "block"), (PICO, 0, "block"), (PICO, RATE_ONE, "alert")],
)
def test_where_there_is_none(limit_pusd: int | None, rate_micro: int, on_limit: str) -> None:
    assert limit_of(limit_pusd, rate_micro, on_limit=on_limit) is None


def test_a_limit_of_nothing_still_lets_free_models_through() -> None:
    assert limit_of(0, RATE_ONE) == MILLIONTH


def test_ahead_of_utc_the_new_month_has_room_of_its_own_until_the_reset() -> None:
    # On Kiritimati, fourteen hours ahead, July begins at ten in the morning of 30 June UTC.
    assert limit_of(PICO, RATE_ONE, at_ms=ms("2026-06-30T09:59"), time_zone=AHEAD) == PICO
    assert limit_of(PICO, RATE_ONE, at_ms=ms("2026-06-30T10:00"), time_zone=AHEAD) == 2 * PICO
    assert limit_of(PICO, RATE_ONE, at_ms=ms("2026-07-01T00:00"), time_zone=AHEAD) == PICO


def test_behind_utc_the_old_month_keeps_its_room_after_the_reset() -> None:
    # In New York, four hours behind in summer, June ends at four in the morning of 1 July UTC.
    before, after = ms("2026-06-30T23:59"), ms("2026-07-01T04:00")
    assert limit_of(PICO, RATE_ONE, at_ms=before, time_zone=BEHIND) == PICO
    assert limit_of(PICO, RATE_ONE, at_ms=ms("2026-07-01T00:00"), time_zone=BEHIND) == 2 * PICO
    spent = PICO // 4
    assert limit_of(PICO, RATE_ONE, at_ms=after, time_zone=BEHIND, overlap=spent) == PICO + spent


def test_an_earlier_month_that_had_a_higher_limit() -> None:
    at_ms = ms("2026-06-30T12:00")
    assert limit_of(PICO, RATE_ONE, at_ms=at_ms, time_zone=AHEAD, overlap=5 * PICO) == 6 * PICO


def test_the_window_and_the_months_in_it() -> None:
    window = window_at(ms("2026-06-30T12:00"), AHEAD)
    assert (window.from_ms, window.newest_month) == (ms("2026-06-01"), "2026-07")
    assert window.is_ahead
    window = window_at(ms("2026-07-01T01:00"), BEHIND)
    assert (window.from_ms, window.newest_month) == (ms("2026-07-01"), "2026-07")
    assert window.is_behind
    assert not window_at(MIDDLE, BEHIND).holds_two_months


def test_the_instants_that_a_check_has_to_allow_for() -> None:
    at_ms = ms("2026-06-30T09:00")
    assert instants_ahead(at_ms, AHEAD, ahead_ms=HOUR_MS) == (at_ms, ms("2026-06-30T10:00"))
    assert instants_ahead(MIDDLE, AHEAD, ahead_ms=HOUR_MS) == (MIDDLE,)
    assert instants_ahead(at_ms, "UTC", ahead_ms=24 * HOUR_MS) == (at_ms, ms("2026-07-01"))
    december = ms("2026-12-31T23:00")
    assert instants_ahead(december, "UTC", ahead_ms=HOUR_MS) == (december, ms("2027-01-01"))


def test_the_lowest_markup_of_a_month_not_of_a_moment() -> None:
    rules = [rule(1_000_000), rule(2_000_000, MIDDLE), rule(500_000, MIDDLE + HOUR_MS)]
    assert lowest_rate_over(rules, from_ms=1, until_ms=MIDDLE) == 1_000_000
    assert lowest_rate_over(rules, from_ms=MIDDLE, until_ms=MIDDLE) == 2_000_000
    assert lowest_rate_over(rules, from_ms=MIDDLE, until_ms=MIDDLE + HOUR_MS) == 500_000
    assert lowest_rate_over([], from_ms=0, until_ms=1) == RATE_ONE


def test_a_model_that_no_rule_fits_is_billed_at_cost() -> None:
    rules = [rule(2_000_000, pattern="anthropic/*")]
    assert lowest_rate_over(rules, from_ms=1, until_ms=2) == RATE_ONE


@dataclass
class World:
    """A gate, a key at OpenRouter, and a check that looks at both now and then."""

    time_zone: str
    rules: list[PriceRule]
    limit_pusd: int
    now_ms: int
    every_ms: int = 6 * HOUR_MS
    next_check_ms: int = 0
    key_limit: int | None = None
    spent: list[tuple[int, int, int]] = field(default_factory=list)  # instant, raw, billed

    def month(self, at_ms: int) -> str:
        return month_of(billing_day(at_ms, self.time_zone))

    def rate(self, at_ms: int) -> int:
        return max(
            (each for each in self.rules if each.effective_from_ms <= at_ms),
            key=lambda each: each.effective_from_ms,
        ).rate_micro

    def advance(self, by_ms: int) -> None:
        until = self.now_ms + by_ms
        while self.next_check_ms <= until:
            self.now_ms = self.next_check_ms
            self.check()
            self.next_check_ms += self.every_ms
        self.now_ms = until

    def check(self) -> None:
        ahead_ms = 2 * self.every_ms
        instants = instants_ahead(self.now_ms, self.time_zone, ahead_ms=ahead_ms)
        self.key_limit = max(self.limit_at(instant, ahead_ms) for instant in instants)

    def limit_at(self, at_ms: int, ahead_ms: int) -> int:
        window = window_at(at_ms, self.time_zone)
        first = billing_day(at_ms, self.time_zone).replace(day=1)
        from_ms = min(window.from_ms, day_bounds_ms(first, self.time_zone)[0])
        rate = lowest_rate_over(self.rules, from_ms=from_ms, until_ms=at_ms + ahead_ms)
        overlap = sum(
            raw
            for at, raw, _ in self.spent
            if at >= window.from_ms and self.month(at) < window.newest_month
        )
        found = backstop_pusd(
            limit_pusd=self.limit_pusd,
            on_limit="block",
            rate_micro=rate,
            at_ms=at_ms,
            time_zone=self.time_zone,
            overlap_raw_pusd=overlap,
        )
        assert found is not None
        return found

    def spend(self, share: float) -> None:
        """Spend a share of what the gate would let through, and see what the key would say."""
        here = self.month(self.now_ms)
        billed = sum(billed for at, _, billed in self.spent if self.month(at) == here)
        room = int(max(self.limit_pusd - billed, 0) * share)
        raw = room * RATE_ONE // self.rate(self.now_ms)
        self.spent.append((self.now_ms, raw, room))
        window = window_at(self.now_ms, self.time_zone).from_ms
        used = sum(raw for at, raw, _ in self.spent if at >= window)
        assert self.key_limit is not None
        assert room == 0 or used <= self.key_limit, (here, used, self.key_limit)


ZONES = sorted(name for name in available_timezones() if "/" in name)
FAR = ["Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Asia/Kolkata", "UTC"]
# Most of the trouble is at the two beginnings of a month, and in the hours between them.
INSTANTS = st.tuples(
    st.sampled_from(["UTC", "here"]),
    st.one_of(
        st.sampled_from([-HOUR_MS, -60_000, 0, 60_000, HOUR_MS]),
        st.integers(min_value=-40 * HOUR_MS, max_value=40 * HOUR_MS),
    ),
)
ACTIONS = st.one_of(
    st.tuples(st.just("spend"), st.sampled_from([1.0, 1.0, 0.5, 0.01])),
    st.tuples(st.just("limit"), st.integers(min_value=0, max_value=1000 * PICO)),
    st.tuples(st.just("rate"), st.integers(min_value=100_000, max_value=3 * RATE_ONE)),
)


@settings(max_examples=500, deadline=None)
@given(
    time_zone=st.one_of(st.sampled_from(FAR), st.sampled_from(ZONES)),
    steps=st.lists(st.tuples(INSTANTS, ACTIONS), min_size=2, max_size=20),
)
# A whole month's limit spent in the hours before a midnight west of UTC, and the next one after.
@example(
    time_zone="America/New_York",
    steps=[(("here", -HOUR_MS), ("spend", 1.0)), (("here", HOUR_MS), ("spend", 1.0))],
)
# The same east of UTC, before OpenRouter begins anew.
@example(
    time_zone="Pacific/Kiritimati",
    steps=[(("here", -HOUR_MS), ("spend", 1.0)), (("here", HOUR_MS), ("spend", 1.0))],
)
# Half of it at a low markup, the rest at a high one.
@example(
    time_zone="UTC",
    steps=[
        (("UTC", 1), ("spend", 0.5)),
        (("UTC", 2), ("rate", 3 * RATE_ONE)),
        (("UTC", 3), ("spend", 1.0)),
    ],
)
def test_it_never_refuses_what_the_gate_admits(
    time_zone: str, steps: list[tuple[tuple[str, int], tuple[str, float]]]
) -> None:
    november = date(2026, 11, 1)
    starts = {"UTC": ms("2026-11-01"), "here": day_bounds_ms(november, time_zone)[0]}
    begin = ms("2026-10-29")
    world = World(time_zone, [rule(1_300_000)], 100 * PICO, begin, next_check_ms=begin)
    for at_ms, (action, amount) in sorted((starts[base] + off, act) for (base, off), act in steps):
        # No two rules begin at one instant: the database refuses the second.
        world.advance(max(at_ms - world.now_ms, 0) + 1)
        if action == "spend":
            world.spend(amount)
        elif action == "limit":
            world.limit_pusd = int(amount)
            world.check()
        else:
            world.rules.append(rule(int(amount), world.now_ms))
            world.check()


@given(
    time_zone=st.sampled_from(ZONES),
    at_ms=st.integers(min_value=ms("2025-01-01"), max_value=ms("2030-01-01")),
    limit_pusd=st.integers(min_value=0, max_value=9_000_000 * PICO),
    rate_micro=st.integers(min_value=1, max_value=1000 * RATE_ONE),
)
def test_it_is_a_whole_number_of_millionths_just_above_what_is_needed(
    time_zone: str, at_ms: int, limit_pusd: int, rate_micro: int
) -> None:
    found = limit_of(limit_pusd, rate_micro, at_ms=at_ms, time_zone=time_zone)
    assert found is not None
    assert found % MILLIONTH == 0
    assert found > 0
    months = 2 if window_at(at_ms, time_zone).holds_two_months else 1
    allowance = -(-limit_pusd * RATE_ONE // rate_micro)
    assert 0 <= found - months * allowance <= MILLIONTH


def test_before_the_first_rule_a_call_is_billed_at_cost() -> None:
    dear = [rule(2_000_000, from_ms=1_000)]
    assert lowest_rate_over(dear, from_ms=999, until_ms=2_000) == RATE_ONE
    assert lowest_rate_over(dear, from_ms=1_000, until_ms=2_000) == 2_000_000
    only_one_model = [rule(2_000_000, pattern="a/*")]
    assert lowest_rate_over(only_one_model, from_ms=5, until_ms=6) == RATE_ONE


def test_a_month_that_begins_this_very_millisecond_is_not_ahead() -> None:
    july = ms("2026-07-01T00:00")
    assert instants_ahead(july, "UTC", ahead_ms=HOUR_MS) == (july,)
    assert instants_ahead(july - 1, "UTC", ahead_ms=1) == (july - 1, july)
    assert instants_ahead(july - 2, "UTC", ahead_ms=1) == (july - 2,)

"""Which rule decides, which patterns there may be, and the rate that limits divide by."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.pricing import (
    MAX_FEE_PUSD,
    Price,
    PriceRule,
    checked_fee,
    checked_pattern,
    lowest_rate,
    price_of,
    rule_of,
)

NOW = 1_000


def rule(
    pattern: str | None = None,
    *,
    own: bool = True,
    rate: int = 1_300_000,
    fee: int = 0,
    at: int = 0,
    number: int = 1,
) -> PriceRule:
    return PriceRule(
        id=number,
        organization_id="acme" if own else None,
        model_pattern=pattern,
        effective_from_ms=at,
        rate_micro=rate,
        fee_pusd=fee,
    )


# Every rule loses to the ones behind it, for openai/gpt-4o and now.
RISING = (
    rule(own=False),
    rule(own=False, at=1),
    rule("openai/*", own=False),
    rule("openai/gpt-4o", own=False),
    rule(),
    rule(at=NOW),
    rule(at=NOW, number=2),
    rule("*4o"),
    rule("*4o", at=1),
    rule("openai/*"),
    rule("openai/gpt-*"),
    rule("openai/gpt-4o"),
)


@pytest.mark.parametrize("length", range(1, len(RISING) + 1))
def test_the_most_specific_rule_wins_in_whatever_order(length: int) -> None:
    rules = RISING[:length]
    for ordered in (rules, rules[::-1]):
        assert rule_of(ordered, "openai/gpt-4o", at_ms=NOW) is rules[-1]


@pytest.mark.parametrize(
    "passed_over", [rule("openai/gpt-4o", at=NOW + 1), rule("openai/gpt-4"), rule("OpenAI/*")]
)
def test_what_is_planned_or_about_another_model_does_not_count(passed_over: PriceRule) -> None:
    base = rule(rate=2_000_000, fee=7)
    assert rule_of([passed_over, base], "openai/gpt-4o", at_ms=NOW) is base
    assert price_of([passed_over, base], "openai/gpt-4o", at_ms=NOW) == Price(
        rate_micro=2_000_000, fee_pusd=7
    )
    assert rule_of([passed_over], "openai/gpt-4o", at_ms=NOW) is None


def test_without_a_rule_a_call_is_billed_at_cost() -> None:
    assert price_of([], "openai/gpt-4o", at_ms=NOW) == Price(rate_micro=1_000_000, fee_pusd=0)


def test_a_rule_holds_from_its_very_millisecond() -> None:
    rules = [rule(rate=1), rule(rate=2, at=NOW)]
    assert price_of(rules, "m", at_ms=NOW - 1).rate_micro == 1
    assert price_of(rules, "m", at_ms=NOW).rate_micro == 2


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_patterns_match_like_the_regular_expression(pattern: str, model: str) -> None:
    expected = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), model) is not None
    assert rule(pattern).fits(model, NOW) is expected


def test_a_pattern_meant_to_be_slow_is_not() -> None:
    pattern = "*a" * 100 + "b"
    assert not rule(pattern).fits("a" * 5_000, NOW)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        (None, None),
        ("*", None),
        ("***", None),
        ("anthropic/*", "anthropic/*"),
        ("anthropic/**", "anthropic/*"),
        ("~openai/gpt-4o:nitro", "~openai/gpt-4o:nitro"),
        ("x" * 200, "x" * 200),
    ],
)
def test_patterns(given_: str | None, kept: str | None) -> None:
    assert checked_pattern(given_) == kept


@pytest.mark.parametrize(
    "bad", ["", " ", "a b", "a?", "[ab]", "a\n", "a\0", "ł", "x" * 201, 7, True, ["a"], b"a"]
)
def test_what_is_no_pattern(bad: Any) -> None:
    with pytest.raises(BadInput, match=r"^model_pattern is ") as raised:
        checked_pattern(bad)
    assert raised.value.field == "model_pattern"


def test_fees() -> None:
    assert checked_fee("0.000000000001") == 1
    assert checked_fee("1000") == MAX_FEE_PUSD
    for bad in ("-1", "1000.01", "0.0000000000001", 0.1, None, "x", "NaN"):
        with pytest.raises(BadInput, match=r"^fixed_fee is "):
            checked_fee(bad)


@pytest.mark.parametrize(
    ("rules", "lowest"),
    [
        ([], 1_000_000),
        ([rule()], 1_300_000),
        ([rule(rate=2_000_000), rule("a/*", rate=1_500_000)], 1_500_000),
        # The models that no pattern names are billed at cost.
        ([rule("a/*", rate=2_000_000)], 1_000_000),
        ([rule("a/*", rate=900_000)], 900_000),
        # A later one replaces an earlier one; a planned one does not yet.
        ([rule(rate=1_100_000), rule(at=1, rate=1_400_000)], 1_400_000),
        ([rule(rate=1_400_000), rule(at=NOW + 1, rate=1_100_000)], 1_400_000),
        # An organization's own rules put everybody's aside …
        ([rule(rate=1_400_000), rule("a/*", own=False, rate=1_100_000)], 1_400_000),
        ([rule(rate=1_400_000), rule(own=False, rate=1_100_000)], 1_400_000),
        # … but for the models that its own do not name.
        ([rule("a/*", rate=1_400_000), rule(own=False, rate=1_100_000)], 1_100_000),
        (
            [rule("a/*"), rule("a/*", own=False, rate=1_000_001), rule(own=False, rate=1_200_000)],
            1_200_000,
        ),
    ],
)
def test_the_lowest_rate(rules: list[PriceRule], lowest: int) -> None:
    assert lowest_rate(rules, at_ms=NOW) == lowest
    assert lowest_rate(rules[::-1], at_ms=NOW) == lowest


rules_of_one = st.lists(
    st.builds(
        rule,
        st.sampled_from([None, "a/*", "a/b", "*b"]),
        own=st.booleans(),
        rate=st.integers(0, 5).map(lambda tenths: 800_000 + 100_000 * tenths),
        at=st.integers(NOW - 2, NOW + 1),
    ),
    max_size=8,
).map(lambda rules: [replace(made, id=number) for number, made in enumerate(rules)])


@given(rules_of_one, st.sampled_from(["a/b", "a/c", "b", "c"]))
def test_no_model_is_billed_below_the_lowest_rate(rules: list[PriceRule], model: str) -> None:
    assert lowest_rate(rules, at_ms=NOW) <= price_of(rules, model, at_ms=NOW).rate_micro


def test_what_is_said_of_a_bad_pattern_and_a_bad_fee() -> None:
    with pytest.raises(BadInput) as caught:
        checked_pattern("a?b", field="pattern")
    assert str(caught.value) == (
        "pattern is 'a?b'; expected a model name such as anthropic/*, or null"
    )
    with pytest.raises(BadInput) as caught:
        checked_fee("1000.000001", field="fee")
    assert str(caught.value) == "fee is '1000.000001'; expected at most 1000 USD for each call"
    assert checked_fee("1000") == 1000 * 10**12


@pytest.mark.parametrize("character", "?[] ")
def test_each_character_that_means_something_elsewhere_is_refused(character: str) -> None:
    with pytest.raises(BadInput, match=r"^model_pattern is "):
        checked_pattern(f"a{character}b")


@pytest.mark.parametrize(
    ("pattern", "model", "matches"),
    [
        ("ab*b", "ab", False),
        ("ab*b", "abb", True),
        ("a*x*b", "axb", True),
        ("a*x*xb", "axb", False),
        ("a*ab", "aab", True),
        ("ax*x*b", "axb", False),
        ("a*xy*yz*b", "axyzb", False),
        ("a*xy*yz*b", "axyyzb", True),
        ("a*b*ab", "aab", False),
    ],
)
def test_no_letter_is_used_twice(pattern: str, model: str, *, matches: bool) -> None:
    rules = [rule(pattern, rate=7), rule(rate=3)]
    assert price_of(rules, model=model, at_ms=NOW).rate_micro == (7 if matches else 3)

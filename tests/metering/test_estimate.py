"""Estimates: above what a call can cost where that is known, a stated default where it is not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.metering.estimate import (
    Estimate,
    ModelPrice,
    Request,
    estimate,
    tokens_within,
)
from mai_usage_ext.metering.money import billed_pusd
from mai_usage_ext.metering.routes import Shape, shape_of

PRICE = ModelPrice(
    prompt_pusd=3, completion_pusd=10, request_pusd=7, image_pusd=5, max_completion_tokens=1000
)
ASKED = Request(model="a/b", size=300, max_tokens=None, stream=True)
PROMPT = 7 + 3 * 101
SHORTEST = PROMPT + 10 * 64


@pytest.mark.parametrize(
    ("asked", "price", "raw", "least"),
    [
        (replace(ASKED, max_tokens=50), PRICE, PROMPT + 10 * 50, None),
        (ASKED, PRICE, PROMPT + 10 * 1000, SHORTEST),
        (replace(ASKED, max_tokens=50, choices=3), PRICE, PROMPT + 10 * 150, None),
        (replace(ASKED, choices=3), PRICE, PROMPT + 10 * 3000, PROMPT + 10 * 192),
        (replace(ASKED, images=2), PRICE, PROMPT + 2 * (5 + 3 * 2000) + 10_000, SHORTEST + 12_010),
        (replace(ASKED, has_answer=False), PRICE, PROMPT, None),
        (ASKED, None, 99, None),
        (ASKED, replace(PRICE, max_completion_tokens=None), PROMPT + 99, None),
        (ASKED, replace(PRICE, max_completion_tokens=60), PROMPT + 600, None),
        (ASKED, ModelPrice(prompt_pusd=0, completion_pusd=0, max_completion_tokens=9), 0, None),
    ],
)
def test_estimates(asked: Request, price: ModelPrice | None, raw: int, least: int | None) -> None:
    assert estimate(asked, price, default_pusd=99) == Estimate(raw_pusd=raw, least_pusd=least)


@given(
    size=st.integers(0, 10_000),
    choices=st.integers(1, 4),
    completion=st.integers(100, 10**8),
    rate=st.integers(100_000, 3_000_000),
    fee=st.integers(0, 10**9),
    share=st.integers(0, 1000),
)
def test_an_answer_within_what_was_granted(
    size: int, choices: int, completion: int, rate: int, fee: int, share: int
) -> None:
    """The longest one whose bill still fits: one token more would not."""
    price = ModelPrice(prompt_pusd=3, completion_pusd=completion, max_completion_tokens=10**6)
    asked = replace(ASKED, size=size, choices=choices)

    def bill(tokens: int) -> int:
        raw = estimate(replace(asked, max_tokens=tokens), price, default_pusd=0).raw_pusd
        return billed_pusd(raw, rate_micro=rate, fee_pusd=fee)

    least, most = bill(64), bill(10**5)
    granted = least + (most - least) * share // 1000
    tokens = tokens_within(granted, asked, price, rate_micro=rate, fee_pusd=fee)
    # The least was rounded too, so one token less may be all that its amount buys.
    assert tokens >= 63
    assert bill(tokens) <= granted
    assert bill(tokens + 2) > granted


def test_a_free_answer_may_be_as_long_as_the_model_can() -> None:
    free = replace(PRICE, completion_pusd=0)
    assert tokens_within(5, ASKED, free, rate_micro=1_300_000, fee_pusd=0) == 1000
    assert tokens_within(5, ASKED, PRICE, rate_micro=0, fee_pusd=5) == 1000


@pytest.mark.parametrize(
    ("method", "path", "shape"),
    [
        ("POST", "/chat/completions", Shape.CHAT),
        ("post", "/chat/completions/", Shape.CHAT),
        ("POST", "/responses", Shape.RESPONSES),
        ("POST", "/embeddings", Shape.EMBEDDINGS),
        ("POST", "/messages", Shape.MESSAGES),
        ("POST", "/brand/new", Shape.UNKNOWN),
        ("POST", "/messages/count_tokens", None),
        ("POST", "/keys", None),
        ("POST", "/keys/abc", None),
        ("POST", "/analytics/query", None),
        ("POST", "/keysmith", Shape.UNKNOWN),
        ("GET", "/models", None),
        ("DELETE", "/keys/abc", None),
    ],
)
def test_one_table_says_what_is_billable(method: str, path: str, shape: Shape | None) -> None:
    assert shape_of(method, path) is shape


def test_how_many_tokens_are_a_whole_number() -> None:
    tokens = tokens_within(PROMPT + 10 * 70 + 9, ASKED, PRICE, rate_micro=1_000_000, fee_pusd=0)
    assert (tokens, type(tokens)) == (70, int)
    assert tokens_within(PROMPT - 1, ASKED, PRICE, rate_micro=1_000_000, fee_pusd=0) == 0


def test_a_bill_that_was_rounded_stays_within_what_was_granted() -> None:
    price = replace(PRICE, prompt_pusd=0, request_pusd=0, completion_pusd=1)
    for granted in range(1, 60):
        tokens = tokens_within(granted, ASKED, price, rate_micro=1_500_000, fee_pusd=0)
        assert billed_pusd(tokens, rate_micro=1_500_000) <= granted
        # One more may still fit where its half was rounded down.
        assert billed_pusd(tokens + 2, rate_micro=1_500_000) > granted


def test_the_fee_is_part_of_what_was_granted() -> None:
    paid = PROMPT + 10 * 70
    assert tokens_within(paid + 33, ASKED, PRICE, rate_micro=1_000_000, fee_pusd=33) == 70
    assert tokens_within(paid + 32, ASKED, PRICE, rate_micro=1_000_000, fee_pusd=33) == 69


def test_an_estimate_is_whole_picodollars() -> None:
    assert type(estimate(ASKED, PRICE, default_pusd=99).raw_pusd) is int

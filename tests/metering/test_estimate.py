"""Estimates: above what a call can cost where that is known, a stated default where it is not."""

import pytest

from mai_usage_ext.metering.estimate import ModelPrice, Request, estimate_pusd
from mai_usage_ext.metering.routes import Shape, shape_of

PRICE = ModelPrice(prompt_pusd=3, completion_pusd=10, request_pusd=7, max_completion_tokens=1000)


def request(**changes: object) -> Request:
    known = {"model": "a/b", "size": 300, "max_tokens": None, "stream": True}
    return Request(**{**known, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "price", "expected"),
    [
        (request(max_tokens=50), PRICE, 7 + 3 * 101 + 10 * 50),
        (request(), PRICE, 7 + 3 * 101 + 10 * 1000),
        (request(max_tokens=50, choices=3), PRICE, 7 + 3 * 101 + 10 * 150),
        (request(), None, 99),
        (request(), ModelPrice(prompt_pusd=3, completion_pusd=10), 3 * 101 + 99),
        (request(), ModelPrice(prompt_pusd=0, completion_pusd=0, max_completion_tokens=9), 0),
    ],
)
def test_estimates(asked: Request, price: ModelPrice | None, expected: int) -> None:
    assert estimate_pusd(asked, price, default_pusd=99) == expected


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

"""Money leaves digit by digit."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.simulator.encoding import dumps, loads


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.000000000001", "0.000000000001"),
        ("1E-12", "0.000000000001"),
        ("12.300", "12.3"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("-0.5", "-0.5"),
        ("0E-12", "0"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1E+400", "1E+400"),
    ],
)
def test_a_decimal_is_a_plain_number(value: str, text: str) -> None:
    assert dumps(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_money_survives_the_way_there_and_back(amount: Decimal) -> None:
    assert loads(dumps({"cost": amount}))["cost"] == amount


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_JSON)
def test_everything_else_is_ordinary_json(value: object) -> None:
    assert json.loads(dumps(value)) == value


def test_what_json_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="set is not JSON"):
        dumps({"names": {"a"}})

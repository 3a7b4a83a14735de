"""Money: exact in, exact out, and nothing that is not money."""

import json
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.money import (
    MAX_PUSD,
    PICO,
    billed_pusd,
    parse_json,
    pusd_from_usd,
    rate_from_decimal,
    rate_to_decimal,
    usd_from_pusd,
)

amounts = st.integers(0, MAX_PUSD)
rates = st.integers(0, 1_000 * 10**6)


@given(amounts)
def test_there_and_back(pusd: int) -> None:
    text = usd_from_pusd(pusd)
    assert pusd_from_usd(text) == pusd
    assert "E" not in text.upper()
    assert usd_from_pusd(-pusd) == (f"-{text}" if pusd else text)


@pytest.mark.parametrize(
    ("usd", "pusd"),
    [
        ("0.0133176", 13_317_600_000),
        (Decimal("0.000000000001"), 1),
        ("0.0000000000005", 0),
        ("0.0000000000015", 2),
        ("1e-9", 1_000),
        (3, 3 * PICO),
        ("9000000", MAX_PUSD),
        (Decimal("0e999999"), 0),
        # Judged by the number itself, not by a product that was rounded before.
        ("0.0000000000005" + "0" * 60 + "1", 1),
    ],
)
def test_picodollars(usd: object, pusd: int) -> None:
    assert pusd_from_usd(usd) == pusd


@pytest.mark.parametrize(
    "bad",
    [
        0.1, True, None, "", "a", "NaN", "-0.1", Decimal("Infinity"), Decimal("-1"), "9000000.01",
        "1e999999999", "1e400", [], {},
    ],
)  # fmt: skip
def test_what_is_not_money_is_refused_by_name(bad: object) -> None:
    with pytest.raises(BadInput, match=r"^cost is .*; expected an? ") as caught:
        pusd_from_usd(bad, field="cost")
    assert caught.value.field == "cost"


@pytest.mark.parametrize("usd", ["12.5", "0.000000000001", "1.0000000000000", 3, "1e-12", "0e-99"])
def test_exact_amounts_are_taken(usd: object) -> None:
    assert pusd_from_usd(usd, exact=True) == pusd_from_usd(usd)


@pytest.mark.parametrize(
    "usd", ["0.0000000000001", "1.0000000000005", "0.000000000001" + "0" * 60 + "1", "1e-300"]
)
def test_more_than_twelve_decimals_are_refused_where_a_person_gave_them(usd: str) -> None:
    with pytest.raises(BadInput, match=r"^monthly_limit is .* at most twelve decimals$"):
        pusd_from_usd(usd, field="monthly_limit", exact=True)
    assert isinstance(pusd_from_usd(usd), int)


@given(st.integers(0, 10**16), rates, st.integers(0, 10**12))
def test_markup_rounds_half_even_once(raw: int, rate: int, fee: int) -> None:
    exact = Decimal(raw) * Decimal(rate) / 10**6
    assert billed_pusd(raw, rate_micro=rate, fee_pusd=fee) == (
        int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)) + fee
    )


def test_the_example_of_the_specification() -> None:
    raw = pusd_from_usd("0.10")
    billed = billed_pusd(raw, rate_micro=rate_from_decimal("1.3"))
    assert usd_from_pusd(billed) == "0.13"
    assert usd_from_pusd(billed - raw) == "0.03"


@pytest.mark.parametrize(
    "bad", ["-0.1", "1001", "1.2345678", "1.3" + "0" * 40 + "1", "x", None, "NaN", 1.3]
)
def test_bad_rates(bad: object) -> None:
    with pytest.raises(BadInput, match=r"^markup_rate is "):
        rate_from_decimal(bad)


@given(rates)
def test_rates_there_and_back(rate: int) -> None:
    assert rate_from_decimal(rate_to_decimal(rate)) == rate


def test_json_numbers_stay_exact() -> None:
    assert parse_json('{"cost": 0.1}')["cost"] == Decimal("0.1")
    assert parse_json(b'{"cost": 1e-12}')["cost"] == Decimal("1e-12")


@pytest.mark.parametrize(
    "bad", ["NaN", '{"cost": Infinity}', "{", "", "1" * 5_000, "0." + "1" * 5_000, b"\xff\xfe\x00"]
)
def test_json_that_is_none(bad: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(bad)


def test_a_float_never_comes_out_of_json() -> None:
    assert not any(isinstance(value, float) for value in parse_json(json.dumps([0.1, 1e5, 2])))


@pytest.mark.parametrize(
    ("raw", "billed"),
    [(4, 2), (5, 2), (6, 3), (7, 4), (9, 4), (11, 6), (13, 6), (15, 8)],
)
def test_a_half_goes_to_the_even_neighbour(raw: int, billed: int) -> None:
    assert billed_pusd(raw, rate_micro=500_000) == billed
    assert isinstance(billed_pusd(raw, rate_micro=500_000), int)


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        ("x", "cost is 'x'; expected a decimal number of USD"),
        ([1], "cost is [1]; expected a decimal number of USD"),
        ("NaN", "cost is 'NaN'; expected a decimal number of USD"),
        ("-1", "cost is '-1'; expected an amount of USD that is not negative"),
        ("9000001", "cost is '9000001'; expected an amount of at most 9,000,000 USD"),
        ("1e-13", "cost is '1e-13'; expected an amount of USD with at most twelve decimals"),
    ],
)
def test_what_is_said_of_a_bad_amount(usd: object, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        pusd_from_usd(usd, field="cost", exact=True)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        ("x", "rate is 'x'; expected a decimal number such as 1.3"),
        (1.3, "rate is 1.3; expected a decimal number such as 1.3"),
        ("1001", "rate is '1001'; expected a rate from 0 to 1000, such as 1.3"),
        (
            "1.2345678",
            "rate is '1.2345678'; expected a rate with at most six decimals, such as 1.3",
        ),
    ],
)
def test_what_is_said_of_a_bad_rate(rate: object, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        rate_from_decimal(rate, field="rate")
    assert str(caught.value) == said


def test_an_amount_without_a_name_is_called_amount() -> None:
    with pytest.raises(BadInput, match=r"^amount is ''"):
        pusd_from_usd("")


def test_nothing_is_written_as_a_plain_zero() -> None:
    assert (usd_from_pusd(0), usd_from_pusd(PICO), usd_from_pusd(-1)) == (
        "0",
        "1",
        "-0.000000000001",
    )


def test_the_longest_number_that_is_read() -> None:
    assert parse_json("0." + "1" * 398) == Decimal("0." + "1" * 398)
    with pytest.raises(ValueError, match=r"^a number of more than 400 characters$"):
        parse_json("0." + "1" * 399)
    with pytest.raises(ValueError, match=r"^NaN is not a JSON number$"):
        parse_json("NaN")


def test_the_smallest_and_the_largest_exponent_that_is_looked_at() -> None:
    assert pusd_from_usd("1e-400") == 0
    with pytest.raises(BadInput, match="a decimal number of USD"):
        pusd_from_usd("1e-401")
    with pytest.raises(BadInput, match="at most 9,000,000 USD"):
        pusd_from_usd("1e400")
    with pytest.raises(BadInput, match="a decimal number of USD"):
        pusd_from_usd("1e401")

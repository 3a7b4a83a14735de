"""The one rounding of a statement, and what a currency and a rate may be."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.currencies import converted, decimals_of, is_currency, rate_of
from mai_usage_ext.metering.money import MAX_PUSD, PICO

RATES = st.decimals(
    min_value=Decimal("0.000000000001"), max_value=Decimal(10) ** 6, places=12, allow_nan=False
)


@given(
    pusd=st.integers(-MAX_PUSD, MAX_PUSD),
    rate=RATES,
    currency=st.sampled_from(["USD", "JPY", "BHD", "PLN"]),
)
def test_nothing_nearer_could_be_paid(pusd: int, rate: Decimal, currency: str) -> None:
    total = converted(pusd, rate, currency)
    step = Fraction(1, 10 ** decimals_of(currency))
    exact = Fraction(pusd) * Fraction(rate) / PICO
    distance = abs(Fraction(total) - exact)
    assert distance <= step / 2
    if distance == step / 2:
        assert (Fraction(total) / step) % 2 == 0
    assert -total.as_tuple().exponent == decimals_of(currency)  # type: ignore[operator]
    assert not (total == 0 and total.is_signed())


@pytest.mark.parametrize(
    ("pusd", "rate", "currency", "total"),
    [
        (5 * 10**9, "1", "USD", "0.00"),
        (15 * 10**9, "1", "USD", "0.02"),
        (-15 * 10**9, "1", "USD", "-0.02"),
        (5 * 10**9 + 1, "1", "USD", "0.01"),
        (10**12, "151.5", "JPY", "152"),
        (10**12, "150.5", "JPY", "150"),
        (10**12, "0.3765", "BHD", "0.376"),
        (10**12, "3.98765", "PLN", "3.99"),
    ],
)
def test_halves_go_to_the_even_side(pusd: int, rate: str, currency: str, total: str) -> None:
    assert format(converted(pusd, Decimal(rate), currency), "f") == total


def test_what_is_a_currency() -> None:
    assert [decimals_of(one) for one in ("USD", "JPY", "BHD", "PLN")] == [2, 0, 3, 2]
    assert not any(map(is_currency, ("XAU", "XXX", "XTS", "BTC", "usd", "", "DEM")))
    with pytest.raises(BadInput, match="currency is 'ABC'"):
        decimals_of("ABC")


@pytest.mark.parametrize(
    "wrong",
    ["", "x", "0", "-1", "NaN", "Infinity", "1e10", "1e-13", "1.1234567890123", 1.5, True, None],
)
def test_what_is_no_rate(wrong: object) -> None:
    with pytest.raises(BadInput, match="rate"):
        rate_of(wrong)


def test_rates_stay_as_exact_as_they_are() -> None:
    assert rate_of("3.123456789012") == Decimal("3.123456789012")
    assert rate_of(4) == Decimal(4)

"""Money: an ``int`` of picodollars (1e-12 USD), and the only places where it is anything else.

JSON numbers become ``Decimal`` on the way in, the API speaks decimal strings on the way out, and in
between there is nothing to round. Rates are integers too: millionths, so 1.3 is 1_300_000.
"""

import json
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

from mai_usage_ext.errors import BadInput

__all__ = [
    "MAX_PUSD",
    "MAX_RATE",
    "PICO",
    "RATE_ONE",
    "billed_pusd",
    "parse_json",
    "pusd_from_usd",
    "rate_from_decimal",
    "rate_to_decimal",
    "usd_from_pusd",
]

PICO = 10**12
_PICO_DECIMALS = 12
_ONE_PICODOLLAR = Decimal(1).scaleb(-_PICO_DECIMALS)
# A BIGINT holds 9,223,372 USD in picodollars; what is above this is refused with a reason instead.
MAX_PUSD = 9_000_000 * PICO
RATE_ONE = 10**6
_RATE_DECIMALS = 6
MAX_RATE = 1_000 * RATE_ONE

# Wide enough for any amount below MAX_PUSD times any rate; the default 28 digits are not.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def pusd_from_usd(usd: object, *, field: str = "amount", exact: bool = False) -> int:
    """Picodollars of an amount in USD, half-even below one picodollar.

    Takes ``Decimal``, ``int`` or a decimal string. Raises ``BadInput`` for anything else: a float
    has already lost what this function is for; NaN, infinities, negatives and amounts above
    9,000,000 USD are never money here. ``exact`` refuses what would have to be rounded: a person
    who sets a price or a limit gets just that or is told why not.
    """
    value = _decimal(usd, field=field, expected="a decimal number of USD")
    if value < 0:
        raise BadInput(field, got=usd, expected="an amount of USD that is not negative")
    if value > MAX_PUSD // PICO:
        raise BadInput(field, got=usd, expected="an amount of at most 9,000,000 USD")
    if exact and _decimals(value) > _PICO_DECIMALS:
        raise BadInput(field, got=usd, expected="an amount of USD with at most twelve decimals")
    return int(value.quantize(_ONE_PICODOLLAR, context=_EXACT).scaleb(_PICO_DECIMALS))


def usd_from_pusd(pusd: int) -> str:
    """The amount as a plain decimal string of USD: ``"0.00032696"``, never an exponent."""
    sign, whole, rest = "-" if pusd < 0 else "", *divmod(abs(pusd), PICO)
    fraction = f"{rest:012d}".rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def billed_pusd(raw_pusd: int, *, rate_micro: int, fee_pusd: int = 0) -> int:
    """What the client pays for ``raw_pusd``: raw × rate + fixed fee, half-even once per entry."""
    product = raw_pusd * rate_micro
    whole, rest = divmod(product, RATE_ONE)
    half = RATE_ONE // 2
    if rest > half or (rest == half and whole % 2):
        whole += 1
    return whole + fee_pusd


def rate_from_decimal(rate: object, *, field: str = "markup_rate") -> int:
    """Millionths of a markup rate. Raises ``BadInput`` below 0, above 1000 or past six decimals."""
    value = _decimal(rate, field=field, expected="a decimal number such as 1.3")
    if not 0 <= value <= MAX_RATE // RATE_ONE:
        raise BadInput(field, got=rate, expected="a rate from 0 to 1000, such as 1.3")
    # Not judged by the product: the default context rounds that to 28 digits.
    if _decimals(value) > _RATE_DECIMALS:
        raise BadInput(field, got=rate, expected="a rate with at most six decimals, such as 1.3")
    return int(value * RATE_ONE)


def rate_to_decimal(rate_micro: int) -> Decimal:
    return (Decimal(rate_micro) / RATE_ONE).normalize() + 0


def parse_json(text: str | bytes | bytearray) -> Any:
    """JSON with exact numbers: fractions as ``Decimal``, and NaN or Infinity refused.

    Raises ``ValueError`` for anything that is not JSON.
    """
    return json.loads(text, parse_float=_fraction, parse_constant=_refuse_constant)


def _fraction(text: str) -> Decimal:
    # An exponent of a million digits is valid JSON; expanding it would take the process down.
    if len(text) > 400:
        raise ValueError("a number of more than 400 characters")
    return Decimal(text)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _decimal(value: object, *, field: str, expected: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise BadInput(field, got=value, expected=expected)
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        raise BadInput(field, got=value, expected=expected) from None
    # Bounding the exponent keeps comparisons and products exact and cheap.
    if not number.is_finite() or not -400 <= number.adjusted() <= 400:
        if number.is_finite() and number == 0:
            return Decimal(0)
        raise BadInput(field, got=value, expected=expected)
    return number


def _decimals(value: Decimal) -> int:
    """Places behind the point, trailing zeros left out; counted, so that no context rounds."""
    return len(format(value, "f").partition(".")[2].rstrip("0"))

"""Currencies: what there is, how finely it is paid, and the one rounding of a statement.

The codes and decimals are those of ISO 4217's list of current currencies, without its codes for
metals, funds, baskets, tests and nothing.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.money import PICO

__all__ = ["RULE", "USD", "converted", "decimals_of", "is_currency", "rate_of"]

USD = "USD"
RULE = (
    "Amounts are exact; only the total is rounded, once, half-even, to the currency's smallest unit"
)

_ALL = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
    CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD
    KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
    NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE
    SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND
    VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
_WITHOUT_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_WITH_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_CODES = frozenset(_ALL.split())
_NO_DECIMALS = frozenset(_WITHOUT_DECIMALS.split())
_THREE_DECIMALS = frozenset(_WITH_THREE_DECIMALS.split())
_TWO = 2

_MOST_RATE = Decimal(10) ** 9
_RATE_DECIMALS = 12
# Wide enough for 9,000,000 USD in picodollars times any rate, so that nothing is rounded before.
_EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)


def is_currency(code: str) -> bool:
    return code in _CODES


def decimals_of(currency: str) -> int:
    """How many decimals an amount that is paid has. Raises ``BadInput`` for no currency."""
    if not is_currency(currency):
        raise BadInput("currency", got=currency, expected="a current ISO 4217 code such as EUR")
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else _TWO


def converted(pusd: int, rate: Decimal, currency: str) -> Decimal:
    """Picodollars × ``rate`` units for one USD, rounded half-even once, with the currency's own
    number of decimals. Raises ``BadInput`` for no currency."""
    step = Decimal(1).scaleb(-decimals_of(currency))
    exact = _EXACT.divide(_EXACT.multiply(Decimal(pusd), rate), Decimal(PICO))
    rounded = exact.quantize(step, context=_EXACT)
    return abs(rounded) if rounded == 0 else rounded


def rate_of(value: object, *, field: str = "rate") -> Decimal:
    """An exact rate. Raises ``BadInput`` for what is no number, not above 0, above a thousand
    million or past twelve decimals."""
    expected = "a decimal number above 0 with at most 12 decimals, such as 3.9876"
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise BadInput(field, got=value, expected=expected)
    try:
        rate = Decimal(value)
    except (InvalidOperation, ValueError):
        raise BadInput(field, got=value, expected=expected) from None
    if not rate.is_finite() or not 0 < rate <= _MOST_RATE or rate.adjusted() < -_RATE_DECIMALS:
        raise BadInput(field, got=value, expected=expected)
    if len(format(rate, "f").partition(".")[2].rstrip("0")) > _RATE_DECIMALS:
        raise BadInput(field, got=value, expected=expected)
    return rate

"""The European Central Bank's euro reference rates, crossed to USD.

One file has the last published day, another ninety days; TARGET holidays and weekends are in
neither. https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from xml.etree import ElementTree

from mai_usage_ext.errors import BadInput, UpstreamError
from mai_usage_ext.metering.currencies import rate_of
from mai_usage_ext.ports.rates import QuotedRate
from mai_usage_ext.rates.reading import read_text

__all__ = ["EcbRates"]

_BASE_URL = "https://www.ecb.europa.eu/stats/eurofxref"
_TIMEOUT_S = 20.0
_CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"
# A quotient has no end. The rate that is stored, printed and used has eight decimals.
_STEP = Decimal("0.00000001")
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


class EcbRates:
    """Implements ``ports.rates.RateSource``. Units for one USD = units for one EUR ÷ USD for one
    EUR, with eight decimals, half-even."""

    def __init__(self, base_url: str = _BASE_URL, *, total_s: float = _TIMEOUT_S) -> None:
        self._base_url = base_url.rstrip("/")
        self._total_s = total_s

    async def published(
        self, currencies: Sequence[str], *, since: date, today: date
    ) -> Sequence[QuotedRate]:
        # The small file has one day, so it does where one at most can be missing.
        name = "daily" if since >= today - timedelta(days=1) else "hist-90d"
        url = f"{self._base_url}/eurofxref-{name}.xml"
        text = await read_text(url, accept="application/xml, text/xml", total_s=self._total_s)
        if text is None:
            raise UpstreamError(f"there is no {url}", status=404)
        return [
            quoted
            for day, euros in _days(text)
            if since <= day <= today
            for quoted in _crossed(day, euros, currencies)
        ]


def _crossed(
    day: date, euros: dict[str, Decimal], currencies: Sequence[str]
) -> Iterator[QuotedRate]:
    dollar = euros["USD"]
    for currency in currencies:
        if currency not in euros:
            continue
        rate = _EXACT.divide(euros[currency], dollar).quantize(_STEP, context=_EXACT)
        note = f"ECB reference rates: 1 EUR = {dollar} USD"
        if currency != "EUR":
            note += f" = {euros[currency]} {currency}"
        yield QuotedRate(currency=currency, day=day, rate=rate, note=note)


def _days(text: str) -> Iterator[tuple[date, dict[str, Decimal]]]:
    """Each day with units for one EUR. Raises ``UpstreamError`` for what is not the ECB's file."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UpstreamError("the answer declares entities, or is a web page", status=200)
    try:
        # What makes parsing dangerous was refused above.
        root = ElementTree.fromstring(text)  # noqa: S314
        days = [cube for cube in root.iter(_CUBE) if cube.get("time")]
        if not days:
            raise UpstreamError("the answer holds no day with rates", status=200)
        for cube in days:
            euros = {"EUR": Decimal(1)}
            for each in cube.iter(_CUBE):
                if each.get("currency"):
                    euros[each.attrib["currency"]] = rate_of(each.get("rate"))
            if "USD" not in euros:
                raise UpstreamError("a day of the answer lacks USD", status=200)
            yield date.fromisoformat(cube.attrib["time"]), euros
    except (ElementTree.ParseError, BadInput, ValueError) as error:
        raise UpstreamError(f"the answer is no list of rates: {error}", status=200) from None

"""Rates of Narodowy Bank Polski: PLN for one USD.

Table C, what the bank sells dollars for, because dollars are what a reseller in Poland has to buy;
where that table has none of the days, table A, the middle rate. https://api.nbp.pl/en.html
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from mai_usage_ext.errors import BadInput, UpstreamError
from mai_usage_ext.metering.currencies import rate_of
from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.ports.rates import QuotedRate
from mai_usage_ext.rates.reading import read_text

__all__ = ["NbpRates"]

_BASE_URL = "https://api.nbp.pl/api"
_TIMEOUT_S = 20.0
# Name of the table, the number in it, and what that is called.
_TABLES = (("c", "ask", "selling rate"), ("a", "mid", "middle rate"))
_PLN = "PLN"


class NbpRates:
    """Implements ``ports.rates.RateSource`` for PLN; other currencies it leaves out."""

    def __init__(self, base_url: str = _BASE_URL, *, total_s: float = _TIMEOUT_S) -> None:
        self._base_url = base_url.rstrip("/")
        self._total_s = total_s

    async def published(
        self, currencies: Sequence[str], *, since: date, today: date
    ) -> Sequence[QuotedRate]:
        if _PLN not in currencies:
            return ()
        for table, member, words in _TABLES:
            url = f"{self._base_url}/exchangerates/rates/{table}/usd/{since}/{today}/?format=json"
            text = await read_text(url, accept="application/json", total_s=self._total_s)
            # 404 says that nothing was published on any of the days.
            if text is not None:
                return _quoted(text, member, words)
        return ()


def _quoted(text: str, member: str, words: str) -> list[QuotedRate]:
    """Raises ``UpstreamError`` for what is not NBP's answer."""
    try:
        body: Any = parse_json(text)
        if body["code"] != "USD":
            raise ValueError("it is of another currency")
        return [
            QuotedRate(
                currency=_PLN,
                day=date.fromisoformat(one["effectiveDate"]),
                rate=rate_of(one[member]),
                note=f"NBP table {_number(one['no'])}, {words}",
            )
            for one in body["rates"]
        ]
    except (ValueError, RecursionError, KeyError, TypeError, BadInput) as error:
        raise UpstreamError(f"the answer is no list of rates: {error}", status=200) from None


def _number(text: object) -> str:
    if not isinstance(text, str) or not text.isprintable() or len(text) > 40:
        raise ValueError("a table has no number")
    return text

"""The settings of statements: how a value of each is checked and shown. All may be empty."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mai_usage_ext.metering.currencies import USD, is_currency
from mai_usage_ext.ports.rates import RateKind
from mai_usage_ext.services.statement_months import days_of

__all__ = ["BILLING_VALUES", "BillingValue"]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PREFIX = re.compile(r"[A-Za-z0-9/_.-]{1,20}")
_OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingValue:
    """``parse`` takes what JSON had and raises ``BadInput`` or ``ValueError``; ``show`` makes JSON
    of it again."""

    expected: str
    parse: Callable[[Any], Any]
    show: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _text(value: Any, *, longest: int, most_lines: int = 1) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    lines = [line.rstrip() for line in value.strip().splitlines()]
    text = "\n".join(lines)
    if len(text) > longest or len(lines) > most_lines or not all(map(str.isprintable, lines)):
        raise ValueError("not such a text")
    return text


def _words(longest: int, most_lines: int = 1) -> BillingValue:
    lines = "" if most_lines == 1 else f" in at most {most_lines} lines"
    return BillingValue(
        expected=f"at most {longest} printable characters{lines}",
        parse=lambda value: _text(value, longest=longest, most_lines=most_lines),
        show=_same,
    )


def _email(value: Any) -> str:
    text = _text(value, longest=200)
    if text and not _EMAIL.fullmatch(text):
        raise ValueError("not an address")
    return text


def _prefix(value: Any) -> str:
    text = _text(value, longest=20)
    if not _PREFIX.fullmatch(text):
        raise ValueError("not a prefix")
    return text


def _since(value: Any) -> str | None:
    text = _text(value, longest=7)
    if text == _OFF:
        return None
    days_of(text)
    return text


def _sources(value: Any) -> tuple[tuple[str, RateKind], ...]:
    if not isinstance(value, Mapping):
        raise ValueError("not an object")
    found = []
    for currency, name in sorted(value.items()):
        if not is_currency(currency) or currency == USD:
            raise ValueError("not another currency")
        kind = RateKind(name)
        if kind is RateKind.NBP and currency != "PLN":
            raise ValueError("NBP has rates of PLN alone")
        found.append((currency, kind))
    return tuple(found)


BILLING_VALUES: Mapping[str, BillingValue] = {
    "seller_name": _words(200),
    "seller_address": _words(500, most_lines=8),
    "seller_tax_id": _words(60),
    "seller_email": BillingValue(
        expected="an e-mail address of at most 200 characters", parse=_email, show=_same
    ),
    "seller_note": _words(1000, most_lines=12),
    "statement_prefix": BillingValue(
        expected="1 to 20 of A-Z, a-z, 0-9 and / _ . -", parse=_prefix, show=_same
    ),
    "auto_close_statements": BillingValue(
        expected="off, or the first month to close such as 2026-01",
        parse=_since,
        show=lambda since: since or _OFF,
    ),
    "fx_sources": BillingValue(
        expected="an object of currencies but USD, each with manual, ecb or, for PLN alone, nbp",
        parse=_sources,
        show=lambda sources: {currency: kind.value for currency, kind in sources},
    ),
}

"""JSON in and out without floats.

Money leaves the simulator digit by digit as its `Decimal` says, never through a float, so that a
client that parses exactly can compare exactly. Bad numbers (NaN, infinities, absurd sizes) pass
through as well: some switches exist to send them.
"""

from __future__ import annotations

import json
from decimal import Decimal
from json.encoder import encode_basestring_ascii as _quote
from typing import Any

# A number that would need more characters than this keeps its exponent.
_LONGEST_PLAIN_NUMBER = 60


def loads(text: str | bytes) -> Any:
    """Parse JSON; every fraction, NaN and infinity arrives as a `Decimal`.

    Raises `ValueError` on text that is not JSON.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_constant)


def dumps(value: Any) -> str:
    """Write JSON; a `Decimal` becomes a plain JSON number with all of its digits.

    Raises `TypeError` for a type that JSON does not know.
    """
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts)


def number(value: Decimal) -> str:
    """One `Decimal` as a JSON number; trailing zeros are dropped, `NaN` stays `NaN`."""
    if not value.is_finite():
        return "NaN" if value.is_nan() else ("-Infinity" if value < 0 else "Infinity")
    if abs(value.adjusted()) > _LONGEST_PLAIN_NUMBER:
        return str(value)
    plain = format(value, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _constant(name: str) -> Decimal:
    return Decimal(name)


def _write(value: Any, put: Any) -> None:
    if isinstance(value, str):
        put(_quote(value))
    elif value is None:
        put("null")
    elif value is True:
        put("true")
    elif value is False:
        put("false")
    elif isinstance(value, Decimal):
        put(number(value))
    elif isinstance(value, int | float):
        put(repr(value))
    elif isinstance(value, dict):
        _write_object(value, put)
    elif isinstance(value, list | tuple):
        _write_array(value, put)
    else:
        raise TypeError(f"{type(value).__name__} is not JSON")


def _write_object(value: dict[str, Any], put: Any) -> None:
    put("{")
    separator = ""
    for name, item in value.items():
        put(f"{separator}{_quote(name)}:")
        _write(item, put)
        separator = ","
    put("}")


def _write_array(value: list[Any] | tuple[Any, ...], put: Any) -> None:
    put("[")
    separator = ""
    for item in value:
        put(separator)
        _write(item, put)
        separator = ","
    put("]")

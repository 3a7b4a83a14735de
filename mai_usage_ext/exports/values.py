"""Values as texts and as decimals, the same in every format."""

from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

from mai_usage_ext.metering.days import rfc3339
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.tables import ColumnKind

__all__ = ["DECIMALS", "PIECE_BYTES", "decimal_of", "instant_of", "text_of"]

# About how long the pieces are that a file is handed on in.
PIECE_BYTES = 64 * 1024
DECIMALS = 12
_EXACT = Context(prec=60)


def text_of(kind: ColumnKind, value: Any) -> str:
    """A plain text: decimals without an exponent, days as ISO 8601, instants as RFC 3339 in UTC."""
    if kind is ColumnKind.TEXT:
        return str(value)
    if kind is ColumnKind.USD:
        return usd_from_pusd(value)
    if kind is ColumnKind.INSTANT:
        return _instant_text(value)
    if kind is ColumnKind.BOOLEAN:
        return "true" if value else "false"
    if kind is ColumnKind.DATE:
        return _date_text(value)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def decimal_of(kind: ColumnKind, value: Any) -> Decimal:
    """The exact number of an amount or a share."""
    return Decimal(value).scaleb(-DECIMALS, _EXACT) if kind is ColumnKind.USD else Decimal(value)


def instant_of(value_ms: int) -> datetime:
    return datetime.fromtimestamp(value_ms // 1000, UTC).replace(microsecond=value_ms % 1000 * 1000)


def _instant_text(value_ms: int) -> str:
    precision = "milliseconds" if value_ms % 1000 else "seconds"
    return rfc3339(value_ms, timespec=precision)


def _date_text(value: date) -> str:
    return value.isoformat()

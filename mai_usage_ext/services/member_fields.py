"""What an admin may say about a member, parsed: each function names the field it refuses."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.money import pusd_from_usd, usd_from_pusd
from mai_usage_ext.ports import Role

__all__ = [
    "UNSET",
    "Unset",
    "instant_ms",
    "monthly_limit_pusd",
    "name_of",
    "openrouter_user_id",
    "role",
    "start_ms",
    "utc_text",
]


class Unset(Enum):
    """Nothing was said, which is not the same as ``None``: no limit."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET

# What took a minute on its way still means now.
_LATE_MS = 60_000
_LAST_MS = 253_402_300_799_999  # the end of the year 9999
_LONGEST_NAME = 255
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def name_of(value: object, *, field: str, expected: str) -> str:
    """An id, slug or e-mail as it may stand in the database. Raises ``BadInput``."""
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= _LONGEST_NAME
        or not value.isprintable()
        or value != value.strip()
    ):
        raise BadInput(field, got=value, expected=expected)
    return value


def role(value: object) -> Role:
    try:
        return Role(value)  # type: ignore[arg-type]
    except ValueError:
        raise BadInput("role", got=value, expected="member or manager") from None


def monthly_limit_pusd(value: object) -> int | None:
    """Picodollars of an amount in USD; ``None`` says that there is no limit."""
    if value is None:
        return None
    pusd = pusd_from_usd(value, field="monthly_limit")
    given: Any = value
    if Decimal(given) != Decimal(usd_from_pusd(pusd)):
        raise BadInput("monthly_limit", got=value, expected="at most twelve decimals of USD")
    return pusd


def openrouter_user_id(value: object) -> str:
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= 128
        or not all("!" <= character <= "~" for character in value)
    ):
        expected = "1 to 128 printable ASCII characters without spaces"
        raise BadInput("openrouter_user_id", got=value, expected=expected)
    return value


def instant_ms(value: object) -> int:
    """UTC milliseconds of an RFC 3339 time with its zone, an aware ``datetime``, or themselves."""
    expected = "a time with its zone such as 2026-02-01T00:00:00+01:00"
    try:
        if isinstance(value, str):
            # Other forms of ISO 8601, such as a bare date, leave open what is meant.
            if not _RFC_3339.fullmatch(value):
                raise ValueError(value)
            value = datetime.fromisoformat(value.upper())
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = int(value.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadInput("effective_from", got=value, expected=expected) from None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LAST_MS:
        raise BadInput("effective_from", got=value, expected=expected)
    return value


def start_ms(value: object, *, now_ms: int) -> int | None:
    """The instant in the future from which something is to hold; ``None`` is at once."""
    if value is None:
        return None
    at_ms = instant_ms(value)
    if at_ms < now_ms - _LATE_MS:
        expected = "now or later: what has been booked stays where it is"
        raise BadInput("effective_from", got=utc_text(at_ms), expected=expected)
    return at_ms if at_ms > now_ms else None


def utc_text(at_ms: int) -> str:
    """An instant as the audit trail shows it, such as ``2026-01-31T23:00:00.000+00:00``."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")

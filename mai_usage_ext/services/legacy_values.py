"""Values of the prototype's rows made exact: each function names the field it cannot use."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.days import zone
from mai_usage_ext.metering.money import RATE_ONE, pusd_from_usd, rate_from_decimal
from mai_usage_ext.ports import DEFAULT_ID, UNASSIGNED, ImportedUsage, LegacyRow, UsageSums
from mai_usage_ext.services.member_fields import openrouter_user_id

__all__ = [
    "ReadOrganization",
    "day_of",
    "flag_of",
    "instant_ms",
    "key_hash_of",
    "money_of",
    "organization_of",
    "own_id",
    "rate_of",
    "said_user_id",
    "sums_of",
    "text_of",
    "usage_of",
    "whole_of",
]

_LONGEST_NAME = 200
_LONGEST_ID = 255
_MOST = 2**62
# Seconds stay below this for three thousand years, milliseconds are above it since 1973.
_FIRST_MS = 100_000_000_000
_EARLIEST_MS = 1_262_304_000_000  # 2010
_RATE_STEP = Decimal(1).scaleb(-6)
# What adding floats leaves behind, and nobody has ever typed.
_FLOAT_NOISE = Decimal(1).scaleb(-9)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_USABLE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOrganization:
    """``time_zone`` and ``created_at_ms`` are ``None`` where the row does not say. ``lacks`` holds
    a sentence for each field that cannot be used and that an organization can do without."""

    name: str
    rate_micro: int
    monthly_limit_pusd: int | None
    billing_email: str
    is_active: bool
    time_zone: str | None
    created_at_ms: int | None
    key: str | None = field(repr=False)
    key_hash: str
    lacks: tuple[str, ...] = ()


def money_of(value: object, *, field: str) -> int:
    """Picodollars of a float by its shortest spelling, half-even below one picodollar."""
    try:
        return pusd_from_usd(_exact(value), field=field)
    except BadInput as error:
        raise BadInput(field, got=value, expected=error.expected) from None


def whole_of(value: object, *, field: str) -> int:
    """A count. A float that is whole will do, since SQLite keeps what it was given."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _MOST:
        raise BadInput(field, got=value, expected="a whole number from 0 on")
    return number


def day_of(value: object, *, field: str = "usage_date") -> date:
    """A date, or its text such as 2025-07-31; a midnight is the day it begins."""
    expected = "a date such as 2025-07-31, from the year 2010 on"
    day: date
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value) if len(value) != 10 else date.fromisoformat(value)
        if isinstance(value, datetime):
            if value.time() != time.min:
                raise ValueError(value)
            day = value.date()
        elif isinstance(value, date):
            day = value
        else:
            raise ValueError(value)
    except ValueError:
        raise BadInput(field, got=value, expected=expected) from None
    if day.year < 2010:
        raise BadInput(field, got=value, expected=expected)
    return day


def instant_ms(value: object, *, now_ms: int, field: str) -> int:
    """UTC milliseconds of an epoch's seconds or milliseconds, which its size tells apart."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        at_ms = int(value) if value >= _FIRST_MS else int(value) * 1000
        if _EARLIEST_MS <= at_ms <= now_ms:
            return at_ms
    raise BadInput(field, got=value, expected="epoch seconds or milliseconds, 2010 or later")


def flag_of(value: object, *, field: str = "is_active") -> bool:
    """What is not said is true, as it was there."""
    if value is None:
        return True
    if value not in (0, 1):
        raise BadInput(field, got=value, expected="0 or 1")
    return bool(value)


def text_of(value: object, *, field: str, longest: int = _LONGEST_ID) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if (
        not isinstance(text, str)
        or not 1 <= len(text.strip()) <= longest
        or not text.strip().isprintable()
    ):
        raise BadInput(field, got=value, expected=f"1 to {longest} printable characters")
    return text.strip()


def own_id(source_id: str, *, is_taken: bool) -> str:
    """An organization's id here: the prototype's where it fits, else one that follows from it."""
    is_ours = is_taken or source_id in (DEFAULT_ID, UNASSIGNED)
    if _USABLE_ID.fullmatch(source_id) and not is_ours:
        return source_id
    return "legacy_" + hashlib.sha256(source_id.encode()).hexdigest()[:24]


def said_user_id(value: object) -> str | None:
    """The name OpenRouter was told for a user. Raises ``BadInput`` for one that says who it is."""
    if value is None or value == "":
        return None
    given = openrouter_user_id(value)
    if "@" in given:
        raise BadInput("openrouter_user_id", got=value, expected="no e-mail address")
    return given


def key_hash_of(key: str, stored: object) -> str:
    """OpenRouter's hash of a key, which is the SHA-256 of its secret."""
    if isinstance(stored, str) and _HASH.fullmatch(stored):
        return stored
    return hashlib.sha256(key.encode()).hexdigest()


def organization_of(row: LegacyRow, *, now_ms: int) -> ReadOrganization:
    """Raises ``BadInput`` for what an organization cannot do without: its name, its markup, its
    limit and whether it is active."""
    lacks: list[str] = []

    def optional(parse: Any, name: str) -> Any:
        value = row.get(name)
        if value is None or value == "":
            return None
        try:
            return parse(value)
        except BadInput as error:
            lacks.append(f"without {name}: {error}")
            return None

    limit = row.get("monthly_limit")
    key = optional(_key, "openrouter_api_key")
    return ReadOrganization(
        name=text_of(row.get("name"), field="name", longest=_LONGEST_NAME),
        rate_micro=rate_of(row.get("markup_rate")),
        monthly_limit_pusd=None if limit is None else money_of(limit, field="monthly_limit"),
        is_active=flag_of(row.get("is_active")),
        billing_email=optional(_email, "billing_email") or "",
        time_zone=optional(_zone_name, "timezone"),
        created_at_ms=optional(
            lambda value: instant_ms(value, now_ms=now_ms, field="created_at"), "created_at"
        ),
        key=key,
        key_hash="" if key is None else key_hash_of(key, row.get("openrouter_key_hash")),
        lacks=tuple(lacks),
    )


def sums_of(row: LegacyRow) -> UsageSums:
    """Raises ``BadInput``."""
    return UsageSums(
        requests=whole_of(row.get("total_requests"), field="total_requests"),
        tokens=whole_of(row.get("total_tokens"), field="total_tokens"),
        raw_pusd=money_of(row.get("raw_cost"), field="raw_cost"),
        billed_pusd=money_of(row.get("markup_cost"), field="markup_cost"),
    )


def usage_of(row: LegacyRow, *, by: str = "") -> ImportedUsage:
    """A day's row, ``by`` user_id or model_name where it has one. Raises ``BadInput``."""
    sums, day = sums_of(row), day_of(row.get("usage_date"))
    if by == "user_id":
        try:
            said = said_user_id(row.get("openrouter_user_id"))
        except BadInput:
            # It names nobody's row, so the money comes over all the same.
            said = None
        user_id = text_of(row.get("user_id"), field="user_id")
        return ImportedUsage(day=day, sums=sums, user_id=user_id, openrouter_user_id=said)
    if by == "model_name":
        provider = row.get("provider")
        return ImportedUsage(
            day=day,
            sums=sums,
            model=text_of(row.get("model_name"), field="model_name"),
            provider="" if provider in (None, "") else text_of(provider, field="provider"),
        )
    return ImportedUsage(day=day, sums=sums)


def _exact(value: object) -> object:
    """A float's shortest spelling is what somebody once wrote; its binary value is not."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def rate_of(value: object, *, field: str = "markup_rate") -> int:
    """Millionths of a markup, without what adding floats left behind it. Raises ``BadInput``."""
    exact = _exact(value)
    if isinstance(exact, Decimal) and exact.is_finite() and abs(exact) <= RATE_ONE:
        rounded = exact.quantize(_RATE_STEP)
        exact = rounded if abs(rounded - exact) < _FLOAT_NOISE else exact
    try:
        return rate_from_decimal(exact, field=field)
    except BadInput as error:
        raise BadInput(field, got=value, expected=error.expected) from None


def _email(value: object) -> str:
    if not isinstance(value, str) or len(value) > 254 or not _EMAIL.fullmatch(value.strip()):
        raise BadInput("billing_email", got=value, expected="an e-mail address")
    return value.strip()


def _zone_name(value: object) -> str:
    return zone(str(value)).key


def _key(value: object) -> str:
    """The message never says the key."""
    if (
        not isinstance(value, str)
        or not value.isascii()
        or not value.isprintable()
        or " " in value
        or len(value) > 500
    ):
        raise BadInput(
            "openrouter_api_key",
            got="something that is no key",
            expected="printable ASCII without spaces",
        )
    return value

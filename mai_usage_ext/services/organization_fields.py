"""The fields of an organization as the API names them, and what their values may be."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.days import zone
from mai_usage_ext.metering.money import RATE_ONE, pusd_from_usd, rate_from_decimal
from mai_usage_ext.metering.pricing import checked_fee

__all__ = ["checked_fields", "checked_rate", "missing_name"]

_LONGEST_NAME = 200
_LONGEST_NOTES = 10_000
_MOST_CONTACTS = 20
_CONTACT_FIELDS = ("name", "email", "phone", "role")
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def checked_rate(rate: object, *, allow_loss: object = False, field: str = "markup_rate") -> int:
    """Millionths of a markup; below one only with ``allow_loss``. Raises ``BadInput``."""
    micro = rate_from_decimal(rate, field=field)
    if micro < RATE_ONE and allow_loss is not True:
        raise BadInput(
            field, got=rate, expected="a rate of at least 1, or allow_loss: true with it"
        )
    return micro


def checked_fields(fields: Mapping[str, object]) -> dict[str, Any]:
    """Columns of the named fields. Raises ``BadInput`` for the first that is wrong or unknown."""
    given = dict(fields)
    allow_loss = given.pop("allow_loss", False)
    if not isinstance(allow_loss, bool):
        raise BadInput("allow_loss", got=allow_loss, expected="true or false")
    columns: dict[str, Any] = {}
    for name, value in given.items():
        if name == "markup_rate":
            columns["rate_micro"] = checked_rate(value, allow_loss=allow_loss)
        elif name in _FIELDS:
            column, parse = _FIELDS[name]
            columns[column] = parse(value)
        else:
            raise BadInput(name, got=value, expected=f"one of the fields {', '.join(_NAMES)}")
    return columns


def missing_name() -> BadInput:
    """What an organization without a name is told."""
    return BadInput("name", got=None, expected=f"1 to {_LONGEST_NAME} printable characters")


def _name(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise BadInput("name", got=value, expected=f"1 to {_LONGEST_NAME} printable characters")
    return text


def _slug(value: object) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise BadInput("slug", got=value, expected="1 to 60 of a-z, 0-9 and inner hyphens")
    return value


def _zone_name(value: object) -> str:
    if not isinstance(value, str):
        raise BadInput("timezone", got=value, expected="an IANA zone such as Europe/Warsaw")
    return zone(value).key


def _currency(value: object) -> str:
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise BadInput("billing_currency", got=value, expected="an ISO 4217 code such as USD")
    return value


def _email(value: object, *, field: str = "billing_email") -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > 254 or not _EMAIL.fullmatch(value):
        raise BadInput(field, got=value, expected="an e-mail address, or an empty string")
    return value


def _contacts(value: object) -> list[dict[str, str]]:
    expected = f"a list of at most {_MOST_CONTACTS} objects of {', '.join(_CONTACT_FIELDS)}"
    if not isinstance(value, list | tuple) or len(value) > _MOST_CONTACTS:
        raise BadInput("contacts", got=value, expected=expected)
    return [_contact(one, expected) for one in value]


def _contact(value: object, expected: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value or set(value) - set(_CONTACT_FIELDS):
        raise BadInput("contacts", got=value, expected=expected)
    for text in value.values():
        if not isinstance(text, str) or len(text) > _LONGEST_NAME or not text.isprintable():
            raise BadInput("contacts", got=text, expected="short printable texts")
    _email(value.get("email", ""), field="contacts.email")
    return {str(name): str(text) for name, text in value.items()}


def _notes(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_NOTES or "\0" in value:
        raise BadInput(
            "notes", got=value, expected=f"a text of at most {_LONGEST_NOTES} characters"
        )
    return value


def _limit(value: object) -> int | None:
    return None if value is None else pusd_from_usd(value, field="monthly_limit", exact=True)


def _one_of(field: str, *choices: str | None) -> Callable[[object], str | None]:
    def parse(value: object) -> str | None:
        if value not in choices or not isinstance(value, str | None):
            expected = " or ".join("null" if choice is None else choice for choice in choices)
            raise BadInput(field, got=value, expected=expected)
        return value

    return parse


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput("is_active", got=value, expected="true or false")
    return value


# The API's name of a field, its column, and what makes the one into the other.
_FIELDS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "name": ("name", _name),
    "slug": ("slug", _slug),
    "timezone": ("timezone", _zone_name),
    "billing_currency": ("billing_currency", _currency),
    "billing_email": ("billing_email", _email),
    "contacts": ("contacts", _contacts),
    "notes": ("notes", _notes),
    "monthly_limit": ("monthly_limit_pusd", _limit),
    "on_limit": ("on_limit", _one_of("on_limit", "block", "alert")),
    "on_meter_failure": (
        "on_meter_failure",
        _one_of("on_meter_failure", "block", "allow", None),
    ),
    "fixed_fee": ("fee_pusd", checked_fee),
    "is_active": ("is_active", _flag),
}
_NAMES = (*_FIELDS, "markup_rate", "allow_loss")

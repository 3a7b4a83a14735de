"""The fields of an alert rule as the API names them, and what their values may be."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.money import pusd_from_usd, usd_from_pusd
from mai_usage_ext.ports.alerts import Channel, RuleKind, RuleLevel, Severity
from mai_usage_ext.settings.parsers import address

__all__ = ["LEVELS_OF", "checked_address", "checked_parameters", "checked_rule_fields"]

_LONGEST_NAME = 200
_MOST_MARKS = 20
_HIGHEST_PERCENT = 1_000
_MOST_ADDRESSES = 20
_LONGEST_ID = 200

LEVELS_OF: Mapping[RuleKind, tuple[RuleLevel, ...]] = {
    RuleKind.LIMIT: tuple(RuleLevel),
    RuleKind.SPEND: tuple(RuleLevel),
    RuleKind.SPIKE: tuple(RuleLevel),
    RuleKind.QUIET: tuple(RuleLevel),
    RuleKind.CAPTURE: (RuleLevel.GLOBAL, RuleLevel.ORGANIZATION),
    RuleKind.PENDING: (RuleLevel.GLOBAL, RuleLevel.ORGANIZATION),
    RuleKind.KEY: (RuleLevel.GLOBAL, RuleLevel.ORGANIZATION),
}


def checked_address(value: object, *, field: str) -> str:
    """An e-mail address, as it goes into an envelope and a header. Raises ``BadInput``."""
    expected = "an e-mail address such as ops@example.com"
    try:
        return address(value) if isinstance(value, str) else address("")
    except ValueError:
        raise BadInput(field, got=value, expected=expected) from None


def checked_rule_fields(fields: Mapping[str, object]) -> dict[str, Any]:
    """Attributes of the rule, without its parameters. Raises ``BadInput`` that names the field."""
    checked: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in _FIELDS:
            raise BadInput(name, got=value, expected=f"one of the fields {', '.join(_FIELDS)}")
        attribute, parse = _FIELDS[name]
        checked[attribute] = parse(name, value)
    return checked


def checked_parameters(kind: RuleKind, given: object) -> dict[str, Any]:
    """All parameters of the kind, defaults filled in. Raises ``BadInput`` that names one."""
    known = _PARAMETERS[kind]
    if not isinstance(given, Mapping):
        raise BadInput("parameters", got=given, expected="an object")
    for name in given:
        if name not in known:
            expected = f"one of {', '.join(known)}" if known else f"none for the kind {kind.value}"
            raise BadInput(f"parameters.{name}", got=given[name], expected=expected)
    checked = {}
    for name, (default, parse) in known.items():
        value = given.get(name, default)
        checked[name] = parse(f"parameters.{name}", value)
    return checked


def _name(field: str, value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise BadInput(field, got=value, expected=f"1 to {_LONGEST_NAME} printable characters")
    return text


def _choice(kind: Any) -> Callable[[str, object], Any]:
    def parse(field: str, value: object) -> Any:
        choices = [one.value for one in kind]
        if not isinstance(value, str) or value not in choices:
            raise BadInput(field, got=value, expected=f"one of {', '.join(choices)}")
        return kind(value)

    return parse


def _word(*choices: str) -> Callable[[str, object], str]:
    def parse(field: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise BadInput(field, got=value, expected=f"one of {', '.join(choices)}")
        return value

    return parse


def _flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput(field, got=value, expected="true or false")
    return value


def _id(field: str, value: object) -> str | None:
    if value is not None and (
        not isinstance(value, str) or not value or len(value) > _LONGEST_ID or "\0" in value
    ):
        raise BadInput(field, got=value, expected="an id, or null")
    return value


def _channels(field: str, value: object) -> tuple[Channel, ...]:
    expected = f"a list of {', '.join(Channel)}, each once"
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadInput(field, got=value, expected=expected)
    names = [str(one) for one in value]
    if set(names) - set(Channel) or len(set(names)) < len(names):
        raise BadInput(field, got=value, expected=expected)
    return tuple(Channel(name) for name in names)


def _addresses(field: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) > _MOST_ADDRESSES:
        raise BadInput(field, got=value, expected=f"a list of at most {_MOST_ADDRESSES} addresses")
    return tuple(dict.fromkeys(checked_address(one, field=field) for one in value))


def _whole(least: int, most: int) -> Callable[[str, object], int]:
    def parse(field: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadInput(field, got=value, expected=f"a whole number from {least} to {most}")
        return value

    return parse


def _decimal(least: str, most: str) -> Callable[[str, object], str]:
    expected = f"a decimal number from {least} to {most} with at most four decimals"

    def parse(field: str, value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise BadInput(field, got=value, expected=expected)
        try:
            number = Decimal(value)
            is_right = Decimal(least) <= number <= Decimal(most)
            text = f"{number:f}" if is_right else ""
        except (InvalidOperation, ValueError):
            raise BadInput(field, got=value, expected=expected) from None
        if not is_right or len(text.partition(".")[2].rstrip("0")) > 4:
            raise BadInput(field, got=value, expected=expected)
        return text

    return parse


def _thresholds(field: str, value: object) -> list[int] | None:
    """``None`` follows the setting."""
    if value is None:
        return None
    expected = (
        f"at most {_MOST_MARKS} different whole percentages from 1 to {_HIGHEST_PERCENT}, or null"
    )
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) > _MOST_MARKS:
        raise BadInput(field, got=value, expected=expected)
    for one in value:
        if isinstance(one, bool) or not isinstance(one, int) or not 1 <= one <= _HIGHEST_PERCENT:
            raise BadInput(field, got=one, expected=expected)
    if len(set(value)) < len(value):
        raise BadInput(field, got=list(value), expected=expected)
    return sorted(value)


def _amounts(field: str, value: object) -> list[str]:
    expected = f"1 to {_MOST_MARKS} different amounts of USD above 0"
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadInput(field, got=value, expected=expected)
    if not 1 <= len(value) <= _MOST_MARKS:
        raise BadInput(field, got=list(value), expected=expected)
    amounts = [pusd_from_usd(one, field=field, exact=True) for one in value]
    if min(amounts) <= 0 or len(set(amounts)) < len(amounts):
        raise BadInput(field, got=list(value), expected=expected)
    return [usd_from_pusd(amount) for amount in sorted(amounts)]


def _usd(field: str, value: object) -> str:
    return usd_from_pusd(pusd_from_usd(value, field=field, exact=True))


# The API's name, the rule's attribute, and what makes the one into the other.
_FIELDS: Mapping[str, tuple[str, Callable[[str, object], Any]]] = {
    "name": ("name", _name),
    "kind": ("kind", _choice(RuleKind)),
    "level": ("level", _choice(RuleLevel)),
    "client_id": ("organization_id", _id),
    "user_id": ("user_id", _id),
    "is_enabled": ("is_enabled", _flag),
    "severity": ("severity", _choice(Severity)),
    "channels": ("channels", _channels),
    "emails": ("emails", _addresses),
    "notify_organization": ("notify_organization", _flag),
}

_PARAMETERS: Mapping[RuleKind, Mapping[str, tuple[Any, Callable[[str, object], Any]]]] = {
    RuleKind.LIMIT: {"thresholds": (None, _thresholds)},
    RuleKind.SPEND: {"period": ("month", _word("month", "day")), "amounts": ((), _amounts)},
    RuleKind.SPIKE: {
        "factor": ("3", _decimal("1", "1000")),
        "floor": ("10", _usd),
        "basis": ("weekday", _word("weekday", "days")),
        "day": ("today", _word("today", "yesterday")),
    },
    RuleKind.QUIET: {"active_days": (10, _whole(1, 14)), "quiet_days": (3, _whole(1, 28))},
    RuleKind.CAPTURE: {"percent": ("99.5", _decimal("0.0001", "100"))},
    RuleKind.PENDING: {"hours": (24, _whole(1, 720))},
    RuleKind.KEY: {},
}

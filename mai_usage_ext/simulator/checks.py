"""The checks of single switch values.

Each takes what a caller sent and returns what the simulator works with, or raises a `ValueError`
that says what would have been right.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

Check = Callable[[Any], Any]

_LONGEST_WAIT: Final = 86_400


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def choice(*allowed: str | None) -> Check:
    def check(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(repr(name) for name in allowed)}")
        return value

    return check


def choice_of(*allowed: int) -> Check:
    def check(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(map(str, allowed))}")
        return value

    return check


def whole(least: int) -> Check:
    def check(value: Any) -> Any:
        if value is None or (type(value) is int and value >= least):
            return value
        raise ValueError(f"a whole number of at least {least}, or null")

    return check


def count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a whole number of at least 0")
    return value


def seconds(value: Any) -> float:
    if not isinstance(value, bool) and isinstance(value, int | float | Decimal):
        wait = float(value)
        if 0 <= wait <= _LONGEST_WAIT:
            return wait
    raise ValueError(f"a number of seconds from 0 to {_LONGEST_WAIT}")


def money(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("an amount of USD")
    try:
        amount = Decimal(value)
    except ArithmeticError as error:
        raise ValueError("an amount of USD") from error
    if not amount.is_finite():
        raise ValueError("an amount of USD")
    return amount


def status(value: Any) -> Any:
    if value is None or (type(value) is int and 400 <= value <= 599):
        return value
    raise ValueError("an HTTP status from 400 to 599, or null")


def text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    raise ValueError("a string, or null")


def mapping(value: Any) -> Any:
    if value is None or isinstance(value, dict):
        return value
    raise ValueError("an object, or null")


def anything(value: Any) -> Any:
    return value

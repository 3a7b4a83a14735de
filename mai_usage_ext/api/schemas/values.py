"""Single values on the wire: money, rates, instants."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.days import rfc3339
from mai_usage_ext.metering.money import rate_to_decimal

__all__ = [
    "Amount",
    "Answer",
    "Changes",
    "Fields",
    "Instant",
    "Money",
    "Rate",
    "instant",
    "instant_or_none",
    "ms_of",
    "rate",
]

_DECIMAL = r"^[0-9]{1,7}(\.[0-9]{1,12})?$"


class Answer(BaseModel):
    """An answer as mAI's clients expect it: ``success``, and a sentence for the person."""

    success: bool = True
    message: str = ""


class Fields(BaseModel):
    """A request body: a name we do not know or a value of another type is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


class Changes(Fields):
    """A request body of which every field may be left out, and then stays as it is."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


def _is_decimal(value: Any) -> Any:
    """Numbers and strings pass as they are; what they may say is the services' affair."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("expected a number, or a decimal string such as 12.50")
    return value


def _decimal_schema(**limits: Any) -> WithJsonSchema:
    number = {"type": "number", "minimum": 0, **limits}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": _DECIMAL}]})


Money = Annotated[Any, BeforeValidator(_is_decimal), _decimal_schema(maximum=9_000_000)]
"""USD in a request, a JSON number or a decimal string: at most twelve decimals."""

Rate = Annotated[Any, BeforeValidator(_is_decimal), _decimal_schema(maximum=1000)]
"""A markup rate in a request: at most six decimals."""

Amount = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"})]
"""USD, or a rate, in an answer: a plain decimal string."""

Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""RFC 3339, in answers always UTC."""


def rate(rate_micro: int) -> str:
    return f"{rate_to_decimal(rate_micro):f}"


def instant(instant_ms: int) -> str:
    return rfc3339(instant_ms)


def instant_or_none(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else instant(instant_ms)


def ms_of(text: str, *, field: str, is_end: bool = False) -> int:
    """UTC milliseconds of an RFC 3339 instant, or of a date's first instant in UTC.

    With ``is_end`` a date stands for the whole day, so it gives the first instant after it.
    Raises ``BadInput``: an instant without an offset could be meant in any zone.
    """
    expected = "an instant such as 2026-01-31T12:00:00Z, or a date"
    try:
        if len(text) <= len("2026-01-31"):
            day = date.fromisoformat(text) + timedelta(days=1 if is_end else 0)
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadInput(field, got=text, expected=expected) from None

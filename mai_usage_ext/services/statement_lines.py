"""The lines of a statement: what its month used, and what earlier months lack of what they are."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from mai_usage_ext.ports.statements import Amounts, Booking, LineKind, StatementLine

__all__ = ["ByModel", "corrections", "reason_of", "usage_lines"]

ByModel = Mapping[tuple[str, str], Amounts]
"""Amounts by month and model."""

_NOTHING = Amounts()
_MOST_DAYS_NAMED = 3


def usage_lines(used: ByModel, month: str) -> list[StatementLine]:
    """A line for each model of the month, the dearest first."""
    lines = [
        StatementLine(kind=LineKind.USAGE, month=month, model=model, amounts=amounts)
        for (used_in, model), amounts in used.items()
        if used_in == month
    ]
    return sorted(lines, key=lambda line: (-line.amounts.billed_pusd, line.model))


def corrections(
    used: ByModel, stated: ByModel, *, reason: Callable[[str, str], str]
) -> list[StatementLine]:
    """A line for each month that was stated, and each model of which its days add up to something
    else now than all that was ever stated of it. ``reason`` is asked for the month and the model.
    """
    months = {month for month, _ in stated}
    keys = sorted({*stated, *(key for key in used if key[0] in months)})
    lines: list[StatementLine] = []
    for month, model in keys:
        difference = used.get((month, model), _NOTHING) - stated.get((month, model), _NOTHING)
        if difference != _NOTHING:
            lines.append(
                StatementLine(
                    kind=LineKind.CORRECTION,
                    month=month,
                    model=model,
                    amounts=difference,
                    reason=reason(month, model),
                )
            )
    return lines


def reason_of(bookings: Sequence[Booking], reopened: Sequence[date]) -> str:
    """A sentence: what the ledger tells of it, else what the audit trail does, else that it is so.

    ``bookings`` are of the line's month and model, ``reopened`` days of its month.
    """
    late = [one for one in bookings if not one.is_adjustment]
    adjusted = [one for one in bookings if one.is_adjustment]
    parts = [
        _counted(late, "call settled after the closing", "calls settled after the closing"),
        _counted(
            adjusted,
            "adjustment to the provider's figures",
            "adjustments to the provider's figures",
        ),
    ]
    told = "; ".join(part for part in parts if part)
    if told:
        return told
    if reopened:
        return f"added after the closing, of {_days(reopened)}"
    return "its days add up to something else than was stated"


def _counted(bookings: Sequence[Booking], one: str, several: str) -> str:
    entries = sum(booking.entries for booking in bookings)
    if not entries:
        return ""
    days = sorted({booking.day for booking in bookings})
    return f"{entries} {one if entries == 1 else several}, of {_days(days)}"


def _days(days: Sequence[date]) -> str:
    named = ", ".join(day.isoformat() for day in days[:_MOST_DAYS_NAMED])
    more = len(days) - _MOST_DAYS_NAMED
    return f"{named} and {more} more" if more > 0 else named

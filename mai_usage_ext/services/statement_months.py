"""Months as statements name them: ``YYYY-MM``."""

import re
from datetime import date, timedelta

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.days import month_days, month_of

__all__ = ["days_of", "month_after", "month_name"]

_NAMES = "January February March April May June July August September October November December"
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def days_of(month: str, *, field: str = "month") -> tuple[date, date]:
    """First and last day. Raises ``BadInput`` for what is no month of this millennium."""
    found = _MONTH.fullmatch(month)
    if found is None or not 2000 <= int(found[1]) <= 2999:
        raise BadInput(field, got=month, expected="a month such as 2026-01")
    return month_days(date(int(found[1]), int(found[2]), 1))


def month_after(month: str) -> str:
    return month_of(days_of(month)[1] + timedelta(days=1))


def month_name(month: str) -> str:
    """``January 2026``, in English whatever the process's locale says."""
    return f"{_NAMES.split()[int(month[5:]) - 1]} {month[:4]}"

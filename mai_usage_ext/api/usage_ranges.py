"""The query parameters that say which days a usage route is asked for."""

from typing import Annotated

from fastapi import Depends, Query

from mai_usage_ext.services.usage_ranges import MOST_DAYS, RangeText

__all__ = ["GivenRange"]

_LENGTH = len("2026-01-31")
_FORM = "such as 2026-01-31"


def _given_range(
    since: Annotated[
        str | None, Query(alias="from", max_length=_LENGTH, description=f"First day, {_FORM}")
    ] = None,
    until: Annotated[
        str | None, Query(alias="to", max_length=_LENGTH, description=f"Last day, {_FORM}")
    ] = None,
    start_date: Annotated[
        str | None, Query(max_length=_LENGTH, description="Another name of `from`")
    ] = None,
    end_date: Annotated[
        str | None, Query(max_length=_LENGTH, description="Another name of `to`")
    ] = None,
    days_back: Annotated[
        int | None, Query(ge=1, le=MOST_DAYS, description="How many days that end with `to`")
    ] = None,
) -> RangeText:
    return RangeText(
        since=since, until=until, start_date=start_date, end_date=end_date, days_back=days_back
    )


GivenRange = Annotated[RangeText, Depends(_given_range)]
"""Days as the client wrote them."""

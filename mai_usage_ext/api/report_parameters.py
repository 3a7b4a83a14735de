"""The query parameters that the reseller's reports and one's own have in common."""

from typing import Annotated, Literal

from fastapi import Query

from mai_usage_ext.services.usage_reports import ReportWish

__all__ = ["Compare", "Order", "Top", "wish_of"]

Compare = Annotated[
    Literal["previous"] | None,
    Query(description="Beside the period before: as many days, or for a month the month before"),
]
Top = Annotated[
    int | None,
    Query(
        ge=1,
        le=50,
        description="Keeps so many, the dearest of the whole period, and folds the rest into one",
    ),
]
Order = Annotated[Literal["asc", "desc"] | None, Query()]


def wish_of(
    *,
    sort: str | None,
    order: str | None,
    offset: int,
    limit: int,
    compare: str | None,
    top: int | None,
) -> ReportWish:
    return ReportWish(
        sort=sort,
        is_descending=None if order is None else order == "desc",
        offset=offset,
        limit=limit,
        has_previous=compare is not None,
        top=top,
    )

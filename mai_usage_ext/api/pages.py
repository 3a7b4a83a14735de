"""Query parameters of the routes that answer in pages."""

from typing import Annotated

from fastapi import Path, Query

__all__ = ["Limit", "Offset", "RowId", "Search"]

# What both databases' integers hold.
_MOST = 2**31 - 1

Offset = Annotated[int, Query(ge=0, le=_MOST, description="How many to leave out at the beginning")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many to answer at most")]
Search = Annotated[str, Query(max_length=200, description="A part of what to look for")]
RowId = Annotated[int, Path(ge=1, le=_MOST)]

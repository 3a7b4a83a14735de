"""Query parameters of the routes that answer in pages."""

from typing import Annotated

from fastapi import Path, Query

__all__ = ["Limit", "LongLimit", "Offset", "RowId", "Search", "Text"]

# What both databases' integers hold.
_MOST = 2**31 - 1

Offset = Annotated[int, Query(ge=0, le=_MOST, description="How many to leave out at the beginning")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many to answer at most")]
# Of lines that are drawn: a quarter of days times the dearest models is one answer.
LongLimit = Annotated[int, Query(ge=1, le=2_000, description="How many to answer at most")]
Search = Annotated[str, Query(max_length=200, description="A part of what to look for")]
# A NUL is a text no database takes.
Text = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
RowId = Annotated[int, Path(ge=1, le=_MOST)]

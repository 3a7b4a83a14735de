"""Lines of sealed days on the shelf that processes share, as JSON of whole numbers."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any

from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.ports.shelf import Shelf
from mai_usage_ext.ports.usage import UsageLine, UsageQuery
from mai_usage_ext.version import __version__

__all__ = ["ReportShelf"]

_SUMS = tuple(field.name for field in fields(UsageTally))


class ReportShelf:
    """``seconds`` is how long they lie there."""

    def __init__(self, shelf: Shelf, *, seconds: int) -> None:
        self._shelf = shelf
        self._seconds = seconds

    def get(self, query: UsageQuery, version: str) -> list[UsageLine] | None:
        text = self._shelf.get(_key(query, version))
        return None if text is None else _lines(text, len(query.group_by))

    def put(self, query: UsageQuery, version: str, lines: Sequence[UsageLine]) -> None:
        rows = [(line.key, line.days, astuple(line.sums)) for line in lines]
        text = json.dumps(rows, separators=(",", ":"))
        self._shelf.put(_key(query, version), text, seconds=self._seconds)


def _key(query: UsageQuery, version: str) -> str:
    """Another query, other figures, another version of ours or other sums: another key."""
    words = (
        __version__,
        ",".join(_SUMS),
        version,
        query.first.isoformat(),
        query.last.isoformat(),
        query.organization_id,
        query.user_id,
        query.model,
        query.provider,
        query.group_by,
    )
    return f"report:{hashlib.sha256(json.dumps(words).encode()).hexdigest()}"


def _lines(text: str, width: int) -> list[UsageLine] | None:
    """``None`` where somebody else has written what lies there."""
    try:
        return [_line(*row, width=width) for row in json.loads(text)]
    except (ValueError, TypeError, RecursionError):
        return None


def _line(key: Any, days: Any, sums: Any, *, width: int) -> UsageLine:
    if len(key) != width or not all(isinstance(part, str) for part in key):
        raise ValueError("not a key of this query")
    if not all(one is None or type(one) is int for one in (days, *sums)):
        raise ValueError("not whole numbers")
    tally = UsageTally(**dict(zip(_SUMS, sums, strict=True)))
    return UsageLine(key=tuple(key), sums=tally, days=days)

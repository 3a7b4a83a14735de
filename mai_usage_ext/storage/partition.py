"""The day a ledger entry is filed under, which follows from its generation id alone.

PostgreSQL wants the partition key inside every unique key. A replay must therefore compute the same
key as the first booking did, whatever day it is and whichever hold brings it.
"""

import re
from datetime import UTC, date, datetime

__all__ = ["embedded_second", "partition_day"]

# OpenRouter's generation ids carry the second they were made in: gen-1754821845-kPq….
_EMBEDDED_SECOND = re.compile(r"gen-(?:[a-z]+-)?(\d{10})-")
_EARLIEST, _LATEST = 1_500_000_000, 4_000_000_000


def partition_day(generation_id: str, at_ms: int) -> date:
    """The UTC day of the id's own second, else of ``at_ms``, the hold's instant."""
    second = embedded_second(generation_id)
    return datetime.fromtimestamp(at_ms / 1000 if second is None else second, UTC).date()


def embedded_second(generation_id: str) -> int | None:
    """The UTC second that the id says it was made in; ``None`` where it says none."""
    found = _EMBEDDED_SECOND.match(generation_id)
    if found is None:
        return None
    second = int(found[1])
    return second if _EARLIEST <= second <= _LATEST else None

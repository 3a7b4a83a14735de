"""The day a ledger entry is filed under, which follows from its generation id alone.

PostgreSQL wants the partition key inside every unique key. A replay must therefore compute the same
key as the first booking did, whatever day it is and whichever hold brings it.
"""

import re
from datetime import UTC, date, datetime

__all__ = ["partition_day"]

# OpenRouter's generation ids carry the second they were made in: gen-1754821845-kPq….
_EMBEDDED_SECOND = re.compile(r"gen-(?:[a-z]+-)?(\d{10})-")
_EARLIEST, _LATEST = 1_500_000_000, 4_000_000_000


def partition_day(generation_id: str, at_ms: int) -> date:
    """The UTC day of the id's own second, else of ``at_ms``, the hold's instant."""
    found = _EMBEDDED_SECOND.match(generation_id)
    if found and _EARLIEST <= int(found[1]) <= _LATEST:
        return datetime.fromtimestamp(int(found[1]), UTC).date()
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()

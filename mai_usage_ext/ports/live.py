"""What live pages need to know: who belongs where, and whose numbers have changed."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Protocol

__all__ = ["LiveFigures", "LiveStore"]

LiveFigures = frozenset[tuple[date, int, int, int, int, int]]
"""Of each day: requests, prompt tokens, completion tokens, billed picodollars, unsettled calls.

Two that are equal mean that nothing a page shows of these days has changed.
"""


class LiveStore(Protocol):
    """One statement a question, however many pages are open. Raises ``StorageUnavailable``."""

    def places(self, user_ids: Collection[str], *, at_ms: int) -> Mapping[str, str]:
        """The organizations of those users that belong to one at that instant."""
        ...

    def figures(
        self, organization_ids: Collection[str], *, first: date, last: date
    ) -> Mapping[str, LiveFigures]:
        """Of each organization, the days that are not sealed yet; both ends included."""
        ...

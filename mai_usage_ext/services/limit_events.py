"""The marks of limits that were crossed, for admins to read."""

from collections.abc import Sequence

from mai_usage_ext.ports import LimitEventRecord, LimitEventStore

__all__ = ["LimitEvents"]


class LimitEvents:
    def __init__(self, store: LimitEventStore) -> None:
        self._store = store

    def page(
        self, *, organization_id: str | None = None, offset: int = 0, limit: int = 50
    ) -> tuple[Sequence[LimitEventRecord], int]:
        """Newest first, and how many there are in all."""
        return self._store.page(organization_id=organization_id, offset=offset, limit=limit)

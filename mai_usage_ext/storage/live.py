"""What live pages ask once a second: few statements for all of them, each along an index."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from peewee import Database, Value, fn

from mai_usage_ext.ports.live import LiveFigures
from mai_usage_ext.storage.models import ClientLiveCounter, UsageHold, UserClientMapping
from mai_usage_ext.storage.sessions import session

__all__ = ["LiveRows"]

_SUMS = ("requests", "prompt_tokens", "completion_tokens", "billed_pusd")


class LiveRows:
    """Implements ``ports.LiveStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def places(self, user_ids: Collection[str], *, at_ms: int) -> Mapping[str, str]:
        mapping = UserClientMapping
        query: Any = mapping.select(mapping.user_id, mapping.organization_id).where(
            mapping.user_id.in_(sorted(user_ids))
            & (mapping.valid_from_ms <= at_ms)
            & (mapping.valid_to_ms.is_null() | (mapping.valid_to_ms > at_ms))
        )
        with session(self._db):
            return dict(query.tuples().bind(self._db))

    def figures(
        self, organization_ids: Collection[str], *, first: date, last: date
    ) -> Mapping[str, LiveFigures]:
        # One statement: a call that is settled meanwhile has moved from one half to the other.
        query = _used(organization_ids, first, last) + _unsettled(organization_ids, first, last)
        with session(self._db):
            rows = list(query.tuples().bind(self._db))
        days: defaultdict[tuple[str, date], list[int]] = defaultdict(lambda: [0] * 5)
        for organization_id, day, *numbers in rows:
            added = days[organization_id, _date(day)]
            for index, number in enumerate(numbers):
                added[index] += int(number)
        found: defaultdict[str, set[Any]] = defaultdict(set)
        for (organization_id, day), sums in days.items():
            found[organization_id].add((day, *sums))
        return {organization_id: frozenset(each) for organization_id, each in found.items()}


def _used(organization_ids: Collection[str], first: date, last: date) -> Any:
    cell = ClientLiveCounter
    sums = [fn.SUM(getattr(cell, name)) for name in _SUMS]
    query: Any = cell.select(cell.organization_id, cell.day, *sums, Value(0))
    return query.where(_among(cell, organization_ids, first, last)).group_by(
        cell.organization_id, cell.day
    )


def _unsettled(organization_ids: Collection[str], first: date, last: date) -> Any:
    hold = UsageHold
    nothing = [Value(0) for _ in _SUMS]
    query: Any = hold.select(hold.organization_id, hold.day, *nothing, fn.COUNT(hold.id))
    is_wanted = _among(hold, organization_ids, first, last) & hold.closed_at_ms.is_null()
    return query.where(is_wanted).group_by(hold.organization_id, hold.day)


def _among(model: Any, organization_ids: Collection[str], first: date, last: date) -> Any:
    return model.organization_id.in_(sorted(organization_ids)) & model.day.between(first, last)


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)

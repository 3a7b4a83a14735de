"""Lines over sealed days, remembered until one of the days changes.

What is asked for is cut in two where days are not sealed any more: the older part comes from memory
if nothing in it has changed, and the younger one is read. No day is in both.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from mai_usage_ext.ports.shelf import NoShelf, Shelf
from mai_usage_ext.ports.usage import UsageLine, UsageQuery, UsageSource
from mai_usage_ext.services.report_shelf import ReportShelf

__all__ = ["MOST_LINES", "ReportCache"]

MOST_LINES = 20_000
"""In all answers together, about 20 MB."""

# Names change nothing that is sealed, but a user who is deleted is not to stay here for long.
_KEEP_S = 300
_DAY = timedelta(days=1)

_Key = tuple[UsageQuery, str]


class ReportCache:
    """Of one process, with a ``shelf`` that others share; may be asked from many threads."""

    def __init__(
        self, source: UsageSource, *, shelf: Shelf | None = None, most_lines: int = MOST_LINES
    ) -> None:
        self._source = source
        self._shelf = ReportShelf(shelf or NoShelf(), seconds=_KEEP_S)
        self._most_lines = most_lines
        self._kept: OrderedDict[_Key, tuple[float, Sequence[UsageLine]]] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def lines(self, query: UsageQuery) -> list[UsageLine]:
        """As ``UsageLines.lines`` answers, in memory. Raises what it raises."""
        state = self._source.sealed(query)
        last = query.last if state.live_from is None else _before(state.live_from, query.last)
        if last < query.first:
            return list(self._source.lines(query))
        sealed = self._sealed(replace(query, last=last), state.version)
        if last == query.last:
            return list(sealed)
        return _merged(sealed, self._source.lines(replace(query, first=last + _DAY)))

    def _sealed(self, query: UsageQuery, version: str) -> Sequence[UsageLine]:
        key = query, version
        with self._lock:
            known = self._kept.get(key)
            if known is not None and known[0] > time.monotonic():
                self._kept.move_to_end(key)
                return known[1]
        lines = self._shelf.get(query, version)
        if lines is None:
            lines = list(self._source.lines(query))
            if len(lines) < self._most_lines:
                self._shelf.put(query, version, lines)
        self._keep(key, lines)
        return lines

    def _keep(self, key: _Key, lines: Sequence[UsageLine]) -> None:
        if len(lines) >= self._most_lines:
            return
        with self._lock:
            self._forget(key)
            self._kept[key] = time.monotonic() + _KEEP_S, lines
            # An answer without lines takes room too.
            self._count += len(lines) + 1
            while self._count > self._most_lines:
                self._forget(next(iter(self._kept)))

    def _forget(self, key: _Key) -> None:
        known = self._kept.pop(key, None)
        if known is not None:
            self._count -= len(known[1]) + 1


def _before(live_from: date, last: date) -> date:
    return min(last, live_from - _DAY)


def _merged(some: Iterable[UsageLine], more: Iterable[UsageLine]) -> list[UsageLine]:
    found = {line.key: line for line in some}
    for line in more:
        known = found.get(line.key)
        found[line.key] = line if known is None else known + line
    return [found[key] for key in sorted(found)]

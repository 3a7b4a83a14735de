"""The slowest statements of this process, by their shape and without any value."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from peewee import Database

from mai_usage_ext.ports.slow_queries import SlowQuery

__all__ = ["SlowQueries", "shape_of", "timed_cursor", "watch_statements"]

_MOST_SHAPES = 100
_LONGEST_SHAPE = 1_000
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
_LIST = re.compile(r"\((?:\s*(?:\?|%s)\s*,)+\s*(?:\?|%s)\s*\)")
_ROWS = re.compile(r"\(…\)(?:\s*,\s*\(…\))+")


@dataclass(slots=True)
class _Seen:
    query: SlowQuery
    total_ms: int


class SlowQueries:
    """Remembers what took at least ``threshold_ms``; of many shapes the slowest stay."""

    def __init__(self, *, threshold_ms: int, now: Callable[[], float] = time.time) -> None:
        self.threshold_ms = threshold_ms
        self._now = now
        self._seen: dict[str, _Seen] = {}
        self._lock = threading.Lock()

    def note(self, sql: str, seconds: float) -> None:
        """One statement that ran. Costs a comparison where it was quick enough."""
        if seconds * 1000 < self.threshold_ms:
            return
        shape, took_ms, now_ms = shape_of(sql), round(seconds * 1000), int(self._now() * 1000)
        with self._lock:
            seen = self._seen.get(shape)
            if seen is None:
                query = SlowQuery(shape=shape, count=0, max_ms=0, mean_ms=0, last_at_ms=now_ms)
                seen = self._seen[shape] = _Seen(query, 0)
            seen.total_ms += took_ms
            count = seen.query.count + 1
            seen.query = replace(
                seen.query,
                count=count,
                max_ms=max(seen.query.max_ms, took_ms),
                mean_ms=seen.total_ms // count,
                last_at_ms=now_ms,
            )
            if len(self._seen) > _MOST_SHAPES:
                del self._seen[min(self._seen, key=lambda one: self._seen[one].query.max_ms)]

    def slowest(self, limit: int) -> Sequence[SlowQuery]:
        with self._lock:
            found = [seen.query for seen in self._seen.values()]
        return sorted(found, key=lambda query: (-query.max_ms, query.shape))[:limit]


# A database is ours alone, so whoever watches it does not touch the host's statements.
_watched: WeakKeyDictionary[Database, SlowQueries] = WeakKeyDictionary()


def watch_statements(db: Database, queries: SlowQueries) -> None:
    """Time every statement of this database from now on, until its first row is there."""
    # The class's own, so that a second watch takes the place of the first.
    original: Any = type(db).execute_sql

    def execute_sql(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return original(db, *arguments, **options)
        finally:
            sql = arguments[0] if arguments else options["sql"]
            queries.note(sql, time.perf_counter() - began)

    setattr(db, "execute_sql", execute_sql)  # noqa: B010 - not in its types
    _watched[db] = queries


class _TimedCursor:
    """A driver's cursor whose statements are timed."""

    def __init__(self, cursor: Any, queries: SlowQueries) -> None:
        self._cursor = cursor
        self._queries = queries

    def execute(self, sql: str, *arguments: Any, **options: Any) -> Any:
        return self._timed(self._cursor.execute, sql, *arguments, **options)

    def executemany(self, sql: str, *arguments: Any, **options: Any) -> Any:
        return self._timed(self._cursor.executemany, sql, *arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def _timed(self, run: Callable[..., Any], sql: str, *arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return run(sql, *arguments, **options)
        finally:
            self._queries.note(sql, time.perf_counter() - began)


def timed_cursor(db: Database, cursor: Any) -> Any:
    """The cursor itself where nobody watches the database."""
    queries = _watched.get(db)
    return cursor if queries is None else _TimedCursor(cursor, queries)


def shape_of(sql: str) -> str:
    """The statement with every literal as ``?`` and every list of values as ``(…)``."""
    plain = " ".join(_LITERAL.sub("?", sql).split())
    return _ROWS.sub("(…), …", _LIST.sub("(…)", plain))[:_LONGEST_SHAPE]

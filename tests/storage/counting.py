"""How many statements a piece of code sends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from peewee import Database


@contextmanager
def counted_statements(db: Database) -> Iterator[list[str]]:
    """The statements sent through peewee while the block runs."""
    sent: list[str] = []
    real: Any = db.execute_sql

    def note(sql: str, *args: Any, **options: Any) -> Any:
        sent.append(sql)
        return real(sql, *args, **options)

    with mock.patch.object(db, "execute_sql", note):
        yield sent

"""JSON Lines, an object for each row; and the same objects as one JSON array.

Money and shares are decimal strings, since a JSON number is read as a float by most; counts are
numbers.
"""

import json
from collections.abc import Generator, Iterator
from typing import Any

from mai_usage_ext.exports.values import PIECE_BYTES, text_of
from mai_usage_ext.ports.tables import ColumnKind, CsvStyle, Table

__all__ = ["Json", "JsonLines"]

_AS_THEY_ARE = (ColumnKind.INTEGER, ColumnKind.BOOLEAN)


class JsonLines:
    """Implements ``ports.tables.TableFormat``."""

    content_type = "application/jsonl"
    extension = "jsonl"

    def chunks(self, table: Table, style: CsvStyle) -> Generator[bytes, None, None]:
        del style
        return _pieces(f"{line}\n" for line in _objects(table))


class Json:
    """Implements ``ports.tables.TableFormat``. One that was cut off is no JSON."""

    content_type = "application/json"
    extension = "json"

    def chunks(self, table: Table, style: CsvStyle) -> Generator[bytes, None, None]:
        del style
        return _pieces(_array(table))


def _array(table: Table) -> Iterator[str]:
    begin = "[\n"
    for line in _objects(table):
        yield f"{begin}{line}"
        begin = ",\n"
    yield "[]\n" if begin == "[\n" else "\n]\n"


def _objects(table: Table) -> Iterator[str]:
    columns = table.columns
    for row in table.rows:
        fields = {
            column.name: _value(column.kind, value)
            for column, value in zip(columns, row, strict=True)
        }
        yield json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _value(kind: ColumnKind, value: Any) -> Any:
    return value if value is None or kind in _AS_THEY_ARE else text_of(kind, value)


def _pieces(texts: Iterator[str]) -> Generator[bytes, None, None]:
    waiting: list[str] = []
    size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= PIECE_BYTES:
            yield "".join(waiting).encode("utf-8", "replace")
            waiting.clear()
            size = 0
    yield "".join(waiting).encode("utf-8", "replace")

"""Parquet, where pyarrow is installed: amounts as ``decimal128(38, 12)``, days and instants too.

Rows are written group by group and handed on as they come, so no file is ever held whole.
"""

import io
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import Any

from mai_usage_ext.errors import ConfigurationError
from mai_usage_ext.exports.values import DECIMALS, decimal_of
from mai_usage_ext.ports.tables import ColumnKind, CsvStyle, Table

__all__ = ["Parquet"]

_ROWS_IN_A_GROUP = 8_192
_DIGITS = 38
_AMOUNTS = (ColumnKind.USD, ColumnKind.MONEY, ColumnKind.NUMBER, ColumnKind.PERCENT)


class Parquet:
    """Implements ``ports.tables.TableFormat``."""

    content_type = "application/vnd.apache.parquet"
    extension = "parquet"

    def chunks(self, table: Table, style: CsvStyle) -> Generator[bytes, None, None]:
        del style
        arrow, parquet = _libraries()
        types = [_type(arrow, column.kind) for column in table.columns]
        schema = arrow.schema(
            [(column.name, kind) for column, kind in zip(table.columns, types, strict=True)]
        )
        sink = io.BytesIO()
        with parquet.ParquetWriter(arrow.PythonFile(_Tail(sink), "w"), schema) as writer:
            for rows in _groups(table.rows):
                arrays = [
                    arrow.array(map(_value_of(column.kind), values), kind, size=len(rows))
                    for column, values, kind in zip(
                        table.columns, zip(*rows, strict=True), types, strict=True
                    )
                ]
                writer.write_batch(arrow.RecordBatch.from_arrays(arrays, schema=schema))
                yield _taken(sink)
        yield _taken(sink)


class _Tail(io.RawIOBase):
    """A file that is only written to: it knows how long it is, its beginning may be gone."""

    def __init__(self, sink: io.BytesIO) -> None:
        self._sink = sink
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: Any) -> int:
        self._length += len(data)
        return self._sink.write(data)


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigurationError(
            "Parquet needs the Python package pyarrow: pip install 'mai-usage-ext[parquet]', or "
            "ask for csv, xlsx or jsonl"
        ) from None
    return pyarrow, pyarrow.parquet


def _type(arrow: Any, kind: ColumnKind) -> Any:
    if kind in _AMOUNTS:
        return arrow.decimal128(_DIGITS, DECIMALS)
    return {
        ColumnKind.TEXT: arrow.string(),
        ColumnKind.INTEGER: arrow.int64(),
        ColumnKind.DATE: arrow.date32(),
        ColumnKind.INSTANT: arrow.timestamp("ms", tz="UTC"),
        ColumnKind.BOOLEAN: arrow.bool_(),
    }[kind]


def _value_of(kind: ColumnKind) -> Callable[[Any], Any]:
    if kind in _AMOUNTS:
        return lambda value: None if value is None else decimal_of(kind, value)
    if kind is ColumnKind.TEXT:
        return lambda value: value and value.encode("utf-8", "replace").decode()
    return lambda value: value


def _groups(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while group := list(islice(rows, _ROWS_IN_A_GROUP)):
        yield group


def _taken(sink: io.BytesIO) -> bytes:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data

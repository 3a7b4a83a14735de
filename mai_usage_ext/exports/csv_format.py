"""CSV after RFC 4180: commas, quotes where they are needed, CRLF at the end of every line.

A spreadsheet takes a text that begins with ``=`` for a formula, and the name of a model or of a
user may be one that somebody made up. Such texts get an apostrophe in front, as OWASP advises under
"CSV Injection"; numbers, negative ones too, are never touched. NUL is no character that any reader
of CSV agrees about, so it becomes U+FFFD.
"""

import csv
import io
from collections.abc import Generator
from typing import Any

from mai_usage_ext.exports.values import PIECE_BYTES, text_of
from mai_usage_ext.ports.tables import Column, ColumnKind, CsvStyle, Table

__all__ = ["Csv"]

# What a formula begins with, the full width forms that some spreadsheets take for the same, and
# what hides such a beginning.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BOM = "\ufeff"


class Csv:
    """Implements ``ports.tables.TableFormat``. Nothing is an empty field."""

    content_type = "text/csv; charset=utf-8"
    extension = "csv"

    def chunks(self, table: Table, style: CsvStyle) -> Generator[bytes, None, None]:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter=style.delimiter, lineterminator="\r\n")
        if style.has_bom:
            buffer.write(_BOM)
        writer.writerow(column.name for column in table.columns)
        for row in table.rows:
            writer.writerow(map(_field, table.columns, row))
            if buffer.tell() >= PIECE_BYTES:
                yield _taken(buffer)
        yield _taken(buffer)


def _field(column: Column, value: Any) -> str:
    if value is None:
        return ""
    text = text_of(column.kind, value)
    return _harmless(text) if column.kind is ColumnKind.TEXT else text


def _harmless(text: str) -> str:
    text = text.replace("\0", "\ufffd")
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")

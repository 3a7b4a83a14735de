"""Exported files as others read them: rows of texts by column, whatever the format."""

import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl

__all__ = ["Row", "instant_of", "rows_of"]

Row = dict[str, str]


def rows_of(data: bytes, kind: str, folder: Path, names: Iterable[str] = ()) -> list[Row]:
    """What is missing is an empty text. ``names`` are of a spreadsheet's columns, which has titles
    for people."""
    if kind == "xlsx":
        return _of_sheet(data, list(names))
    file = folder / f"export.{kind}"
    file.write_bytes(data)
    if kind == "csv":
        read = "read_csv($file, all_varchar = true, header = true, delim = ',')"
    elif kind == "jsonl":
        first, _, _ = data.partition(b"\n")
        columns = ", ".join(f"\"{name}\": 'VARCHAR'" for name in json.loads(first))
        read = f"read_json($file, format = 'newline_delimited', columns = {{{columns}}})"
    else:
        read = "read_parquet($file)"
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        found = db.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {read}", {"file": str(file)})
        columns_read = [name for name, *_ in found.description or ()]
        return [
            dict(zip(columns_read, [value or "" for value in row], strict=True))
            for row in found.fetchall()
        ]


def instant_of(text: str) -> datetime:
    """In UTC, which is what a spreadsheet's are in too, though it cannot say so."""
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _of_sheet(data: bytes, names: list[str]) -> list[Row]:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
    try:
        [sheet] = book.worksheets
        titles, *rows = sheet.iter_rows(values_only=True)
        assert len(titles) == len(names)
        return [dict(zip(names, map(_text, row), strict=True)) for row in rows]
    finally:
        book.close()


def _text(value: Any) -> str:
    if isinstance(value, float):
        # Up to fifteen digits come back as they were written.
        return f"{Decimal(repr(value)):f}"
    return "" if value is None else str(value)

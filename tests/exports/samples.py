"""Tables for the writers: one with every kind of value, and one with names nobody should have."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from mai_usage_ext.exports import FORMATS
from mai_usage_ext.ports.tables import Column, ColumnKind, CsvStyle, Table

__all__ = ["AT_MS", "COLUMNS", "NASTY", "ROWS", "many", "nasty_table", "table_of", "written"]

AT_MS = int(datetime(2026, 11, 24, 14, 53, 41, 123_000, UTC).timestamp() * 1000)
COLUMNS = tuple(Column(name=kind.value, kind=kind, title=kind.value.title()) for kind in ColumnKind)
ROWS: list[tuple[Any, ...]] = [
    ("plain", 7, Decimal("1.30"), 326_960_001, Decimal("9000000.123456789012"),
     date(2026, 2, 28), AT_MS, True, Decimal("23.08")),
    ("", 0, Decimal(0), -1, Decimal("-0.5"), date(1999, 12, 31), 0, False, Decimal("-100")),
    (None,) * len(COLUMNS),
]  # fmt: skip

# Every text that some program might take for something else than a text.
NASTY = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＠x", "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x","y")', "'=1", "-", "--", "0012", "1e5", "true", "2026-01-01", "NULL",
    'quo"te', '"', '""', "com,ma", "semi;colon", "two\nlines", "two\r\nlines", "back\\slash",
    "tab\tin", " leading and trailing ", "😀 emoji 👩‍👩‍👧", "שלום עולם", "\u202egnp.exe", "Ünïcödé",
    "NUL\0in", "<r>bold</r>", "<r><t>x</t></r>", "a & b < c > d", "]]>", "_x0041_", "http://x.y/z",
    "#REF!", "x" * 32_767, "\u2028line\u2029paragraph", "\ufeffbom", "\x01\x1f",
]  # fmt: skip


def table_of(rows: list[tuple[Any, ...]], columns: tuple[Column, ...] = COLUMNS) -> Table:
    return Table(name="sample", columns=columns, rows=iter(rows))


def nasty_table() -> Table:
    columns = (
        Column(name="name", kind=ColumnKind.TEXT, title="Name"),
        Column(name="number", kind=ColumnKind.INTEGER, title="Number"),
        Column(name="cost", kind=ColumnKind.USD, title="Cost"),
    )
    return table_of([(name, -place, -place) for place, name in enumerate(NASTY)], columns)


def written(name: str, table: Table, **style: Any) -> bytes:
    return b"".join(FORMATS[name].chunks(table, CsvStyle(**style)))


def many(count: int) -> Table:
    """As wide as the report of single calls, made while it is read."""
    columns = tuple(
        Column(name=f"{kind.value}{number}", kind=kind, title=kind.value)
        for number in range(3)
        for kind in ColumnKind
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(count):
            yield (
                f"acme/model-{number}", number, Decimal(number), number * 1_000_003,
                Decimal(number).scaleb(-12), date(2026, 1, 1), AT_MS + number, True, Decimal("1.5"),
            ) * 3  # fmt: skip

    return Table(name="many", columns=columns, rows=rows(), expected_rows=count)

"""Tables that leave the house, and who writes them down.

A table is rows that are made while they are read, so that one of a million needs no more memory
than one of ten.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

__all__ = ["Column", "ColumnKind", "CsvStyle", "Table", "TableFormat"]


class ColumnKind(StrEnum):
    """What the values of a column are; each may also be ``None``.

    ``TEXT`` a ``str`` · ``INTEGER`` an ``int`` · ``NUMBER`` a ``Decimal`` · ``USD`` an ``int`` of
    picodollars · ``MONEY`` a ``Decimal`` of whatever currency the table names · ``DATE`` a ``date``
    · ``INSTANT`` an ``int`` of UTC milliseconds · ``BOOLEAN`` a ``bool`` · ``PERCENT`` a
    ``Decimal``, where 12.5 means 12.5 %. No ``Decimal`` has more than twelve decimals.
    """

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    USD = "usd"
    MONEY = "money"
    DATE = "date"
    INSTANT = "instant"
    BOOLEAN = "boolean"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``name`` is for programs and never changes; ``title`` is for people."""

    name: str
    kind: ColumnKind
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``rows`` can be read once; each has one value for each column, in their order.

    ``expected_rows`` is about how many there will be, where that is known; it is for progress bars.
    """

    name: str
    columns: tuple[Column, ...]
    rows: Iterator[tuple[Any, ...]]
    expected_rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvStyle:
    """What readers of CSV disagree about. ``has_bom`` lets Excel see that the file is UTF-8."""

    delimiter: str = ","
    has_bom: bool = False


class TableFormat(Protocol):
    """One way to write a table down."""

    content_type: str
    extension: str

    def chunks(self, table: Table, style: CsvStyle) -> Generator[bytes, None, None]:
        """The file, piece by piece; whatever the rows raise comes out unchanged.

        ``style`` matters to CSV alone. Raises ``ConfigurationError`` before the first piece where
        the format's library is not installed.
        """
        ...

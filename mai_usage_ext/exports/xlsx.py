"""XLSX, written row by row into temporary files and handed on once it is whole.

A spreadsheet shows fifteen digits, but what stands in the file is the exact amount. More rows than
a sheet has go on in the next one.
"""

import re
import tempfile
from collections.abc import Callable, Generator
from contextlib import closing
from decimal import Decimal
from typing import Any

from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from mai_usage_ext.exports.values import PIECE_BYTES, decimal_of, instant_of
from mai_usage_ext.ports.tables import Column, ColumnKind, CsvStyle, Table

__all__ = ["Xlsx"]

_ROWS_IN_A_SHEET = 1_048_576
_LONGEST_TEXT = 32_767
_LONGEST_NAME = 25
# What XML cannot carry.
_NO_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_OPTIONS = {
    "constant_memory": True,
    "remove_timezone": True,
    # A text stays a text, whatever it begins with.
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_WIDTHS = {ColumnKind.TEXT: 24, ColumnKind.INSTANT: 20, ColumnKind.USD: 18, ColumnKind.MONEY: 18}
_NUMBER_FORMATS = {
    ColumnKind.INTEGER: "#,##0",
    ColumnKind.NUMBER: "#,##0.######",
    ColumnKind.USD: "#,##0.00########",
    ColumnKind.MONEY: "#,##0.00########",
    ColumnKind.PERCENT: "0.00",
    ColumnKind.DATE: "yyyy-mm-dd",
    ColumnKind.INSTANT: "yyyy-mm-dd hh:mm:ss",
}


class Xlsx:
    """Implements ``ports.tables.TableFormat``. The first piece comes once all rows are read."""

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension = "xlsx"

    def __init__(self, *, rows_in_a_sheet: int = _ROWS_IN_A_SHEET) -> None:
        self._rows_in_a_sheet = rows_in_a_sheet

    def chunks(self, table: Table, style: CsvStyle) -> Generator[bytes, None, None]:
        del style
        with tempfile.TemporaryFile() as file:
            with closing(Workbook(file, _OPTIONS)) as workbook:
                self._fill(workbook, table)
            file.seek(0)
            while piece := file.read(PIECE_BYTES):
                yield piece

    def _fill(self, workbook: Any, table: Table) -> None:
        writers = [_writer(workbook, column) for column in table.columns]
        sheet = _new_sheet(workbook, table)
        number = 0
        for row in table.rows:
            number += 1
            if number == self._rows_in_a_sheet:
                _finish(sheet, table, number - 1)
                sheet, number = _new_sheet(workbook, table), 1
            for place, (write, value) in enumerate(zip(writers, row, strict=True)):
                if value is not None:
                    write(sheet, number, place, value)
        _finish(sheet, table, number)


class _ExactSheet(Worksheet):
    """Writes decimals with all their digits, where the library would keep sixteen."""

    def _xml_number_element(self, number: Any, attributes: Any = ()) -> None:
        if not isinstance(number, Decimal):
            super()._xml_number_element(number, attributes)
            return
        names = "".join(f' {name}="{value}"' for name, value in attributes)
        file: Any = self.fh
        file.write(f"<c{names}><v>{number:f}</v></c>")

    def _xml_rich_inline_string(self, string: str, attributes: Any = ()) -> None:
        # We write no rich texts; one that looks like it is somebody's attempt to write XML.
        self._xml_inline_string(string, True, attributes)  # noqa: FBT003 - the library's own


def _new_sheet(workbook: Any, table: Table) -> Any:
    count = len(workbook.worksheets())
    name = table.name[:_LONGEST_NAME] + (f" {count + 1}" if count else "")
    sheet = workbook.add_worksheet(name, worksheet_class=_ExactSheet)
    bold = workbook.add_format({"bold": True, "bottom": 1})
    for place, column in enumerate(table.columns):
        width = max(_WIDTHS.get(column.kind, 12), len(column.title) + 4)
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, column.title, bold)
    sheet.freeze_panes(1, 0)
    return sheet


def _finish(sheet: Any, table: Table, last_row: int) -> None:
    sheet.autofilter(0, 0, last_row, len(table.columns) - 1)


def _writer(workbook: Any, column: Column) -> Callable[[Any, int, int, Any], object]:
    kind = column.kind
    if kind is ColumnKind.TEXT:
        return lambda sheet, row, place, value: sheet.write_string(row, place, _text(value))
    if kind is ColumnKind.BOOLEAN:
        return lambda sheet, row, place, value: sheet.write_boolean(row, place, value)
    style = workbook.add_format({"num_format": _NUMBER_FORMATS[kind]})
    if kind is ColumnKind.DATE:
        return lambda sheet, row, place, value: sheet.write_datetime(row, place, value, style)
    if kind is ColumnKind.INSTANT:
        return lambda sheet, row, place, value: sheet.write_datetime(
            row, place, instant_of(value), style
        )
    return lambda sheet, row, place, value: sheet.write_number(
        row, place, decimal_of(kind, value), style
    )


def _text(value: str) -> str:
    return _NO_XML.sub("\ufffd", value)[:_LONGEST_TEXT]

"""XLSX, read back by openpyxl, and its numbers by their digits."""

import io
import re
import zipfile
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from mai_usage_ext.exports import Xlsx
from mai_usage_ext.ports.tables import CsvStyle
from tests.exports.samples import NASTY, ROWS, many, nasty_table, table_of, written


def opened(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def as_excel_reads(text: str) -> str:
    """With the escapes that the format has for characters, which openpyxl leaves as they are."""
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), text)


def test_every_kind_of_value() -> None:
    sheet = opened(written("xlsx", table_of(ROWS))).active
    header, first, second, *nothing = sheet.iter_rows()
    assert [cell.value for cell in header][:2] == ["Text", "Integer"]
    assert [cell.value for cell in first] == [
        "plain",
        7,
        1.3,
        0.000326960001,
        9000000.123456789012,
        datetime(2026, 2, 28),  # noqa: DTZ001 - a spreadsheet knows no zones
        datetime(2026, 11, 24, 14, 53, 41, 123_000),  # noqa: DTZ001
        True,
        23.08,
    ]
    assert [cell.data_type for cell in first] == ["s", "n", "n", "n", "n", "d", "d", "b", "n"]
    assert first[5].number_format == "yyyy-mm-dd"
    assert second[3].value == -0.000000000001
    assert {cell.value for row in nothing for cell in row} <= {None}


def test_amounts_stand_there_with_all_their_digits() -> None:
    data = written("xlsx", table_of(ROWS))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    values = re.findall(r"<v>([^<]*)</v>", sheet)
    assert {"0.000326960001", "9000000.123456789012", "-0.000000000001", "-0.5"} <= set(values)
    assert not any("E" in value for value in values)


def test_nasty_names_are_texts() -> None:
    rows = list(opened(written("xlsx", nasty_table())).active.iter_rows(min_row=2))
    for name, (cell, number, *_) in zip(NASTY, rows, strict=True):
        # What XML has no characters for is shown as such.
        assert as_excel_reads(cell.value) == re.sub("[\0\x01\x1f]", "\ufffd", name)
        assert (cell.data_type, number.data_type) == ("s", "n")
        assert cell.hyperlink is None


def test_the_header_stays_and_can_be_filtered() -> None:
    sheet = opened(written("xlsx", table_of(ROWS))).active
    assert (sheet.title, sheet.freeze_panes) == ("sample", "A2")
    assert sheet.auto_filter.ref == "A1:I4"
    assert sheet.column_dimensions["A"].width > 20
    assert sheet["A1"].font.bold


def test_what_does_not_fit_goes_on_in_the_next_sheet() -> None:
    data = b"".join(Xlsx(rows_in_a_sheet=5).chunks(many(10), CsvStyle()))
    book = opened(data)
    assert book.sheetnames == ["many", "many 2", "many 3"]
    assert [sheet.max_row for sheet in book] == [5, 5, 3]
    assert [cell.value for cell in book["many 2"]["B"]] == ["integer", 4, 5, 6, 7]
    assert book["many 3"].auto_filter.ref.endswith("3")


def test_of_nothing_there_is_a_header() -> None:
    sheet = opened(written("xlsx", table_of([]))).active
    assert (sheet.max_row, sheet["A1"].value) == (1, "Text")


def test_what_the_rows_raise_comes_out_before_the_first_piece() -> None:
    table = many(10)

    def rows() -> Any:
        yield from table.rows
        raise OSError("the disk is gone")

    broken = table_of([], table.columns)
    object.__setattr__(broken, "rows", rows())
    with pytest.raises(OSError, match="the disk is gone"):
        next(Xlsx().chunks(broken, CsvStyle()))

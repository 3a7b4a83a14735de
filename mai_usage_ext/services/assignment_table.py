"""CSV text of assignments, as rows by column name."""

import csv
import io
from collections.abc import Mapping, Sequence

from mai_usage_ext.errors import BadInput

__all__ = ["COLUMNS", "MOST_ROWS", "Row", "check_count", "read_table"]

Row = Mapping[str, object]

COLUMNS = ("user_id", "email", "client_org_id", "role", "monthly_limit", "effective_from")
MOST_ROWS = 5_000
_MOST_BYTES = 2_000_000
_BYTE_ORDER_MARK = "\ufeff"
# What a cell says for "no limit"; an empty one leaves the limit as it is.
_NO_LIMIT = "none"


def read_table(text: str) -> list[Row]:
    """The rows of CSV text with a header, without empty ones; an empty cell is left out.

    Cells are separated by commas or semicolons, whichever the header uses. Raises ``BadInput``,
    naming the column or ``rows``.
    """
    if len(text.encode("utf-8", "replace")) > _MOST_BYTES:
        raise BadInput("rows", got=f"{len(text)} characters", expected="at most 2 MB of CSV")
    lines = csv.reader(
        io.StringIO(text.removeprefix(_BYTE_ORDER_MARK), newline=""),
        delimiter=_delimiter(text),
        strict=True,
        skipinitialspace=True,
    )
    try:
        header = _header(next(lines, []))
        rows: list[Row] = []
        for cells in lines:
            if any(cell.strip() for cell in cells):
                check_count(len(rows) + 1)
                rows.append(_row(header, cells))
        return rows
    except csv.Error as error:
        raise BadInput("rows", got=f"line {lines.line_num}", expected=f"CSV: {error}") from None


def check_count(rows: int) -> None:
    if rows > MOST_ROWS:
        raise BadInput("rows", got=f"{rows} rows", expected=f"at most {MOST_ROWS:,} rows")


def _delimiter(text: str) -> str:
    header = text.lstrip(_BYTE_ORDER_MARK + "\r\n").split("\n", 1)[0]
    return ";" if header.count(";") > header.count(",") else ","


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    for name in names:
        if name not in COLUMNS:
            expected = f"a header of the columns {', '.join(COLUMNS)}"
            raise BadInput(name[:80] or "rows", got=name, expected=expected)
        if names.count(name) > 1:
            raise BadInput(name, got=names.count(name), expected="each column once")
    if "client_org_id" not in names:
        raise BadInput("client_org_id", got="no such column", expected="a column of this name")
    if not {"user_id", "email"} & set(names):
        raise BadInput("user_id", got="no such column", expected="a column user_id or email")
    return names


def _row(header: Sequence[str], cells: Sequence[str]) -> Row:
    row: dict[str, object] = {}
    for name, cell in zip(header, cells, strict=False):
        value = cell.strip()
        if name == "monthly_limit" and value.lower() == _NO_LIMIT:
            row[name] = None
        elif value:
            row[name] = value
    if len(cells) > len(header):
        # The row says so itself, so that the other rows are read all the same.
        row["row"] = f"{len(cells)} cells"
    return row

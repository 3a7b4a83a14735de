"""CSV, read back by Python's own reader and by DuckDB."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from mai_usage_ext.exports.csv_format import Csv
from mai_usage_ext.ports.tables import CsvStyle
from tests.exports.samples import COLUMNS, NASTY, ROWS, many, nasty_table, table_of, written

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠")


def read(data: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(
        csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter, strict=True)
    )


def test_every_kind_of_value() -> None:
    assert written("csv", table_of(ROWS)).decode() == (
        "text,integer,number,usd,money,date,instant,boolean,percent\r\n"
        "plain,7,1.30,0.000326960001,9000000.123456789012,2026-02-28,2026-11-24T14:53:41.123Z,"
        "true,23.08\r\n"
        ",0,0,-0.000000000001,-0.5,1999-12-31,1970-01-01T00:00:00Z,false,-100\r\n"
        ",,,,,,,,\r\n"
    )


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_nasty_names_come_back_and_none_is_a_formula(delimiter: str) -> None:
    header, *rows = read(written("csv", nasty_table(), delimiter=delimiter), delimiter)
    assert header == ["name", "number", "cost"]
    assert len(rows) == len(NASTY)
    for name, (read_name, number, cost) in zip(NASTY, rows, strict=True):
        expected = name.replace("\0", "\ufffd")
        assert read_name == (f"'{expected}" if name.startswith(FORMULAS) else expected)
        assert not read_name.startswith(FORMULAS)
        # Numbers are untouched, negative ones too.
        assert int(number) <= 0
        assert Decimal(cost) == int(number) * Decimal("1e-12")


def test_lines_end_as_the_standard_says_and_a_bom_is_there_on_request() -> None:
    data = written("csv", table_of(ROWS))
    assert data.count(b"\n") == data.count(b"\r\n") == len(ROWS) + 1
    assert not data.startswith(b"\xef\xbb\xbf")
    assert written("csv", table_of(ROWS), has_bom=True) == b"\xef\xbb\xbf" + data


def test_of_nothing_there_is_a_header() -> None:
    assert written("csv", table_of([], COLUMNS[:2])) == b"text,integer\r\n"


def test_it_comes_in_pieces() -> None:
    pieces = list(Csv().chunks(many(2_000), CsvStyle()))
    assert len(pieces) > 3
    assert max(map(len, pieces)) < 100_000
    assert len(read(b"".join(pieces))) == 2_001


def test_what_the_rows_raise_comes_out() -> None:
    def rows() -> object:
        yield ROWS[0]
        raise OSError("the disk is gone")

    broken = table_of([])
    object.__setattr__(broken, "rows", rows())
    with pytest.raises(OSError, match="the disk is gone"):
        written("csv", broken)


def test_duckdb_reads_the_same_sums(tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_bytes(written("csv", many(1_000)))
    sums = "count(*), sum(integer0), sum(usd0::DECIMAL(38,12))"
    with duckdb.connect() as db:
        count, integers, usd = db.execute(
            f"SELECT {sums} FROM read_csv(?)", [str(file)]
        ).fetchall()[0]
    assert (count, integers) == (1_000, sum(range(1_000)))
    assert usd == Decimal(sum(range(1_000)) * 1_000_003).scaleb(-12)

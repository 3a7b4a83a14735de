"""Parquet, read back by pyarrow and by DuckDB."""

import io
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from pyarrow import parquet

from mai_usage_ext.errors import ConfigurationError
from mai_usage_ext.exports import parquet as parquet_format
from tests.exports.samples import NASTY, ROWS, many, nasty_table, table_of, written


def test_every_kind_of_value_and_its_type() -> None:
    table = parquet.read_table(io.BytesIO(written("parquet", table_of(ROWS))))
    types = {field.name: str(field.type) for field in table.schema}
    decimal = "decimal128(38, 12)"
    assert types == {
        "text": "string",
        "integer": "int64",
        "number": decimal,
        "usd": decimal,
        "money": decimal,
        "date": "date32[day]",
        "instant": "timestamp[ms, tz=UTC]",
        "boolean": "bool",
        "percent": decimal,
    }
    first, second, third = table.to_pylist()
    assert first["usd"] == Decimal("0.000326960001")
    assert first["money"] == Decimal("9000000.123456789012")
    assert first["date"] == ROWS[0][5]
    assert first["instant"] == datetime(2026, 11, 24, 14, 53, 41, 123_000, UTC)
    assert (second["text"], second["usd"], second["boolean"]) == ("", Decimal("-1e-12"), False)
    assert set(third.values()) == {None}


def test_nasty_names_come_back_as_they_are() -> None:
    table = parquet.read_table(io.BytesIO(written("parquet", nasty_table())))
    assert table.column("name").to_pylist() == NASTY


def test_of_nothing_there_is_a_schema() -> None:
    table = parquet.read_table(io.BytesIO(written("parquet", table_of([]))))
    assert (table.num_rows, table.num_columns) == (0, 9)


def test_rows_come_in_groups(tmp_path: Path) -> None:
    file = tmp_path / "many.parquet"
    file.write_bytes(written("parquet", many(20_000)))
    assert parquet.ParquetFile(file).num_row_groups == 3
    with duckdb.connect() as db:
        question = "SELECT count(*), sum(usd0), max(instant0) FROM read_parquet(?)"
        [(count, usd, _)] = db.execute(question, [str(file)]).fetchall()
    assert count == 20_000
    assert usd == Decimal(sum(range(20_000)) * 1_000_003).scaleb(-12)


def test_where_the_library_is_missing_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"mai-usage-ext\[parquet\]"):
        written("parquet", table_of(ROWS))
    assert "pyarrow" not in vars(parquet_format)

"""JSON Lines and JSON, read back by Python and by DuckDB."""

import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.exports.samples import NASTY, ROWS, many, nasty_table, table_of, written


def test_every_kind_of_value() -> None:
    first, second, third = written("jsonl", table_of(ROWS)).decode().splitlines()
    assert json.loads(first) == {
        "text": "plain",
        "integer": 7,
        "number": "1.30",
        "usd": "0.000326960001",
        "money": "9000000.123456789012",
        "date": "2026-02-28",
        "instant": "2026-11-24T14:53:41.123Z",
        "boolean": True,
        "percent": "23.08",
    }
    assert json.loads(second)["usd"] == "-0.000000000001"
    assert set(json.loads(third).values()) == {None}


def test_nasty_names_come_back_as_they_are() -> None:
    data = written("jsonl", nasty_table()).decode()
    # A line is a row, whatever line ends a name has.
    lines = data.removesuffix("\n").split("\n")
    assert [json.loads(line)["name"] for line in lines] == NASTY


@pytest.mark.parametrize("count", [0, 1, 3, 2_000])
def test_the_array_has_the_same_objects(count: int) -> None:
    lines = written("jsonl", many(count)).decode().splitlines()
    assert json.loads(written("json", many(count))) == [json.loads(line) for line in lines]


def test_an_array_that_was_cut_off_is_no_json() -> None:
    data = written("json", many(3))
    for length in range(len(data) - len(b"]\n")):
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter|property"):
            json.loads(data[:length])


def test_duckdb_reads_the_same_sums(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_bytes(written("jsonl", many(1_000)))
    with duckdb.connect() as db:
        question = "SELECT count(*), sum(usd0::DECIMAL(38,12)) FROM read_json(?)"
        [(count, usd)] = db.execute(question, [str(file)]).fetchall()
    assert count == 1_000
    assert usd == Decimal(sum(range(1_000)) * 1_000_003).scaleb(-12)

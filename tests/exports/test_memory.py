"""However many rows there are, a file takes no more memory than for a few."""

import subprocess
import sys

import pytest

from tests.workshop.shell import ROOT

MIB = 2**20
# What is in hand at once: a piece of text, or Parquet's group of rows.
MOST = {"parquet": 64 * MIB}


def growth(name: str, rows: int) -> int:
    command = [sys.executable, "-m", "tests.exports.child", name, str(rows)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[0])


def test_a_spreadsheet_neither() -> None:
    # It takes the longest, so it gets fewer; what stays in memory would be seen as well.
    assert growth("xlsx", 8_000) < MIB


@pytest.mark.slow
@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_memory_does_not_grow_with_the_rows(name: str) -> None:
    # Wide rows, of 27 columns: tens of megabytes of them.
    grown = growth(name, 40_000)
    assert grown < growth(name, 10_000) + 16 * MIB
    assert grown < MOST.get(name, 16 * MIB)

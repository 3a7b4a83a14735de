"""Writes a table of so many rows and prints by how many bytes its memory grew meanwhile.

python -m tests.exports.child FORMAT ROWS
"""

import sys
from pathlib import Path

from mai_usage_ext.exports import FORMATS
from mai_usage_ext.ports.tables import CsvStyle
from tests.exports.samples import many


def main() -> None:
    name, count = sys.argv[1], int(sys.argv[2])
    form = FORMATS[name]
    # Libraries are loaded, and what they keep for themselves is taken.
    assert list(form.chunks(many(10), CsvStyle()))
    forget_peak()
    before = peak_bytes()
    size = sum(map(len, form.chunks(many(count), CsvStyle())))
    sys.stdout.write(f"{peak_bytes() - before} {size}\n")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()

"""Exports the ledger of a database as the product does, and says what that took.

    python -m tests.benchmarks.export_child URL FORMAT FIRST LAST

Prints seconds, bytes, rows, and by how many bytes the memory of this process grew.
"""

import sys
import time

from mai_usage_ext.bootstrap.exports import exports_of
from mai_usage_ext.ports import AnybodyIsKnown
from mai_usage_ext.services.exports import ExportRequest
from mai_usage_ext.services.usage_ranges import RangeText
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.organizations import OrganizationRows
from tests.exports.child import forget_peak, peak_bytes


def main() -> None:
    url, form, first, last = sys.argv[1:]
    db = open_database(url, owned=True)
    exports = exports_of(db, organizations=OrganizationRows(db), users=AnybodyIsKnown())

    def export(days: RangeText) -> tuple[int, int]:
        wanted = ExportRequest(is_admin=True, report="ledger", format=form, days=days)
        opened = exports.open(wanted)
        return sum(map(len, opened.chunks)), opened.table.expected_rows or 0

    # Once of a day without calls, so that libraries are loaded.
    export(RangeText(since="2020-01-01", until="2020-01-01"))
    forget_peak()
    before, began = peak_bytes(), time.perf_counter()
    size, rows = export(RangeText(since=first, until=last))
    print(time.perf_counter() - began, size, rows, peak_bytes() - before)
    close_database(db)


if __name__ == "__main__":
    main()

"""``docs/definitions.md``, from the one place that defines every number."""

from __future__ import annotations

from mai_usage_ext.metering.measures import definitions

__all__ = ["definitions_page"]

_HEAD = """# What every number means

Generated from `mai_usage_ext/metering/measures.py` by `make reference`; do not edit it by hand.

Routes, exports, statements and the tab show these numbers and no others, and a test adds them up
crosswise. Names that end in `_pusd` are whole picodollars inside (a millionth of a millionth of a
dollar); routes and files say them as exact decimals in USD, without the ending.

* A **day** is a day of the organization's own time zone, 23 or 25 hours long where clocks change. A
  call belongs to the day on which it was sent. A **week** begins on Monday, as ISO 8601 has it.
* A **call** is one request to a provider. One question in a chat may make several: the answer, its
  title, its tags, the turns of a tool.
* A **correction** is an entry of its own and counts as one request: on the day that it corrects, or
  on today where that day's single calls are no longer kept.

| number | what it is |
|---|---|
"""


def definitions_page() -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in definitions().items()]
    return _HEAD + "\n".join(rows) + "\n"

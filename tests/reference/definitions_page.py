"""``docs/definitions.md``, from the one place that defines every number."""

from __future__ import annotations

from mai_usage_ext.metering.measures import definitions

__all__ = ["NAMES", "definitions_page"]

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

| number | for admins | for members | what it is |
|---|---|---|---|
"""


# What admins' routes and members' routes call a number, where they show it.
NAMES = {
    "requests": ("total_requests", "requests"),
    "failures": ("failures", "failures"),
    "cancelled": ("cancelled", "cancelled"),
    "prompt_tokens": ("prompt_tokens", "prompt_tokens"),
    "completion_tokens": ("completion_tokens", "completion_tokens"),
    "cached_tokens": ("cached_tokens", "cached_tokens"),
    "reasoning_tokens": ("reasoning_tokens", "reasoning_tokens"),
    "raw_pusd": ("raw_cost", None),
    "billed_pusd": ("markup_cost", "cost"),
    "task_requests": ("task_requests", "task_requests"),
    "task_billed_pusd": ("task_cost", None),
    "tokens": ("total_tokens", "tokens"),
    "profit_pusd": ("profit", None),
    "margin_percent": ("profit_margin_percent", None),
    "markup": ("markup_rate", None),
    "mean_first_byte_ms": ("first_byte_ms", "first_byte_ms"),
    "tokens_per_second": ("tokens_per_second", "tokens_per_second"),
    "failure_percent": ("failure_percent", None),
    "cancelled_percent": ("cancelled_percent", None),
    "cached_percent": ("cached_percent", None),
    "task_percent": ("task_percent", None),
    "average_tokens": ("average_tokens", None),
    "average_billed_pusd": ("average_cost", None),
    "tokens_per_day": (None, "average_daily_tokens"),
    "billed_pusd_per_day": (None, "average_daily_cost"),
}


def definitions_page() -> str:
    rows = [
        f"| `{name}` | {' | '.join(map(_shown, NAMES.get(name, (None, None))))} | {meaning} |"
        for name, meaning in definitions().items()
    ]
    return _HEAD + "\n".join(rows) + "\n"


def _shown(name: str | None) -> str:
    return "" if name is None else f"`{name}`"

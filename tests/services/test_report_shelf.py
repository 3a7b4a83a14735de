"""What one process has read of sealed days, another finds on the shelf; no stranger is believed."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.metering.measures import UsageTally
from mai_usage_ext.ports.usage import Dimension, UsageLine, UsageQuery
from mai_usage_ext.services.report_cache import ReportCache
from mai_usage_ext.services.report_shelf import ReportShelf
from tests.services.test_report_cache import QUERY, Rows, requests


class Table:
    """A shelf in memory; ``seconds`` is how long the last thing may lie there."""

    trouble = None

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.seconds = 0

    def get(self, key: str) -> str | None:
        return self.texts.get(key)

    def put(self, key: str, text: str, *, seconds: int) -> None:
        self.texts[key] = text
        self.seconds = seconds


def test_another_process_need_not_read() -> None:
    table, here, there = Table(), Rows(), Rows()
    for source in (here, there):
        assert requests(ReportCache(source, shelf=table)) == {"ada": (10, 10), "ben": (1, 1)}
    assert here.asked == [QUERY]
    assert there.asked == []
    assert table.seconds == 300


@pytest.mark.parametrize(
    "other",
    [
        replace(QUERY, first=date(2026, 10, 1)),
        replace(QUERY, last=date(2026, 11, 9)),
        replace(QUERY, organization_id="acme"),
        replace(QUERY, user_id=""),
        replace(QUERY, model="acme/model-1"),
        replace(QUERY, provider="acme/model-1"),
        replace(QUERY, group_by=(Dimension.MODEL,)),
    ],
)
def test_what_is_asked_for_otherwise_is_another_thing(other: UsageQuery) -> None:
    table = Table()
    shelf = ReportShelf(table, seconds=1)
    shelf.put(QUERY, "1", [])
    assert shelf.get(QUERY, "1") == []
    assert shelf.get(QUERY, "2") is None
    assert shelf.get(other, "1") is None


_whole = st.integers(min_value=-(2**63), max_value=2**63)
_tallies = st.builds(
    UsageTally,
    requests=_whole,
    raw_pusd=_whole,
    billed_pusd=_whole,
    task_requests=st.none() | _whole,
)


@given(st.lists(st.builds(UsageLine, key=st.tuples(st.text()), sums=_tallies, days=_whole)))
def test_lines_come_back_as_they_were(lines: list[UsageLine]) -> None:
    shelf = ReportShelf(Table(), seconds=1)
    shelf.put(QUERY, "1", lines)
    assert shelf.get(QUERY, "1") == lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oops",
        "7",
        "[7]",
        '{"a": 1}',
        "[[]]",
        '[["ada", 1, [1]]]',
        '[[["ada"], 1, [1]]]',
        '[[["ada", "ben"], 1, [0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]',
        '[[["ada"], 1, [0.5,0,0,0,0,0,0,0,0,0,0,0,0,0]]]',
        '[[["ada"], true, [0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]',
        "[[[7], 1, [0,0,0,0,0,0,0,0,0,0,0,0,0,0]]]",
        "[" * 100_000,
    ],
)
def test_what_a_stranger_wrote_is_not_believed(text: str) -> None:
    table = Table()
    ReportShelf(table, seconds=1).put(QUERY, "1", [])
    [key] = table.texts
    table.texts[key] = text
    source = Rows()
    assert requests(ReportCache(source, shelf=table)) == {"ada": (10, 10), "ben": (1, 1)}
    assert source.asked == [QUERY]


def test_too_long_an_answer_stays_here() -> None:
    table = Table()
    requests(ReportCache(Rows(), shelf=table, most_lines=2))
    assert table.texts == {}

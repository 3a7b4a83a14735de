"""All but the dearest are folded into one line, and nothing is lost by it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.errors import BadInput
from mai_usage_ext.metering.measures import UsageTally, total_of
from mai_usage_ext.ports.usage import Dimension, UsageLine
from mai_usage_ext.services.report_lines import Folding

DAY, MODEL, USER = Dimension.DAY, Dimension.MODEL, Dimension.USER


def line(*key: str, billed: int = 1, requests: int = 1, days: int = 1) -> UsageLine:
    sums = UsageTally(billed_pusd=billed, requests=requests)
    return UsageLine(key=key, sums=sums, days=days)


def test_the_dearest_of_the_whole_period_are_kept_and_the_rest_stands_behind_them() -> None:
    lines = [
        line("2026-11-23", "a", billed=9),
        line("2026-11-23", "b", billed=2),
        line("2026-11-23", "c", billed=1),
        line("2026-11-24", "b", billed=8),
        line("2026-11-24", "c", billed=3),
        line("2026-11-24", "d", billed=4),
    ]
    folding = Folding.of((DAY, MODEL), lines, 2)
    assert list(folding.kept) == ["b", "a"]
    assert [(one.key, one.is_rest, one.sums.billed_pusd) for one in folding.lines(lines)] == [
        (("2026-11-23", "a"), False, 9),
        (("2026-11-23", "b"), False, 2),
        (("2026-11-23", ""), True, 1),
        (("2026-11-24", "b"), False, 8),
        (("2026-11-24", ""), True, 7),
    ]
    assert [
        (one.key, one.is_rest, one.sums.billed_pusd, one.days) for one in folding.series(lines)
    ] == [(("b",), False, 10, 2), (("a",), False, 9, 1), (("",), True, 8, 0)]


def test_calls_of_nobody_known_are_not_the_rest() -> None:
    lines = [line("", billed=5), line("anna", billed=3), line("boris", billed=1)]
    found = Folding.of((USER,), lines, 1).lines(lines)
    assert [(one.key, one.is_rest, one.sums.billed_pusd) for one in found] == [
        (("",), False, 5),
        (("",), True, 4),
    ]


def test_the_period_before_is_folded_by_what_is_dear_now() -> None:
    lines = [line("a", billed=5), line("b", billed=3), line("c")]
    before = [line("b", billed=100), line("gone", billed=7), line("c", billed=20)]
    found = Folding.of((MODEL,), lines, 2).series(lines, before)
    billed = [(one.key[0], one.previous and one.previous.billed_pusd) for one in found]
    assert billed == [("a", 0), ("b", 100), ("", 27)]


@pytest.mark.parametrize(
    "group_by",
    [(), (DAY,), (DAY, Dimension.MONTH), (MODEL, USER), (Dimension.ORGANIZATION, DAY, MODEL)],
)
def test_one_thing_beside_time_is_folded(group_by: tuple[Dimension, ...]) -> None:
    with pytest.raises(BadInput, match="top") as caught:
        Folding.of(group_by, [], 1)
    assert caught.value.field == "top"


_KEYS = st.tuples(st.sampled_from(["2026-11-23", "2026-11-24"]), st.sampled_from("abcde"))
_LINES = st.dictionaries(_KEYS, st.tuples(st.integers(0, 10**18), st.integers(0, 9)))


@given(found=_LINES, top=st.integers(1, 6))
def test_folding_loses_nothing(found: dict[tuple[str, str], tuple[int, int]], top: int) -> None:
    lines = [line(*key, billed=billed, requests=count) for key, (billed, count) in found.items()]
    whole = total_of(one.sums for one in lines)
    folding = Folding.of((DAY, MODEL), lines, top)
    folded, series = folding.lines(lines), folding.series(lines)
    assert total_of(one.sums for one in folded) == whole
    assert total_of(one.sums for one in series) == whole
    assert len(series) <= top + 1
    kept = [one for one in series if not one.is_rest]
    assert all(a.sums.billed_pusd >= b.sums.billed_pusd for a, b in pairwise(kept))
    for one in series:
        parts = [part for part in folded if (part.key[1:], part.is_rest) == (one.key, one.is_rest)]
        assert total_of(part.sums for part in parts) == one.sums

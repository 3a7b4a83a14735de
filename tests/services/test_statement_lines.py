"""Lines, corrections and their reasons, without a database."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.ports.statements import Amounts, Booking
from mai_usage_ext.services.statement_lines import corrections, reason_of, usage_lines

AMOUNTS = st.builds(
    Amounts,
    requests=st.integers(0, 10**6),
    prompt_tokens=st.integers(0, 10**9),
    completion_tokens=st.integers(0, 10**9),
    billed_pusd=st.integers(-(10**15), 10**15),
)
BY_MODEL = st.dictionaries(
    st.tuples(st.sampled_from(["2026-01", "2026-02", "2026-03"]), st.sampled_from("abc")), AMOUNTS
)


@given(used=BY_MODEL, stated=BY_MODEL)
def test_what_was_stated_and_its_corrections_add_up_to_what_is(
    used: dict[tuple[str, str], Amounts], stated: dict[tuple[str, str], Amounts]
) -> None:
    lines = corrections(used, stated, reason=lambda *_: "")
    months = {month for month, _ in stated}
    after = dict(stated)
    for line in lines:
        key = line.month, line.model
        assert line.amounts != Amounts()
        after[key] = after.get(key, Amounts()) + line.amounts
    wanted = {key: amounts for key, amounts in used.items() if key[0] in months}
    assert {k: v for k, v in after.items() if v != Amounts()} == {
        k: v for k, v in wanted.items() if v != Amounts()
    }
    assert corrections(used, after, reason=lambda *_: "") == []


def test_the_dearest_model_stands_first() -> None:
    used = {
        ("2026-01", "b"): Amounts(billed_pusd=1),
        ("2026-01", "a"): Amounts(billed_pusd=1),
        ("2026-01", "c"): Amounts(billed_pusd=2),
        ("2025-12", "d"): Amounts(billed_pusd=9),
    }
    assert [line.model for line in usage_lines(used, "2026-01")] == ["c", "a", "b"]


def booking(day: int, *, entries: int = 1, is_adjustment: bool = False) -> Booking:
    return Booking(model="m", day=date(2026, 1, day), is_adjustment=is_adjustment, entries=entries)


def test_reasons_are_the_best_that_is_known() -> None:
    days = [date(2026, 1, day) for day in (1, 2, 3, 4, 5)]
    several = [booking(2, entries=2), booking(9), booking(9, is_adjustment=True)]
    assert reason_of(several, days) == (
        "3 calls settled after the closing, of 2026-01-02, 2026-01-09; "
        "1 adjustment to the provider's figures, of 2026-01-09"
    )
    assert reason_of([], days) == (
        "added after the closing, of 2026-01-01, 2026-01-02, 2026-01-03 and 2 more"
    )
    assert reason_of([], []) == "its days add up to something else than was stated"

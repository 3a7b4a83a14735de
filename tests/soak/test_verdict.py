"""Every sentence of the promise can be broken, and is then named."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.soak.verdict import Books, Cell, Charge, Entry, MonthTotal, Verdict, judge

DAY = date(2026, 3, 1)
KEY, HOSTS_KEY = "a" * 64, "b" * 64
FIRST = Charge("gen-1", KEY, "u_anna", 1_000)
SECOND = Charge("gen-2", KEY, "u_anna", 2_000)
THIRD = Charge("gen-3", HOSTS_KEY, None, 4_000)


def entry(charge: Charge, organization: str = "bakery", user: str = "anna", **more: Any) -> Entry:
    facts: dict[str, Any] = {
        "generation_id": charge.generation_id,
        "sequence": 0,
        "organization_id": organization,
        "user_id": user,
        "key_hash": charge.key_hash,
        "source": "stream",
        "day": DAY,
        "raw_pusd": charge.pusd,
        "billed_pusd": 2 * charge.pusd,
    }
    return Entry(**(facts | more))


ADJUSTMENT = entry(SECOND, generation_id="reconciliation:…", sequence=1, source="adjustment")
BAKERY, OTHERS = Cell("bakery", DAY, 3_000, 6_000), Cell("default", DAY, 4_000, 8_000)
SEALED = {"client_daily_usage": [BAKERY, OTHERS], "client_user_daily_usage": [BAKERY, OTHERS]}
GOOD = Books(
    bill=[FIRST, SECOND, THIRD],
    entries=[entry(FIRST), ADJUSTMENT, entry(THIRD, "default", "greta")],
    holds={},
    totals=[
        MonthTotal("bakery", "2026-03", "", 6_000, 0),
        MonthTotal("bakery", "2026-03", "anna", 6_000, 0),
        MonthTotal("default", "2026-03", "", 8_000, 0),
    ],
    limits={("bakery", ""): 6_000, ("bakery", "anna"): 6_000},
    live=[],
    sealed=SEALED,
    owners={KEY: "bakery"},
    names={"u_anna": "anna"},
)


def test_good_books_are_good() -> None:
    verdict = judge(GOOD)
    assert verdict.violations == []
    assert (verdict.calls, verdict.bill_pusd, verdict.ledger_pusd) == (3, 7_000, 7_000)
    assert (verdict.captured_pusd, verdict.adjustments) == (5_000, 1)


def judged(**changes: Any) -> Verdict:
    return judge(replace(GOOD, **changes))


def test_a_generation_that_is_booked_twice() -> None:
    verdict = judged(entries=[*GOOD.entries, entry(FIRST, sequence=0)])
    assert verdict.duplicated == 1
    assert "1 generations are booked more than once\n    gen-1: 2 times" in verdict.violations


def test_an_entry_that_nobody_charged() -> None:
    unknown = Charge("gen-9", KEY, "u_anna", 0)
    assert judged(entries=[*GOOD.entries, entry(unknown)]).duplicated == 1


def test_a_call_without_an_entry_and_without_an_adjustment() -> None:
    verdict = judged(entries=[entry(FIRST), entry(THIRD, "default", "greta")])
    assert verdict.lost == 1
    assert any("1 calls of 2000 have no entry" in one for one in verdict.violations)


def test_an_adjustment_that_is_a_picodollar_off() -> None:
    wrong = replace(ADJUSTMENT, raw_pusd=2_001)
    assert judged(entries=[entry(FIRST), wrong, entry(THIRD, "default", "greta")]).lost == 1


def test_a_limit_that_was_passed() -> None:
    verdict = judged(limits={("bakery", ""): 5_999})
    assert verdict.overshoot_pusd == 1
    assert verdict.violations == ["bakery : 6000 of 5999 was spent in 2026-03"]


def test_a_limit_of_a_user_that_was_passed() -> None:
    assert judged(limits={("bakery", "anna"): 5_000}).overshoot_pusd == 1_000


def test_a_hold_that_is_left() -> None:
    verdict = judged(holds={"pending": 2})
    assert verdict.pending_after == 2
    assert verdict.violations == ["holds are left: {'pending': 2}"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entries": [replace(GOOD.entries[0], raw_pusd=1), *GOOD.entries[1:]]}, "in their cost"),
        ({"entries": [replace(GOOD.entries[0], user_id="eve"), *GOOD.entries[1:]]}, "another user"),
        (
            {"entries": [replace(GOOD.entries[0], organization_id="x"), *GOOD.entries[1:]]},
            "in the wrong organization",
        ),
        ({"totals": [replace(GOOD.totals[0], held_pusd=1), *GOOD.totals[1:]]}, "money is held"),
        ({"totals": [replace(GOOD.totals[0], spent_pusd=1), *GOOD.totals[1:]]}, "month totals"),
        ({"totals": GOOD.totals[:2]}, "month totals"),
        ({"live": [BAKERY]}, "live and sealed"),
        ({"sealed": SEALED | {"client_user_daily_usage": [BAKERY]}}, "client_user_daily_usage"),
        ({"bill": GOOD.bill[:2]}, "the bill is 3000, the ledger 7000"),
    ],
)
def test_books_that_disagree(changes: dict[str, Any], words: str) -> None:
    assert any(words in violation for violation in judged(**changes).violations)


def test_a_long_list_is_cut() -> None:
    verdict = judge(GOOD)
    verdict.blame("too many", range(8))
    assert verdict.violations == [
        "too many" + "".join(f"\n    {n}" for n in range(5)) + "\n    … and 3 more"
    ]

"""What a group of changes is told about limits, and what it leaves, without a database."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mai_usage_ext.metering.limits import LimitEventKind, MarkPeriod, MarkRule, Marks
from mai_usage_ext.ports import HoldState, Verdict
from mai_usage_ext.storage.budgets import ORGANIZATION, Budget, Budgets, LimitEvent, MonthKey
from mai_usage_ext.storage.changes import Change, Defer, Insist, Place, Settle, Void
from mai_usage_ext.storage.folding import HoldRow, Plan, amounts, cell_key, fold, month_keys
from tests.storage.samples import MONTH, make_entry, make_hold

NOW = 1_768_903_209_999
ORG: MonthKey = ("acme", MONTH, ORGANIZATION)
ADA: MonthKey = ("acme", MONTH, "ada")


def hold_of(estimate_pusd: int, **changes: Any) -> Any:
    return make_hold("acme", estimate_pusd=estimate_pusd, **changes)


def judged(budgets: dict[MonthKey, Budget], *changes: Change, **options: Any) -> Plan:
    return fold(changes, rows={}, booked=set(), budgets=budgets, now_ms=NOW, **options)


def added(plan: Plan) -> dict[MonthKey, tuple[int, int]]:
    return dict(plan.budgets.changed())


def test_a_hold_that_just_fits_is_granted_and_one_picodollar_more_is_not() -> None:
    budgets = {ORG: Budget(spent_pusd=40, held_pusd=30, limit_pusd=100)}
    plan = judged(budgets, Place(hold_of(31)), Place(hold_of(30)), Place(hold_of(0)))
    refused = Verdict(
        granted_pusd=None, limit_pusd=100, spent_pusd=40, held_pusd=30, is_users=False
    )
    assert plan.results == [refused, Verdict(granted_pusd=30), Verdict(granted_pusd=0)]
    assert added(plan) == {ORG: (0, 30)}
    assert plan.budgets.refused == {ORG}


def test_a_hold_is_cut_to_what_is_left_down_to_its_least() -> None:
    def ask(least_pusd: int) -> object:
        budgets = {ORG: Budget(limit_pusd=50)}
        return judged(budgets, Place(hold_of(80), least_pusd=least_pusd)).results

    assert ask(50) == [Verdict(granted_pusd=50)]
    assert ask(51) == [
        Verdict(granted_pusd=None, limit_pusd=50, spent_pusd=0, held_pusd=0, is_users=False)
    ]


def test_a_users_own_limit_counts_beside_the_organizations() -> None:
    def budgets() -> dict[MonthKey, Budget]:
        return {
            ORG: Budget(spent_pusd=10, limit_pusd=100),
            ADA: Budget(spent_pusd=4, held_pusd=1, limit_pusd=20),
        }

    plan = judged(budgets(), Place(hold_of(16)))
    assert plan.results == [
        Verdict(granted_pusd=None, limit_pusd=20, spent_pusd=4, held_pusd=1, is_users=True)
    ]
    assert (plan.budgets.refused, added(plan)) == ({ADA}, {})

    plan = judged(budgets(), Place(hold_of(200), least_pusd=1))
    assert plan.results == [Verdict(granted_pusd=15)], "the smaller room of the two"
    assert added(plan) == {ORG: (0, 15), ADA: (0, 15)}

    plan = judged(budgets(), Place(hold_of(16, user_id="bob")), Place(hold_of(16, user_id=None)))
    assert plan.results == [Verdict(granted_pusd=16)] * 2, "others do not share ada's"
    assert added(plan) == {ORG: (0, 32)}


def test_money_of_a_user_moves_in_both_rows() -> None:
    hold, other = hold_of(16), hold_of(7)
    entry = make_entry(hold, billed_pusd=9)
    budgets = {ORG: Budget(), ADA: Budget(limit_pusd=1000)}
    plan = judged(budgets, Place(hold), Place(other), Settle(hold, entry))
    assert added(plan) == {ORG: (9, 7), ADA: (9, 7)}
    second = make_entry(other, billed_pusd=5)
    plan = judged({ORG: Budget(), ADA: Budget()}, Settle(hold, entry), Settle(other, second))
    assert added(plan) == {ORG: (14, 0), ADA: (14, 0)}


def test_nobodys_money_is_the_organizations() -> None:
    hold = hold_of(16, user_id=None)
    entry = make_entry(hold, billed_pusd=9)
    plan = judged({}, Insist(hold), Settle(hold, entry))
    assert added(plan) == {ORG: (9, 0)}
    assert [row.user_id for _, row in plan.placed] == [""]
    assert [key[2] for key in plan.cells] == [""]
    assert cell_key(make_entry(hold_of(1)))[2] == "ada"


def test_a_hold_remembers_its_user_for_the_money_it_frees() -> None:
    hold = hold_of(16)
    placed = judged({ORG: Budget(), ADA: Budget()}, Insist(hold))
    assert [row.user_id for _, row in placed.placed] == ["ada"]
    row = HoldRow(id=hold.id, organization_id="acme", user_id="ada", month=MONTH, estimate_pusd=16)
    budgets = {ORG: Budget(held_pusd=16), ADA: Budget(held_pusd=16)}
    plan = fold(
        [Void(hold, reason="refused")],
        rows={hold.id: row},
        booked=set(),
        budgets=budgets,
        now_ms=NOW,
    )
    assert added(plan) == {ORG: (0, -16), ADA: (0, -16)}


def test_a_limit_that_only_warns_refuses_nobody() -> None:
    plan = judged({ORG: Budget(spent_pusd=9, limit_pusd=9, is_hard=False)}, Place(hold_of(5)))
    assert plan.results == [Verdict(granted_pusd=5)]


def test_which_months_have_to_be_read() -> None:
    hold = hold_of(1)
    assert month_keys([Place(hold)]) == {ORG, ADA}
    assert month_keys([Place(replace(hold, user_id=None))]) == {ORG}
    entry = make_entry(hold, user_id="bob", day=hold.day.replace(month=2), organization_id="zeta")
    assert month_keys([Settle(hold, entry)]) == {
        ORG,
        ADA,
        ("zeta", "2026-02", ""),
        ("zeta", "2026-02", "bob"),
    }


def test_a_hold_nobody_knows_cannot_be_voided_or_freed_by_a_replay() -> None:
    hold = hold_of(16)
    entry = make_entry(hold)
    known = {(entry.generation_id, 0)}
    changes: list[Change] = [Void(hold, reason="refused"), Settle(hold, entry)]
    plan = fold(changes, rows={}, booked=known, budgets={}, now_ms=NOW)
    assert (plan.results, plan.changed, added(plan)) == ([None, False], {}, {})


def test_a_replay_says_why_its_hold_was_closed() -> None:
    hold = hold_of(16)
    entry = make_entry(hold)
    row = HoldRow(id=hold.id, organization_id="acme", user_id="ada", month=MONTH, estimate_pusd=16)
    plan = fold(
        [Settle(hold, entry)],
        rows={hold.id: row},
        booked={(entry.generation_id, 0)},
        budgets={},
        now_ms=NOW,
    )
    assert plan.changed[hold.id].reason == "its generation is in the ledger already"


def test_a_settled_call_that_comes_again_is_new_to_nobody() -> None:
    hold = hold_of(16)
    entry = make_entry(hold)

    def again(state: HoldState, **options: Any) -> Sequence[object]:
        row = HoldRow(
            id=hold.id,
            organization_id="acme",
            user_id="ada",
            month=MONTH,
            estimate_pusd=16,
            state=state,
        )
        return fold(
            [Settle(hold, entry)],
            rows={hold.id: row},
            booked={(entry.generation_id, 0)},
            budgets={},
            now_ms=NOW,
            **options,
        ).results

    assert again(HoldState.SETTLED) == [False]
    assert again(HoldState.SETTLED, in_doubt=True) == [True]
    assert again(HoldState.VOID, in_doubt=True) == [False]


def test_when_to_ask_again_is_kept() -> None:
    hold = hold_of(16)
    deferred = Defer(
        hold,
        state=HoldState.PENDING,
        outcome=None,
        generation_id="gen-x",
        reason="not known yet",
        next_attempt_ms=NOW + 5,
        first_byte_ms=None,
        duration_ms=None,
    )
    plan = judged({}, Insist(hold), deferred)
    assert [row.next_attempt_ms for _, row in plan.placed] == [NOW + 5]


def test_times_that_nobody_took_count_nothing() -> None:
    entry = make_entry(hold_of(1), first_byte_ms=None, duration_ms=None)
    assert amounts(entry)[-3:] == [0, 0, 0]


def test_a_row_that_is_not_stored_yet_is_written_whole_and_one_unchanged_is_not_written() -> None:
    budgets = Budgets(
        {
            ("a", MONTH, ""): Budget(spent_pusd=3, is_stored=True),
            ("b", MONTH, ""): Budget(spent_pusd=3, held_pusd=4, spent_added=1, is_stored=False),
            ("c", MONTH, ""): Budget(is_stored=False),
            ("d", MONTH, ""): Budget(spent_pusd=3, held_added=-2),
        }
    )
    assert list(budgets.changed()) == [
        (("b", MONTH, ""), (4, 4)),
        (("c", MONTH, ""), (0, 0)),
        (("d", MONTH, ""), (0, -2)),
    ]


def test_each_mark_that_was_passed_and_each_limit_that_refused_is_told() -> None:
    budgets = Budgets(
        {
            ("a", MONTH, ""): Budget(spent_pusd=5, spent_added=5),
            ORG: Budget(spent_pusd=79, spent_added=21, limit_pusd=100),
            ADA: Budget(spent_pusd=1, limit_pusd=2),
        },
        refused={ORG},
    )
    rule = MarkRule(id=1, period=MarkPeriod.LIMIT, marks=(50, 80, 100))
    assert list(budgets.events(Marks([rule]))) == [
        LimitEvent(LimitEventKind.THRESHOLD, ORG, 80, 100, 100, rule),
        LimitEvent(LimitEventKind.THRESHOLD, ORG, 100, 100, 100, rule),
        LimitEvent(LimitEventKind.REACHED, ORG, 100, 100, 100, rule),
    ]
    refused = LimitEvent(LimitEventKind.REACHED, ORG, 100, 100, 100, None)
    assert list(budgets.events(Marks())) == [refused]

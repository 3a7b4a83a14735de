"""The rules of a group, without a database."""

from dataclasses import fields

import pytest

from mai_usage_ext.ports import Hold, HoldState, Outcome, Verdict
from mai_usage_ext.storage.budgets import ORGANIZATION, Budget
from mai_usage_ext.storage.changes import Change, Defer, Identify, Insist, Place, Settle, Void
from mai_usage_ext.storage.folding import HoldRow, Plan, fold
from mai_usage_ext.storage.statements import HOLD_ROW
from tests.storage.samples import MONTH, make_entry, make_hold

NOW = 1_768_903_209_999
HOLD = make_hold("acme")
ENTRY = make_entry(HOLD)
GRANTED = Verdict(granted_pusd=HOLD.estimate_pusd)


def defer(hold: Hold, state: HoldState, generation_id: str | None = None) -> Defer:
    return Defer(
        hold,
        state=state,
        outcome=Outcome.CANCELLED,
        generation_id=generation_id,
        reason="the stream ended early",
        next_attempt_ms=None,
        first_byte_ms=12,
        duration_ms=34,
    )


def row_of(hold: Hold, state: HoldState, **changes: object) -> HoldRow:
    return HoldRow(
        id=hold.id,
        organization_id=hold.organization_id,
        user_id=hold.user_id or "",
        month=hold.month,
        estimate_pusd=hold.estimate_pusd,
        state=state,
        **changes,  # type: ignore[arg-type]
    )


def fold_one(
    state: HoldState | None, *changes: Change, booked: bool = False
) -> tuple[Plan, HoldRow | None]:
    rows = {} if state is None else {HOLD.id: row_of(HOLD, state)}
    known = {(ENTRY.generation_id, 0)} if booked else set()
    plan = fold(changes, rows=rows, booked=known, budgets={}, now_ms=NOW)
    placed = {row.id: row for _, row in plan.placed}
    return plan, plan.changed.get(HOLD.id) or placed.get(HOLD.id)


def months(plan: Plan) -> tuple[int, int]:
    """What the plan adds to the organization's month: spent and held."""
    return dict(plan.budgets.changed()).get(("acme", MONTH, ORGANIZATION), (0, 0))


def test_a_settled_hold_moves_its_money() -> None:
    plan, row = fold_one(HoldState.OPEN, Settle(HOLD, ENTRY))
    assert plan.results == [True]
    assert months(plan) == (ENTRY.billed_pusd, -HOLD.estimate_pusd)
    assert row is not None
    assert (row.state, row.closed_at_ms, row.generation_id) == (
        HoldState.SETTLED,
        NOW,
        ENTRY.generation_id,
    )


def test_placed_and_settled_in_one_group_holds_nothing() -> None:
    plan, row = fold_one(None, Place(HOLD), Identify(HOLD, "gen-x"), Settle(HOLD, ENTRY))
    assert plan.results == [GRANTED, None, True]
    assert months(plan) == (ENTRY.billed_pusd, 0)
    assert plan.changed == {}
    assert row is not None
    assert row.state is HoldState.SETTLED


def test_an_entry_of_a_hold_that_was_never_committed_is_booked_all_the_same() -> None:
    plan, row = fold_one(None, Settle(HOLD, ENTRY))
    assert plan.results == [True]
    assert months(plan) == (ENTRY.billed_pusd, 0)
    assert row is None


def test_a_replay_frees_the_hold_and_books_nothing() -> None:
    plan, row = fold_one(HoldState.OPEN, Settle(HOLD, ENTRY), booked=True)
    assert plan.results == [False]
    assert plan.booked == []
    assert months(plan) == (0, -HOLD.estimate_pusd)
    assert row is not None
    assert row.state is HoldState.DUPLICATE


def test_two_holds_with_one_generation_in_one_group() -> None:
    other = make_hold("acme")
    changes = [Place(HOLD), Place(other), Settle(HOLD, ENTRY)]
    changes.append(Settle(other, make_entry(other, ENTRY.generation_id)))
    plan = fold(changes, rows={}, booked=set(), budgets={}, now_ms=NOW)
    assert plan.results == [GRANTED, GRANTED, True, False]
    assert months(plan) == (ENTRY.billed_pusd, 0)
    assert [row.state for _, row in plan.placed] == [HoldState.SETTLED, HoldState.DUPLICATE]


@pytest.mark.parametrize("state", [HoldState.SETTLED, HoldState.VOID, HoldState.DUPLICATE])
def test_a_closed_hold_never_frees_its_money_twice(state: HoldState) -> None:
    for changes in (
        [Void(HOLD, reason="again")],
        [Settle(HOLD, ENTRY)],
        [defer(HOLD, HoldState.PENDING, "gen-x")],
        [Identify(HOLD, "gen-x")],
    ):
        plan, _ = fold_one(state, *changes)
        assert months(plan)[1] == 0


@pytest.mark.parametrize(
    "state", [HoldState.PENDING, HoldState.UNIDENTIFIED, HoldState.UNPRICED, HoldState.OPEN]
)
def test_whatever_is_not_closed_can_be_settled_and_voided(state: HoldState) -> None:
    plan, row = fold_one(state, Settle(HOLD, ENTRY))
    assert plan.results == [True]
    assert row is not None
    assert row.state is HoldState.SETTLED
    plan, row = fold_one(state, Void(HOLD, reason="an error answer"))
    assert months(plan) == (0, -HOLD.estimate_pusd)
    assert row is not None
    assert (row.state, row.reason) == (HoldState.VOID, "an error answer")


def test_a_void_hold_that_was_billed_after_all_is_booked() -> None:
    plan, row = fold_one(HoldState.VOID, Settle(HOLD, ENTRY))
    assert months(plan) == (ENTRY.billed_pusd, 0)
    assert row is not None
    assert row.state is HoldState.SETTLED


@pytest.mark.parametrize(
    ("asked", "generation_id", "becomes", "next_attempt_ms"),
    [
        (HoldState.PENDING, "gen-x", HoldState.PENDING, NOW),
        (HoldState.PENDING, None, HoldState.UNIDENTIFIED, None),
        (HoldState.UNIDENTIFIED, None, HoldState.UNIDENTIFIED, None),
        (HoldState.UNPRICED, "gen-x", HoldState.UNPRICED, None),
    ],
)
def test_a_deferred_hold_keeps_its_money(
    asked: HoldState,
    generation_id: str | None,
    becomes: HoldState,
    next_attempt_ms: int | None,
) -> None:
    plan, row = fold_one(HoldState.OPEN, defer(HOLD, asked, generation_id))
    assert months(plan) == (0, 0)
    assert row is not None
    assert (row.state, row.next_attempt_ms) == (becomes, next_attempt_ms)
    assert (row.outcome, row.first_byte_ms, row.duration_ms) == (Outcome.CANCELLED, 12, 34)


def test_a_deferred_hold_keeps_the_id_it_was_given_before() -> None:
    _, row = fold_one(HoldState.OPEN, Identify(HOLD, "gen-x"), defer(HOLD, HoldState.PENDING, None))
    assert row is not None
    assert (row.state, row.generation_id) == (HoldState.PENDING, "gen-x")


def test_a_deferred_hold_that_a_full_queue_refused_becomes_visible() -> None:
    plan, row = fold_one(None, defer(HOLD, HoldState.PENDING, "gen-x"))
    assert months(plan) == (0, HOLD.estimate_pusd)
    assert row is not None
    assert row.state is HoldState.PENDING


def test_a_call_that_was_sent_is_held_whatever_the_limit_says() -> None:
    key = ("acme", MONTH, ORGANIZATION)
    changes = [Place(HOLD), Insist(HOLD), Insist(HOLD)]
    full = {key: Budget(spent_pusd=5, limit_pusd=5)}
    plan = fold(changes, rows={}, booked=set(), budgets=full, now_ms=NOW)
    refused, *others = plan.results
    assert isinstance(refused, Verdict)
    assert (refused.granted_pusd, others) == (None, [None, None])
    assert months(plan) == (0, HOLD.estimate_pusd)
    assert [row.state for _, row in plan.placed] == [HoldState.OPEN]
    plan = fold(
        [Insist(HOLD)],
        rows={HOLD.id: row_of(HOLD, HoldState.VOID)},
        booked=set(),
        budgets={},
        now_ms=NOW,
    )
    assert (plan.placed, plan.changed, months(plan)) == ([], {}, (0, 0))


def test_an_orphan_that_is_identified_late_can_be_asked_about() -> None:
    _, row = fold_one(HoldState.UNIDENTIFIED, Identify(HOLD, "gen-x"))
    assert row is not None
    assert (row.state, row.generation_id, row.next_attempt_ms) == (HoldState.PENDING, "gen-x", NOW)


def test_the_first_id_stays() -> None:
    rows = {HOLD.id: row_of(HOLD, HoldState.OPEN, generation_id="gen-first")}
    plan = fold([Identify(HOLD, "gen-second")], rows=rows, booked=set(), budgets={}, now_ms=NOW)
    assert plan.changed == {}


def test_a_retry_after_an_unanswered_commit_finds_itself_done() -> None:
    rows = {HOLD.id: row_of(HOLD, HoldState.SETTLED)}
    booked = {(ENTRY.generation_id, 0)}
    changes = [Place(HOLD), Settle(HOLD, ENTRY)]
    plan = fold(changes, rows=rows, booked=booked, budgets={}, now_ms=NOW, in_doubt=True)
    assert plan.results == [GRANTED, True]
    assert (plan.placed, plan.booked, months(plan)) == ([], [], (0, 0))


def test_one_cell_for_all_calls_of_one_kind() -> None:
    failed = make_entry(HOLD, "gen-2", outcome=Outcome.FAILED, first_byte_ms=None, duration_ms=7)
    cancelled = make_entry(HOLD, "gen-3", outcome=Outcome.CANCELLED)
    other = make_entry(HOLD, "gen-4", model="acme/model-2")
    changes = [Settle(HOLD, entry) for entry in (ENTRY, failed, cancelled, other)]
    plan = fold(changes, rows={}, booked=set(), budgets={}, now_ms=NOW)
    assert sorted(plan.cells.values()) == [
        [1, 0, 0, 8174, 30, 12, 7, 326_960_001, 425_048_001, 210, 1, 1900],
        [3, 1, 1, 24522, 90, 36, 21, 980_880_003, 1_275_144_003, 420, 2, 3807],
    ]


def test_folding_leaves_what_it_was_given_alone() -> None:
    rows: dict[str, HoldRow] = {}
    booked: set[tuple[str, int]] = set()
    fold([Place(HOLD), Settle(HOLD, ENTRY)], rows=rows, booked=booked, budgets={}, now_ms=NOW)
    assert (rows, booked) == ({}, set())


def test_a_row_is_read_in_the_order_it_is_selected() -> None:
    assert tuple(field.name for field in fields(HoldRow)) == HOLD_ROW


def test_a_future_cannot_be_cancelled() -> None:
    assert not Place(HOLD).future.cancel()

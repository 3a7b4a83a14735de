"""Any order of changes, in any groups, against a model that fits on a page."""

from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import Database

from mai_usage_ext.ports import Hold, HoldState, Outcome
from mai_usage_ext.storage.changes import Change, Defer, Identify, Place, Settle, Void
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.sessions import session
from tests.storage.books import read_books, state_of
from tests.storage.samples import make_entry, make_hold, make_organization

HOLDS, GENERATIONS = range(3), range(3)
KINDS = st.sampled_from(["place", "identify", "settle", "pending", "unpriced", "void"])
STEPS = st.lists(
    st.tuples(KINDS, st.sampled_from(HOLDS), st.sampled_from(GENERATIONS)), min_size=1, max_size=24
)
CUTS = st.lists(st.booleans(), min_size=24, max_size=24)
CLOSED = {"settled", "void", "duplicate"}


class Model:
    """The same rules, told once more in the plainest way."""

    def __init__(self) -> None:
        self.states: dict[int, str] = {}
        self.ids: set[int] = set()
        self.ledger: dict[int, int] = {}
        self.results: list[bool] = []

    def take(self, kind: str, hold: int, generation: int) -> None:
        if kind == "settle":
            self._settle(hold, generation)
            return
        if kind in ("place", "pending", "unpriced"):
            self.states.setdefault(hold, "open")
        if self.states.get(hold, "void") in CLOSED or kind == "place":
            return
        if kind == "void":
            self.states[hold] = "void"
        else:
            self.ids.add(hold)
            if kind != "identify":
                self.states[hold] = kind

    def _settle(self, hold: int, generation: int) -> None:
        is_new = generation not in self.ledger
        self.results.append(is_new)
        state = self.states.get(hold)
        if is_new:
            self.ledger[generation] = billed(hold, generation)
            if state not in (None, "settled", "duplicate"):
                self.states[hold] = "settled"
        elif state is not None and state not in CLOSED:
            self.states[hold] = "duplicate"

    @property
    def held(self) -> int:
        return sum(estimate(n) for n, state in self.states.items() if state not in CLOSED)


def estimate(hold: int) -> int:
    return 10**hold


def billed(hold: int, generation: int) -> int:
    return 7 * 100**generation + hold


def change_of(kind: str, hold: Hold, number: int, generation: int, prefix: str) -> Change:
    generation_id = f"gen-1768903200-{prefix}-{generation}"
    match kind:
        case "place":
            return Place(hold)
        case "identify":
            return Identify(hold, generation_id)
        case "settle":
            entry = make_entry(hold, generation_id, billed_pusd=billed(number, generation))
            return Settle(hold, entry)
        case "void":
            return Void(hold, reason="nothing was billed")
        case _:
            return Defer(
                hold,
                state=HoldState(kind),
                outcome=Outcome.CANCELLED,
                generation_id=generation_id,
                reason="no price",
                next_attempt_ms=None,
                first_byte_ms=None,
                duration_ms=None,
            )


def grouped(changes: list[Change], cuts: list[bool]) -> Iterable[list[Change]]:
    group: list[Change] = []
    for change, cut in zip(changes, cuts, strict=False):
        if cut and group:
            yield group
            group = []
        group.append(change)
    yield group


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, cuts=CUTS, replayed=st.booleans())
def test_books_balance_after_any_interleaving(
    db: Database, steps: list[tuple[str, int, int]], cuts: list[bool], replayed: bool
) -> None:
    organization = make_organization(db)
    holds = [make_hold(organization, estimate_pusd=estimate(number)) for number in HOLDS]
    commit = GroupCommit(db)
    model = Model()
    results: list[object] = []
    changes = [change_of(kind, holds[n], n, g, organization) for kind, n, g in steps]
    with session(db):
        for group in grouped(changes, cuts):
            # Placing a hold twice happens only when a group is tried again.
            results += commit.commit(group, now_ms=1, is_retry=True)
            if replayed:
                commit.commit(group, now_ms=2, is_retry=True, in_doubt=True)
        for step_number, step in enumerate(steps):
            model.take(*step)
            if replayed and step_number + 1 in ends(changes, cuts):
                replay(model, steps, changes, cuts, step_number + 1)
        assert [result for result in results if isinstance(result, bool)] == model.results
        for number, hold in enumerate(holds):
            state = state_of(db, hold.id)
            assert (state and state.value) == model.states.get(number)
        books = read_books(db, organization)
    books.assert_balanced()
    assert books.held == model.held
    assert books.spent == sum(model.ledger.values())


def ends(changes: list[Change], cuts: list[bool]) -> list[int]:
    """How many changes are through after each group."""
    sizes = [len(group) for group in grouped(changes, cuts)]
    return [sum(sizes[: count + 1]) for count in range(len(sizes))]


def replay(
    model: Model,
    steps: list[tuple[str, int, int]],
    changes: list[Change],
    cuts: list[bool],
    end: int,
) -> None:
    """Let the model see the last group once more; its answers then do not matter."""
    begin = max([0, *(other for other in ends(changes, cuts) if other < end)])
    results = list(model.results)
    for step in steps[begin:end]:
        model.take(*step)
    model.results = results

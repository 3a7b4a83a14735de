"""Whatever is wanted of a history in whatever order: it never overlaps and never forgets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.ports import Member, Role
from mai_usage_ext.services.member_fields import UNSET
from mai_usage_ext.services.stretches import Status, Wish, carry_out, next_step

ORGANIZATIONS = ("acme", "zeta", "moon")


class Memory:
    """One user's rows, with the part of the store that a step writes to."""

    def __init__(self) -> None:
        self.rows: list[Member] = []

    def add_many(self, members: Sequence[Member]) -> None:
        self.rows = sorted([*self.rows, *members], key=lambda row: row.valid_from_ms)

    def end_many(self, ends: Sequence[tuple[Member, int]]) -> None:
        for member, at_ms in ends:
            self._replace(member, valid_to_ms=at_ms)

    def change(self, member: Member, changes: Mapping[str, Any]) -> None:
        self._replace(member, **changes)

    def _replace(self, member: Member, **changes: Any) -> None:
        self.rows[self.rows.index(member)] = replace(member, **changes)


wishes = st.tuples(
    st.sampled_from((0, 0, 1, 5, 3_000)),
    st.builds(
        Wish,
        organization_id=st.sampled_from((None, *ORGANIZATIONS)),
        role=st.sampled_from((None, *Role)),
        monthly_limit_pusd=st.sampled_from((UNSET, None, 7)),
        openrouter_user_id=st.sampled_from((None, None, "x")),
    ),
    st.sampled_from((None, None, 1, 900, 2_000, 5_000)),
)


@given(st.lists(wishes, max_size=30))
def test_a_history_never_overlaps_and_never_forgets(wanted: list[tuple[int, Wish, Any]]) -> None:
    store: Any = Memory()
    now_ms = 1_000
    for passed_ms, said, ahead_ms in wanted:
        now_ms += passed_ms
        wish = replace(said, effective_from_ms=None if ahead_ms is None else now_ms + ahead_ms)
        before = list(store.rows)
        try:
            step = next_step("ada", wish, history=before, now_ms=now_ms)
        except (BadInput, Conflict, NotFound):
            continue
        carry_out([step], store)
        check_chain(store.rows)
        check_past(before, store.rows, now_ms)
        if step.status is Status.UNCHANGED:
            assert store.rows == before
        elif wish.organization_id is not None:
            assert step.member.organization_id == wish.organization_id
            assert store.rows[store.rows.index(step.member)].openrouter_user_id is not None


def check_chain(rows: Sequence[Member]) -> None:
    """Each stretch ends where the next one begins, and only the last one has no end."""
    assert all(row.valid_to_ms is None or row.valid_to_ms > row.valid_from_ms for row in rows)
    assert [row.valid_to_ms for row in rows] == [*(row.valid_from_ms for row in rows[1:]), None]


def check_past(before: Sequence[Member], after: Sequence[Member], now_ms: int) -> None:
    """What is over stays as it was; what has begun keeps its beginning and its organization."""
    assert len(after) >= len(before)
    for was, now in zip(before, after, strict=False):
        assert (now.valid_from_ms, now.organization_id) == (was.valid_from_ms, was.organization_id)
        if was.valid_to_ms is not None and was.valid_to_ms <= now_ms:
            assert now == was

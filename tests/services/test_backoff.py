"""Asking again: densely for five minutes, seldom later, never not at all."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mai_usage_ext.services.backoff import first_attempt_ms, next_attempt_ms


def test_the_first_five_minutes_are_dense_and_an_hour_is_the_longest_wait() -> None:
    now, instants = 0, [first_attempt_ms(0)]
    for attempts in range(1, 60):
        now = next_attempt_ms(instants[-1], attempts=attempts, seed="hold")
        instants.append(now)
    assert sum(instant <= 300_000 for instant in instants) >= 10
    gaps = [after - before for before, after in itertools.pairwise(instants)]
    assert max(gaps) <= 3_600_000 * 1.2
    assert gaps[0] < 2_000


@given(st.integers(0, 10**6), st.text(min_size=1))
def test_every_attempt_lies_ahead(attempts: int, seed: str) -> None:
    assert 0 < next_attempt_ms(0, attempts=attempts, seed=seed) <= 3_600_000 * 12 // 10

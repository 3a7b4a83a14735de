"""A billing day, added up from its parts."""

import pytest

from mai_usage_ext.metering.daily import SUMS, DayPart, tally_of


def part(user_id: str, model: str, *, requests: int = 1, **changes: object) -> DayPart:
    sums = {"requests": requests, "billed_pusd": 10 * requests, "duration_ms_sum": 3}
    values: dict[str, object] = {
        "user_id": user_id,
        "model": model,
        "provider": "Acme",
        "is_task": False,
        "first_at_ms": 100,
        "last_at_ms": 200,
        "sums": tuple(sums.get(name, 0) for name in SUMS),
    }
    return DayPart(**(values | changes))  # type: ignore[arg-type]


PARTS = [
    part("ada", "m1", requests=2, first_at_ms=50, last_at_ms=120),
    part("bob", "m1", is_task=True, requests=3),
    part("ada", "m2", is_task=True, requests=4, first_at_ms=70, last_at_ms=300),
    part("", "m2", provider="Other", first_at_ms=90, last_at_ms=250),
]


def sums_of(requests: int, parts: int) -> tuple[int, ...]:
    known = {
        "requests": requests,
        "billed_pusd": 10 * requests,
        "duration_ms_sum": 3 * parts,
    }
    return tuple(known.get(name, 0) for name in SUMS)


@pytest.mark.parametrize("parts", [PARTS, PARTS[::-1], PARTS[2:] + PARTS[:2]])
def test_parts_add_up_in_any_order(parts: list[DayPart]) -> None:
    tally = tally_of(parts)
    assert tally.sums == sums_of(10, 4)
    assert tally.users == {"ada": sums_of(6, 2), "bob": sums_of(3, 1), "": sums_of(1, 1)}
    assert tally.models == {
        ("m1", "Acme"): sums_of(5, 2),
        ("m2", "Acme"): sums_of(4, 1),
        ("m2", "Other"): sums_of(1, 1),
    }
    assert (tally.task_requests, tally.task_billed_pusd) == (7, 70)
    assert (tally.first_at_ms, tally.last_at_ms) == (50, 300)
    assert (tally.requests, tally.distinct_users, tally.distinct_models) == (10, 2, 2)


def test_a_day_of_nothing() -> None:
    tally = tally_of([])
    assert (tally.sums, tally.first_at_ms, tally.last_at_ms) == ((0,) * len(SUMS), None, None)
    assert (tally.users, tally.models) == ({}, {})


def test_a_part_that_lacks_a_sum_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        tally_of([part("ada", "m1", sums=(1, 2))])

"""The partition day of an entry."""

from datetime import date

import pytest

from mai_usage_ext.storage.partition import partition_day

JANUARY_20 = 1_768_903_200_000


@pytest.mark.parametrize(
    ("generation_id", "expected"),
    [
        ("gen-1754821845-kPqWbXyZ", date(2025, 8, 10)),
        ("gen-embedding-1754821845-kPqWbXyZ", date(2025, 8, 10)),
        ("gen-9999999999-x", date(2026, 1, 20)),
        ("gen-1000000000-x", date(2026, 1, 20)),
        ("gen-175482184-x", date(2026, 1, 20)),
        ("chatcmpl-1754821845-x", date(2026, 1, 20)),
        ("", date(2026, 1, 20)),
    ],
)
def test_it_follows_from_the_id_and_else_from_the_hold(generation_id: str, expected: date) -> None:
    assert partition_day(generation_id, JANUARY_20) == expected


def test_a_replay_on_another_day_meets_its_own_row() -> None:
    a_week_later = JANUARY_20 + 7 * 86_400_000
    assert partition_day("gen-1754821845-k", JANUARY_20) == partition_day(
        "gen-1754821845-k", a_week_later
    )

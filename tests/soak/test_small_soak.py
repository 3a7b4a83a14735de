"""A small soak on either database: real hosts, real kills, and every book compared at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.theatre import Theatre, borrowed_theatre
from tests.soak.course import run_soak
from tests.soak.plan import DATABASES, Plan

pytestmark = [pytest.mark.host, pytest.mark.slow]


@pytest.fixture(scope="session")
def theatre() -> Iterator[Theatre]:
    with borrowed_theatre() as shared:
        yield shared


@pytest.mark.parametrize(
    "database",
    [
        pytest.param(name, marks=pytest.mark.postgres if name == "postgresql" else ())
        for name in DATABASES
    ],
)
def test_every_book_agrees_after_a_small_soak(theatre: Theatre, database: str) -> None:
    outcome = run_soak(Plan(calls=120, seed=4, database=database, hosts=1), theatre)
    figures = outcome.figures
    assert outcome.verdict.violations == []
    assert figures["calls"] >= 120
    assert figures["bill_pusd"] == figures["ledger_pusd"] > 0
    assert figures["lost"] == figures["duplicated"] == figures["overshoot_pusd"] == 0
    assert figures["pending_after"] == 0
    # What there was to survive.
    assert figures["kills"] >= 1
    assert figures["clock_steps"] >= 1
    assert figures["redis_losses"] >= 2
    assert figures["refused"] >= 1
    assert (figures["database_restarts"] >= 1) == (database == "postgresql")

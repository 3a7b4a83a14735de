"""Whatever happens in whatever order, no hold is granted past a limit and no picodollar is lost.

A hypothesis state machine drives the real services, the real admission and real groups against a
model in plain Python, in several processes that may die at any moment, under a clock that it moves
over month ends. The model and the tables must agree after every step.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from peewee import Database

from mai_usage_ext.ports import HoldState
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.sessions import session
from tests.storage.limit_machine import LimitMachine


@pytest.mark.slow
def test_no_order_of_events_breaks_a_limit(db: Database) -> None:
    examples = 100 if is_sqlite(db) else 25
    machines: list[LimitMachine] = []

    def machine() -> LimitMachine:
        machines.append(LimitMachine(db))
        return machines[-1]

    with session(db):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=50,
                derandomize=True,
                phases=[Phase.generate],
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    # It went where the limits are, and not only there.
    assert sum(made.model.grants for made in machines) > 2 * examples
    assert sum(made.model.refusals for made in machines) > examples
    assert any(known.estimate < known.hold.estimate_pusd for known in _all_holds(machines))
    assert {known.state for known in _all_holds(machines)} >= {HoldState.SETTLED, HoldState.VOID}


def _all_holds(machines: Sequence[LimitMachine]) -> list[Any]:
    return [known for made in machines for known in made.model.holds.values()]

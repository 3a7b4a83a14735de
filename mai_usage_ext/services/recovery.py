"""Picking up what a dead process left open."""

from mai_usage_ext.guard import tally
from mai_usage_ext.ports import Clock, HoldState, HoldStore

__all__ = ["Recovery"]


class Recovery:
    """Open holds of processes whose lease ran out pass to settlement."""

    def __init__(self, holds: HoldStore, *, clock: Clock) -> None:
        self._holds = holds
        self._clock = clock

    def run_once(self) -> dict[HoldState, int]:
        adopted = self._holds.adopt_orphans(now_ms=self._clock.now_ms())
        for state, count in adopted.items():
            if count:
                tally.add(f"holds of dead processes: {state}", count)
        return adopted

"""A total that differs is told until it is right again, by every process's health."""

from datetime import date

import pytest

from mai_usage_ext import guard
from mai_usage_ext.errors import StorageError, StorageUnavailable
from mai_usage_ext.ports.months import MonthDifference
from mai_usage_ext.services.month_check import MonthCheck
from tests.services.office import Clock

WRONG = MonthDifference(
    organization_id="zeta",
    month="2026-01",
    user_id=None,
    spent_pusd=8,
    used_pusd=7,
    held_pusd=0,
    open_pusd=0,
)


class Store:
    """Two organizations; ``wrong`` is what is found at the second."""

    def __init__(self) -> None:
        self.wrong: list[MonthDifference] = []
        self.is_away = False
        self.asked: list[tuple[str, date]] = []

    def organizations(self) -> list[str]:
        return ["acme", "zeta"]

    def differences(self, organization_id: str, *, users_since: date) -> list[MonthDifference]:
        if self.is_away:
            raise StorageUnavailable("locked")
        self.asked.append((organization_id, users_since))
        return self.wrong if organization_id == "zeta" else []


async def test_it_looks_at_all_and_tells_what_differs() -> None:
    store = Store()
    check = MonthCheck(store, clock=Clock())
    assert await check.run_once() == 2
    assert store.asked == [("acme", date(2025, 12, 1)), ("zeta", date(2025, 12, 1))]

    store.wrong = [WRONG, WRONG]
    with pytest.raises(
        StorageError, match=r"^2 month totals differ; zeta in 2026-01: spent 8, its days have 7"
    ):
        await check.run_once()
    assert guard.tally["month totals that differ"] == 2
    store.wrong = []
    assert await check.run_once() == 2
    store.is_away = True
    with pytest.raises(StorageUnavailable):
        await check.run_once()

"""Prices with dates and the month's sums by model, on both databases."""

from datetime import date
from typing import Any

import pytest
from peewee import Database, IntegrityError

from mai_usage_ext.errors import Conflict
from mai_usage_ext.metering.pricing import PriceRule
from mai_usage_ext.storage.models import CELL_SUMS, ClientDailyUsage, ClientModelDailyUsage
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.pricing import PriceRows
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.counting import counted_statements
from tests.storage.samples import (
    AT_MS,
    DAY,
    MONTH,
    RATE,
    make_entry,
    make_hold,
    make_organization,
)


def add(prices: PriceRows, organization: str | None, **changes: Any) -> PriceRule:
    fields = {
        "model_pattern": None,
        "effective_from_ms": AT_MS + 1,
        "rate_micro": 1_500_000,
        "fee_pusd": 7,
        "now_ms": AT_MS,
    }
    return prices.add(organization_id=organization, **{**fields, **changes})


def test_what_was_added_is_there(db: Database, organization: str) -> None:
    prices, other = PriceRows(db), make_organization(db, "Zeta")
    added = add(prices, organization, model_pattern="anthropic/*")
    assert added == PriceRule(
        id=added.id,
        organization_id=organization,
        model_pattern="anthropic/*",
        effective_from_ms=AT_MS + 1,
        rate_micro=1_500_000,
        fee_pusd=7,
    )
    assert prices.rule(added.id) == added
    first, second = prices.rules(organization)
    assert (first.model_pattern, first.rate_micro, second) == (None, RATE, added)
    everybodys = add(prices, None)
    assert prices.rules(None) == [everybodys]
    assert [rule.organization_id for rule in prices.rules(other)] == [other]
    assert {rule.organization_id for rule in prices.all_rules()} == {None, organization, other}
    made = OrganizationRows(db).get(organization, at_ms=AT_MS + 1)
    assert made is not None
    assert made.price_of("anthropic/claude", at_ms=AT_MS + 1).rate_micro == 1_500_000


def test_rules_come_in_the_order_in_which_they_hold(db: Database, organization: str) -> None:
    prices = PriceRows(db)
    for later in (30, 10, 20):
        add(prices, organization, effective_from_ms=AT_MS + later)
    begins = [rule.effective_from_ms - AT_MS for rule in prices.rules(organization)]
    assert begins == [0, 10, 20, 30]


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("pattern", [None, "a/*"])
def test_the_same_rule_twice_is_a_conflict(
    db: Database, organization: str, owned: bool, pattern: str | None
) -> None:
    prices, owner = PriceRows(db), organization if owned else None
    with transaction(db):
        add(prices, owner, model_pattern=pattern)
        with pytest.raises(Conflict) as raised:
            add(prices, owner, model_pattern=pattern, rate_micro=9)
        # The transaction around it is still good.
        add(prices, owner, model_pattern=pattern, effective_from_ms=AT_MS + 2)
    assert raised.value.field == "effective_from"
    kept = [rule for rule in prices.all_rules() if rule.effective_from_ms > AT_MS]
    assert [rule.rate_micro for rule in kept] == [1_500_000, 1_500_000]


def test_a_broken_rule_is_no_conflict(db: Database, organization: str) -> None:
    with pytest.raises(IntegrityError):
        add(PriceRows(db), organization, rate_micro=-1)
    assert len(PriceRows(db).rules(organization)) == 1


def test_removing(db: Database, organization: str) -> None:
    prices = PriceRows(db)
    added = add(prices, organization)
    assert prices.remove(added.id)
    assert not prices.remove(added.id)
    assert prices.rule(added.id) is None


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63, 10**30])
def test_numbers_that_no_rule_has(db: Database, number: int) -> None:
    assert PriceRows(db).rule(number) is None


def seal(db: Database, organization: str, day: date, **models: int) -> None:
    """A sealed day whose every model has the same number in every sum."""
    with transaction(db):
        daily = ClientDailyUsage.insert(
            organization_id=organization,
            day=day,
            **dict.fromkeys(CELL_SUMS, sum(models.values())),
            task_requests=0,
            task_billed_pusd=0,
            distinct_users=1,
            distinct_models=len(models),
            sealed_at_ms=1,
        )
        write(db, daily)
        for name, amount in models.items():
            for provider in ("One", "Two"):
                cell = ClientModelDailyUsage.insert(
                    organization_id=organization,
                    day=day,
                    model=name,
                    provider=provider,
                    **dict.fromkeys(CELL_SUMS, amount),
                    sealed_at_ms=1,
                )
                write(db, cell)


def test_a_month_by_model_is_sealed_days_and_live_cells(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    prices, other = PriceRows(db), make_organization(db, "Zeta")
    first, last, sealed = date(2026, 1, 1), date(2026, 1, 31), date(2026, 1, 5)
    for owner, day, model in (
        (organization, DAY, "m1"),
        (organization, DAY, "m1"),
        (organization, first, "m2"),
        (organization, last, "m2"),
        (organization, sealed, "m1"),  # a cell of a sealed day must not count twice
        (organization, date(2025, 12, 31), "m1"),
        (organization, date(2026, 2, 1), "m1"),
        (other, DAY, "m1"),
    ):
        hold = make_hold(owner, day=day, model=model)
        writer.settle(hold, make_entry(hold, raw_pusd=10, billed_pusd=13)).result(10)
    seal(db, organization, sealed, m1=1_000, m3=5)
    seal(db, organization, date(2026, 1, 6))
    seal(db, organization, date(2026, 2, 2), m1=7)
    seal(db, other, DAY, m1=7)

    with counted_statements(db) as sent:
        sums = prices.month_by_model(organization, MONTH)
    assert len(sent) == 1
    assert sums == {"m1": (2_002, 2_020, 2_026), "m2": (2, 20, 26), "m3": (10, 10, 10)}
    assert all(type(number) is int for numbers in sums.values() for number in numbers)
    assert prices.month_by_model(organization, "2025-11") == {}
    assert prices.month_by_model("nobody", MONTH) == {}


def test_large_sums_stay_exact(db: Database, organization: str) -> None:
    for day in (1, 2):
        seal(db, organization, date(2026, 1, day), m1=2**60 - 1)
    assert PriceRows(db).month_by_model(organization, MONTH) == {"m1": (2**62 - 4,) * 3}

"""Statements that close by themselves."""

import pytest
from peewee import Database

from mai_usage_ext.guard import tally
from mai_usage_ext.ports.statements import StatementFilter
from tests.services.billing_rig import Billing, usd


@pytest.fixture
def billing(db: Database) -> Billing:
    return Billing(db)


def closed(billing: Billing, organization: str) -> list[str]:
    wanted = StatementFilter(organization_id=organization)
    found, _ = billing.statements.page(wanted, offset=0, limit=50)
    return sorted(one.month for one in found)


async def test_nothing_closes_by_itself_unless_somebody_said_since_when(billing: Billing) -> None:
    acme = billing.make()
    assert await billing.closing.run_once() == 0
    billing.since = "2026-02"
    billing.at("2026-04-02T12:00:00")
    assert await billing.closing.run_once() == 2
    assert closed(billing, acme) == ["2026-02", "2026-03"]
    assert await billing.closing.run_once() == 0


async def test_months_before_the_first_one_stay_the_admins(billing: Billing) -> None:
    acme = billing.make()
    billing.at("2026-05-02T12:00:00")
    billing.close(acme, "2026-01")
    billing.since = "2026-03"
    assert await billing.closing.run_once() == 0
    billing.close(acme, "2026-02")
    assert await billing.closing.run_once() == 2


async def test_who_has_to_wait_holds_up_nobody_else(billing: Billing) -> None:
    waits, goes = billing.make("Waits", currency="PLN"), billing.make("Goes")
    billing.since = "2026-01"
    assert await billing.closing.run_once() == 1
    assert (closed(billing, waits), closed(billing, goes)) == ([], ["2026-01"])
    assert tally["statements that wait"] == 0
    billing.at("2026-02-09T12:00:00")
    await billing.closing.run_once()
    assert tally["statements that wait"] == 1
    billing.enter("PLN", "2026-01-31", "3.5")
    assert await billing.closing.run_once() == 1


async def test_who_has_left_gets_no_statements_of_nothing(billing: Billing) -> None:
    acme = billing.make()
    billing.since = "2026-01"
    billing.use(acme, "2026-01-30", usd("1"))
    billing.seal(acme, "2026-01-30")
    left = {"status": "deactivated", "deactivated_at_ms": billing.now_ms()}
    billing.organizations.change(acme, left, version=1, now_ms=billing.now_ms())
    billing.at("2026-06-02T12:00:00")
    await billing.closing.run_once()
    assert closed(billing, acme) == ["2026-01", "2026-02"]
    # What comes late is stated all the same.
    billing.use(acme, "2026-01-30", usd("0.5"))
    await billing.closing.run_once()
    assert closed(billing, acme) == ["2026-01", "2026-02", "2026-03"]

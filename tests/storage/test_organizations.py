"""Organizations, members, prices."""

import threading
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.errors import NotFound
from mai_usage_ext.ports import UNASSIGNED, Membership, Role
from mai_usage_ext.storage.models import ClientOrganization, PricingRule
from mai_usage_ext.storage.organizations import OrganizationRows, slug_of
from mai_usage_ext.storage.sessions import session, transaction, write
from tests.storage.counting import counted_statements

TERMS: dict[str, Any] = {
    "time_zone": "Europe/Warsaw",
    "rate_micro": 1_300_000,
    "billing_currency": "PLN",
    "now_ms": 1_000,
}


@pytest.fixture
def rows(db: Database) -> OrganizationRows:
    return OrganizationRows(db)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme GmbH & Co. KG", "acme-gmbh-co-kg"),
        ("Łódź Zażółć", "lodz-zazolc"),
        ("Straße 1", "strasse-1"),
        ("  --  ", "organization"),
        ("株式会社", "organization"),
        ("x" * 100, "x" * 60),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_an_organization_comes_with_its_price(db: Database, rows: OrganizationRows) -> None:
    made = rows.create(name="Acme", monthly_limit_pusd=5_000_000_000_000, **TERMS)
    with counted_statements(db) as sent:
        assert rows.get(made.id, at_ms=1_000) == made
    assert len(sent) == 2
    assert (made.name, made.slug, made.time_zone, made.billing_currency) == (
        ("Acme", "acme", "Europe/Warsaw", "PLN")
    )
    assert (made.is_active, made.rate_micro, made.fee_pusd) == (True, 1_300_000, 0)
    assert made.monthly_limit_pusd == 5_000_000_000_000
    assert rows.get("nobody", at_ms=1_000) is None


def test_names_may_repeat_and_slugs_do_not(rows: OrganizationRows) -> None:
    slugs = [rows.create(name="Acme", **TERMS).slug for _ in range(3)]
    assert slugs == ["acme", "acme-2", "acme-3"]


def test_built_in_organizations_are_made_once(db: Database, rows: OrganizationRows) -> None:
    assert rows.ensure_builtin(default_name="Everybody", **TERMS) == "default"
    again = {**TERMS, "rate_micro": 2_000_000}
    assert rows.ensure_builtin(default_name="Another name", **again) == "default"
    default = rows.get("default", at_ms=5)
    assert default is not None
    assert (default.name, default.rate_micro) == ("Everybody", 1_300_000)
    unassigned = rows.get(UNASSIGNED, at_ms=5)
    assert unassigned is not None
    assert unassigned.rate_micro == 1_300_000
    with session(db):
        assert PricingRule.select().bind(db).count() == 2


def test_without_a_default_there_is_only_unassigned(db: Database, rows: OrganizationRows) -> None:
    assert rows.ensure_builtin(default_name=None, **TERMS) is None
    with session(db):
        assert [row.id for row in ClientOrganization.select().bind(db)] == [UNASSIGNED]


def test_a_default_may_have_the_name_of_another(rows: OrganizationRows) -> None:
    rows.create(name="Unassigned", **TERMS)
    rows.create(name="Everybody", **TERMS)
    assert rows.ensure_builtin(default_name="Everybody", **TERMS) == "default"
    default, unassigned = rows.get("default", at_ms=5), rows.get(UNASSIGNED, at_ms=5)
    assert default is not None
    assert unassigned is not None
    assert (default.slug, unassigned.slug) == ("everybody-2", "unassigned-2")


def test_several_may_start_at_once(db: Database, rows: OrganizationRows) -> None:
    together = threading.Barrier(4, timeout=10)
    made: list[str | None] = []

    def start() -> None:
        together.wait()
        made.append(rows.ensure_builtin(default_name="Everybody", **TERMS))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["default"] * 4
    with session(db):
        assert ClientOrganization.select().bind(db).count() == 2
        assert PricingRule.select().bind(db).count() == 2


def test_the_price_in_force_at_an_instant(db: Database, rows: OrganizationRows) -> None:
    made = rows.create(name="Acme", **TERMS)
    rules: list[tuple[str | None, str | None, int, int, int]] = [
        (made.id, None, 5_000, 1_500_000, 7),
        (None, None, 6_000, 9_000_000, 0),
        (made.id, "acme/*", 1_000, 8_000_000, 0),
        ("default", None, 1_000, 8_000_000, 0),
    ]
    rows.ensure_builtin(default_name="Everybody", **TERMS)
    with transaction(db):
        for organization_id, pattern, from_ms, rate, fee in rules[:3]:
            write(
                db,
                PricingRule.insert(
                    organization_id=organization_id,
                    model_pattern=pattern,
                    effective_from_ms=from_ms,
                    rate_micro=rate,
                    fee_pusd=fee,
                    created_at_ms=1,
                ),
            )
    prices = []
    for at_ms in (1_000, 4_999, 5_000, 7_000):
        found = rows.get(made.id, at_ms=at_ms)
        assert found is not None
        prices.append((found.rate_micro, found.fee_pusd))
    assert prices == [(1_300_000, 0), (1_300_000, 0), (1_500_000, 7), (1_500_000, 7)]


def test_a_move_takes_effect_from_now_on(db: Database, rows: OrganizationRows) -> None:
    acme, zeta = (rows.create(name=name, **TERMS).id for name in ("Acme", "Zeta"))
    assert rows.membership("ada", at_ms=9_000) is None
    rows.assign(user_id="ada", organization_id=acme, role=Role.MEMBER, now_ms=2_000)
    moved = rows.assign(user_id="ada", organization_id=zeta, role=Role.MANAGER, now_ms=3_000)
    assert moved == Membership(organization_id=zeta, user_id="ada", role=Role.MANAGER)
    with counted_statements(db) as sent:
        assert rows.membership("ada", at_ms=1_999) is None
        before = rows.membership("ada", at_ms=2_999)
        after = rows.membership("ada", at_ms=3_000)
    assert len(sent) == 3
    assert before is not None
    assert (before.organization_id, before.role) == (acme, Role.MEMBER)
    assert after == moved


def test_two_moves_in_one_millisecond(rows: OrganizationRows) -> None:
    acme, zeta = (rows.create(name=name, **TERMS).id for name in ("Acme", "Zeta"))
    for organization in (acme, zeta, zeta):
        rows.assign(user_id="ada", organization_id=organization, role=Role.MEMBER, now_ms=2_000)
    found = rows.membership("ada", at_ms=2_000)
    assert found is not None
    assert found.organization_id == zeta


def test_nobody_is_assigned_to_nothing(rows: OrganizationRows) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        rows.assign(user_id="ada", organization_id="nowhere", role=Role.MEMBER, now_ms=1)
    assert rows.membership("ada", at_ms=2) is None


def test_a_user_assigned_by_several_at_once_has_one_organization(rows: OrganizationRows) -> None:
    organizations = [rows.create(name=f"Acme {n}", **TERMS).id for n in range(4)]
    together = threading.Barrier(4, timeout=10)

    def assign(organization: str, now_ms: int) -> None:
        together.wait()
        rows.assign(user_id="ada", organization_id=organization, role=Role.MEMBER, now_ms=now_ms)

    threads = [
        threading.Thread(target=assign, args=(organization, 2_000 + n % 2))
        for n, organization in enumerate(organizations)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = rows.membership("ada", at_ms=2_001)
    assert found is not None
    assert found.organization_id in organizations

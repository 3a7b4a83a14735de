"""Organizations, members, prices."""

import threading
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.errors import Conflict
from mai_usage_ext.ports import UNASSIGNED, Membership, OrganizationQuery, Role
from mai_usage_ext.storage.models import ClientOrganization, PricingRule, UserClientMapping
from mai_usage_ext.storage.organizations import OrganizationRows, slug_of
from mai_usage_ext.storage.sessions import session, transaction, write
from tests.storage.conftest import MakeWriter
from tests.storage.counting import counted_statements
from tests.storage.samples import AT_MS, make_entry, make_hold, make_organization

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


def change(rows: OrganizationRows, organization_id: str, **columns: Any) -> bool:
    return rows.change(organization_id, columns, version=1, now_ms=2_000)


def test_a_change_needs_the_version_it_was_made_for(rows: OrganizationRows) -> None:
    acme = rows.create(name="Acme", **TERMS).id
    assert change(rows, acme, name="Acme GmbH", contacts=[{"name": "Zoë"}])
    assert not change(rows, acme, name="too late")
    record = rows.record(acme, at_ms=3_000)
    assert record is not None
    assert (record.name, record.version, record.updated_at_ms) == ("Acme GmbH", 2, 2_000)
    assert record.contacts == ({"name": "Zoë"},)


def test_a_slug_belongs_to_one_organization(rows: OrganizationRows) -> None:
    acme, zeta = (rows.create(name=name, **TERMS).id for name in ("Acme", "Zeta"))
    with pytest.raises(Conflict, match="slug 'zeta' belongs to another"):
        change(rows, acme, slug="zeta", name="half-written")
    with pytest.raises(Conflict, match="slug 'zeta'"):
        rows.create(name="New", slug="zeta", **TERMS)
    record = rows.record(acme, at_ms=3_000)
    assert record is not None
    assert (record.name, record.version) == ("Acme", 1)
    assert rows.records(OrganizationQuery(search="New"), at_ms=3_000) == ([], 0)
    assert change(rows, zeta, slug="zeta")


def test_a_zone_changes_when_its_instant_comes(rows: OrganizationRows) -> None:
    acme = rows.create(name="Acme", **TERMS).id
    change(rows, acme, next_timezone="Asia/Tokyo", next_timezone_from_ms=5_000)
    for at_ms, zone, waiting in (
        (4_999, "Europe/Warsaw", "Asia/Tokyo"),
        (5_000, "Asia/Tokyo", None),
    ):
        found, record = rows.get(acme, at_ms=at_ms), rows.record(acme, at_ms=at_ms)
        assert found is not None
        assert record is not None
        assert (found.time_zone, record.time_zone, record.next_time_zone) == (zone, zone, waiting)


def test_pages(db: Database, rows: OrganizationRows) -> None:
    names = ["alpha", "Beta", "gamma_50%", "Delta"]
    ids = {name: rows.create(name=name, **TERMS).id for name in names}
    change(rows, ids["Beta"], status="deactivated", monthly_limit_pusd=5)
    change(rows, ids["Delta"], billing_email="office@delta.example", monthly_limit_pusd=7)

    def found(**wanted: Any) -> tuple[list[str], int]:
        page, total = rows.records(OrganizationQuery(**wanted), at_ms=3_000)
        return [record.name for record in page], total

    assert found() == (["alpha", "Beta", "Delta", "gamma_50%"], 4)
    assert found(limit=2, offset=1) == (["Beta", "Delta"], 4)
    assert found(is_descending=True, limit=1) == (["gamma_50%"], 4)
    assert found(sort="monthly_limit", limit=2) == (["Beta", "Delta"], 4)
    assert found(search="ELTA") == (["Delta"], 1)
    assert found(search="delta.example") == (["Delta"], 1)
    assert found(search="%") == (["gamma_50%"], 1)
    assert found(search="_") == (["gamma_50%"], 1)
    assert found(status="deactivated") == (["Beta"], 1)
    assert found(status="active", search="a", limit=0) == ([], 3)


def test_a_page_costs_as_many_statements_as_a_row(db: Database, rows: OrganizationRows) -> None:
    for number in range(20):
        rows.create(name=f"Acme {number}", **TERMS)
    with counted_statements(db) as sent:
        rows.records(OrganizationQuery(), at_ms=3_000)
    assert len(sent) == 5


def test_what_a_month_costs_stands_beside_its_members(
    db: Database, rows: OrganizationRows, make_writer: MakeWriter
) -> None:
    acme = make_organization(db)
    writer = make_writer()
    done, waiting = (make_hold(acme) for _ in range(2))
    writer.place(done).result(10)
    writer.settle(done, make_entry(done)).result(10)
    writer.place(waiting).result(10)
    with transaction(db):
        for user_id, until in (("ada", None), ("bob", AT_MS - 1)):
            row = UserClientMapping.insert(
                user_id=user_id,
                valid_from_ms=0,
                valid_to_ms=until,
                organization_id=acme,
                created_at_ms=0,
            )
            write(db, row)
    record = rows.record(acme, at_ms=AT_MS)
    assert record is not None
    assert (record.month, record.members) == ("2026-01", 1)
    assert (record.spent_pusd, record.held_pusd) == (425_048_001, 1_000_000)
    assert rows.record("nobody", at_ms=AT_MS) is None
    assert rows.membership("ada", at_ms=AT_MS) == Membership(
        organization_id=acme, user_id="ada", role=Role.MEMBER
    )
    assert rows.membership("bob", at_ms=AT_MS) is None

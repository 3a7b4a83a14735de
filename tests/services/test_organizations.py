"""Organizations: made, changed, deactivated; a wrong value is named and not written."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.errors import BadInput, Conflict, NotFound, Outdated
from mai_usage_ext.metering.money import PICO
from mai_usage_ext.ports import (
    SYSTEM,
    UNASSIGNED,
    AuditFilter,
    OrganizationQuery,
    OrganizationRecord,
)
from mai_usage_ext.services.organizations import Organizations
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.writer import LedgerWriter
from tests.conftest import ON_SQLITE
from tests.storage.samples import make_entry, make_hold

ENVIRON = {
    "DEFAULT_MARKUP_RATE": "1.5",
    "BILLING_CURRENCY": "EUR",
    "MAI_USAGE_TIMEZONE": "Europe/Warsaw",
}


@pytest.fixture
def bench(database_url: str) -> Iterator[Workbench]:
    opened = open_workbench(Settings.from_env({"MAI_USAGE_DATABASE_URL": database_url, **ENVIRON}))
    yield opened
    opened.close()


@pytest.fixture
def organizations(bench: Workbench) -> Organizations:
    return bench.organizations


def make(organizations: Organizations, name: str = "Acme", **fields: object) -> OrganizationRecord:
    return organizations.create({"name": name, **fields}, actor=SYSTEM)


def change(
    organizations: Organizations, made: OrganizationRecord, **fields: object
) -> OrganizationRecord:
    return organizations.change(made.id, fields, actor=SYSTEM)


def trail(bench: Workbench) -> list[tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    records, _ = bench.audit.page(AuditFilter(target_kind="organization"), offset=0, limit=50)
    return [(record.action, record.before, record.after) for record in records]


def test_a_new_organization_has_the_defaults(organizations: Organizations) -> None:
    made = make(organizations, "Acme GmbH")
    assert (made.name, made.slug, made.status, made.version) == (
        ("Acme GmbH", "acme-gmbh", "active", 1)
    )
    assert (made.rate_micro, made.fee_pusd) == (1_500_000, 0)
    assert (made.billing_currency, made.time_zone) == ("EUR", "Europe/Warsaw")
    assert (made.monthly_limit_pusd, made.on_limit, made.on_meter_failure) == (None, "block", None)
    assert make(organizations, "Acme GmbH").slug == "acme-gmbh-2"


def test_everything_can_be_said_at_once(bench: Workbench, organizations: Organizations) -> None:
    made = make(
        organizations,
        slug="acme-eu",
        timezone="Asia/Tokyo",
        billing_currency="JPY",
        billing_email="office@acme.example",
        contacts=[{"name": "Zoë", "email": "zoe@acme.example"}],
        markup_rate="2.25",
        fixed_fee="0.000001",
        monthly_limit=250,
        on_limit="alert",
        on_meter_failure="allow",
        notes="pays late",
    )
    assert (made.slug, made.time_zone, made.billing_currency) == ("acme-eu", "Asia/Tokyo", "JPY")
    assert (made.rate_micro, made.fee_pusd) == (2_250_000, 1_000_000)
    assert made.monthly_limit_pusd == 250 * PICO
    assert (made.on_limit, made.on_meter_failure) == ("alert", "allow")
    assert made.contacts == ({"name": "Zoë", "email": "zoe@acme.example"},)
    assert organizations.get(made.id) == made
    [(action, before, after)] = trail(bench)
    assert (action, before) == ("organization.created", None)
    assert after is not None
    assert (after["monthly_limit"], after["markup_rate"]) == ("250", "2.25")


def test_a_change_says_what_was_and_what_is(bench: Workbench, organizations: Organizations) -> None:
    made = make(organizations, monthly_limit="10")
    changed = change(organizations, made, name="Acme AG", monthly_limit="12.5", on_limit="block")
    assert (changed.name, changed.monthly_limit_pusd, changed.version) == (
        ("Acme AG", 12_500_000_000_000, 2)
    )
    assert trail(bench)[0] == (
        "organization.changed",
        {"name": "Acme", "monthly_limit": "10"},
        {"name": "Acme AG", "monthly_limit": "12.5"},
    )
    assert change(organizations, changed, monthly_limit=None).monthly_limit_pusd is None


def test_what_changes_nothing_is_no_change(bench: Workbench, organizations: Organizations) -> None:
    made = make(organizations, contacts=[{"name": "Zoë"}], timezone="UTC")
    same = change(
        organizations,
        made,
        name="Acme",
        contacts=[{"name": "Zoë"}],
        timezone="UTC",
        markup_rate="1.5",
        is_active=True,
    )
    assert same == made
    assert len(trail(bench)) == 1


def test_the_version_somebody_has_seen(bench: Workbench, organizations: Organizations) -> None:
    made = make(organizations)
    organizations.change(made.id, {"notes": "first"}, actor=SYSTEM, version=1)
    with pytest.raises(Outdated, match="it has version 2") as raised:
        organizations.change(made.id, {"notes": "second"}, actor=SYSTEM, version=1)
    assert raised.value.field == "If-Match"
    assert organizations.get(made.id).notes == "first"
    assert len(trail(bench)) == 2


def test_a_markup_is_a_price_from_now_on(bench: Workbench, organizations: Organizations) -> None:
    made = make(organizations)
    changed = change(organizations, made, markup_rate="1.75")
    again = change(organizations, made, fixed_fee="0.5")
    assert (changed.rate_micro, changed.fee_pusd) == (1_750_000, 0)
    assert (again.rate_micro, again.fee_pusd) == (1_750_000, PICO // 2)
    rules = bench.pricing.rules(made.id)
    assert [(rule.rate_micro, rule.fee_pusd) for rule in rules] == [
        (1_500_000, 0), (1_750_000, 0), (1_750_000, PICO // 2),
    ]  # fmt: skip
    starts = [rule.effective_from_ms for rule in rules]
    assert starts == sorted(set(starts))


def test_below_cost_only_on_purpose(organizations: Organizations) -> None:
    made = make(organizations)
    with pytest.raises(BadInput, match=r"^markup_rate .* allow_loss: true"):
        change(organizations, made, markup_rate="0.9")
    assert change(organizations, made, markup_rate="0.9", allow_loss=True).rate_micro == 900_000


def test_a_zone_changes_at_the_end_of_the_day(
    bench: Workbench, organizations: Organizations, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(organizations, timezone="Europe/Warsaw")
    noon = datetime(2026, 3, 28, 12, tzinfo=UTC)
    clock = organizations._clock
    monkeypatch.setattr(type(clock), "now_ms", lambda _: int(noon.timestamp() * 1000))
    waiting = change(organizations, made, timezone="America/Adak")
    assert (waiting.time_zone, waiting.next_time_zone) == ("Europe/Warsaw", "America/Adak")
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert waiting.next_time_zone_from_ms == int(midnight.timestamp() * 1000)
    back = change(organizations, made, timezone="Europe/Warsaw")
    assert (back.time_zone, back.next_time_zone) == ("Europe/Warsaw", None)
    change(organizations, made, timezone="America/Adak")
    monkeypatch.setattr(type(clock), "now_ms", lambda _: int(midnight.timestamp() * 1000))
    assert organizations.get(made.id).time_zone == "America/Adak"
    onwards = change(organizations, made, timezone="Asia/Tokyo")
    assert (onwards.time_zone, onwards.next_time_zone) == ("America/Adak", "Asia/Tokyo")


def test_deactivated_and_brought_back(bench: Workbench, organizations: Organizations) -> None:
    made = make(organizations)
    gone = organizations.deactivate(made.id, actor=SYSTEM, version=1)
    assert gone.status == "deactivated"
    assert gone.deactivated_at_ms is not None
    found = bench.organization_rows.get(made.id, at_ms=2**50)
    assert found is not None
    assert not found.is_active
    back = change(organizations, made, is_active=True)
    assert (back.status, back.deactivated_at_ms, back.version) == ("active", None, 3)


def test_built_in_organizations_stay(organizations: Organizations) -> None:
    for built_in in (UNASSIGNED, "default"):
        with pytest.raises(Conflict) as raised:
            organizations.deactivate(built_in, actor=SYSTEM)
        assert raised.value.field == "is_active"


def test_a_lowered_limit_is_passed_at_once(bench: Workbench, organizations: Organizations) -> None:
    made = make(organizations, timezone="UTC")
    writer = LedgerWriter(bench.database, owner="test")
    writer.start()
    month = organizations.get(made.id).month
    day = datetime.now(UTC).date()
    hold = make_hold(made.id, month=month, day=day)
    writer.place(hold).result(10)
    writer.settle(hold, make_entry(hold, billed_pusd=85, raw_pusd=1)).result(10)
    writer.stop(5)
    limit = "0.0000000001"
    assert change(organizations, made, monthly_limit=limit).monthly_limit_pusd == 100
    events, total = bench.limit_events.page(organization_id=made.id)
    assert [(event.percent, event.spent_pusd) for event in events] == [(80, 85)]
    change(organizations, made, monthly_limit=None)
    change(organizations, made, monthly_limit=limit)
    assert bench.limit_events.page(organization_id=made.id)[1] == total == 1


BAD: list[tuple[str, dict[str, Any]]] = [
    ("name", {"name": ""}),
    ("name", {"name": "x" * 201}),
    ("name", {"name": "a\nb"}),
    ("name", {"name": None}),
    ("name", {"name": 5}),
    ("slug", {"slug": "Big Letters"}),
    ("slug", {"slug": "-x"}),
    ("slug", {"slug": None}),
    ("timezone", {"timezone": "Mars/Phobos"}),
    ("timezone", {"timezone": 2}),
    ("billing_currency", {"billing_currency": "usd"}),
    ("billing_email", {"billing_email": "nobody"}),
    ("contacts", {"contacts": "Zoë"}),
    ("contacts", {"contacts": [{"shoe_size": "44"}]}),
    ("contacts", {"contacts": [{"name": 4}]}),
    ("contacts", {"contacts": [{}]}),
    ("contacts", {"contacts": [{"name": "x"}] * 21}),
    ("contacts.email", {"contacts": [{"email": "nowhere"}]}),
    ("notes", {"notes": "x" * 10_001}),
    ("notes", {"notes": "a\0b"}),
    ("monthly_limit", {"monthly_limit": "-1"}),
    ("monthly_limit", {"monthly_limit": "NaN"}),
    ("monthly_limit", {"monthly_limit": 1.5}),
    ("monthly_limit", {"monthly_limit": True}),
    ("monthly_limit", {"monthly_limit": "0.0000000000001"}),
    ("monthly_limit", {"monthly_limit": "9000001"}),
    ("markup_rate", {"markup_rate": "-1"}),
    ("markup_rate", {"markup_rate": "1.0000001"}),
    ("markup_rate", {"markup_rate": "0.5"}),
    ("allow_loss", {"allow_loss": "yes"}),
    ("fixed_fee", {"fixed_fee": "1001"}),
    ("fixed_fee", {"fixed_fee": "-0.1"}),
    ("on_limit", {"on_limit": "maybe"}),
    ("on_limit", {"on_limit": None}),
    ("on_limit", {"on_limit": ["block"]}),
    ("on_meter_failure", {"on_meter_failure": "panic"}),
    ("is_active", {"is_active": "true"}),
    ("openrouter_api_key", {"openrouter_api_key": "sk"}),
]


@ON_SQLITE
@pytest.mark.parametrize(("field", "wanted"), BAD)
def test_bad_input_names_its_field_and_writes_nothing(
    bench: Workbench, organizations: Organizations, field: str, wanted: dict[str, Any]
) -> None:
    made = make(organizations)
    with pytest.raises(BadInput, match=f"^{field} is ") as raised:
        change(organizations, made, notes="half-written", **wanted) if "notes" not in wanted else (
            change(organizations, made, **wanted)
        )
    assert raised.value.field == field
    with pytest.raises(BadInput, match=f"^{field} is "):
        organizations.create({"name": "Another", **wanted}, actor=SYSTEM)
    assert organizations.get(made.id) == made
    assert organizations.page(OrganizationQuery())[1] == 3
    assert len(trail(bench)) == 1


def test_what_is_not_there(organizations: Organizations) -> None:
    with pytest.raises(NotFound, match="no organization 'nope'"):
        organizations.get("nope")
    with pytest.raises(NotFound):
        organizations.change("nope", {"name": "x"}, actor=SYSTEM)
    with pytest.raises(BadInput, match=r"^name is None"):
        organizations.create({}, actor=SYSTEM)
    with pytest.raises(BadInput, match=r"^sort is 'shoes'"):
        organizations.page(OrganizationQuery(sort="shoes"))
    with pytest.raises(BadInput, match=r"^status is 'asleep'"):
        organizations.page(OrganizationQuery(status="asleep"))
    other = make(organizations, "Other")
    with pytest.raises(Conflict, match="slug 'other'"):
        change(organizations, make(organizations), slug=other.slug)

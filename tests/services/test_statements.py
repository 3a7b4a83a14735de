"""A month's statement: drafted, closed once, numbered without a gap, corrected by the next one."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from peewee import Database

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.ports import UNASSIGNED, Source
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.ports.reconciliation import Figures, Finding, ReconciliationRecord
from mai_usage_ext.ports.statements import Buyer, LineKind, Statement, StatementFilter
from tests.services.billing_rig import ADMIN, Billing, usd


@pytest.fixture
def billing(db: Database) -> Billing:
    return Billing(db)


def amounts(one: Statement) -> list[tuple[str, str, int, int]]:
    return [
        (line.month, line.model, line.amounts.requests, line.amounts.billed_pusd)
        for line in one.lines
    ]


def test_a_draft_is_the_truth_of_now_and_is_stored_nowhere(billing: Billing) -> None:
    acme = billing.make()
    billing.at("2026-01-20T12:00:00")
    billing.use(acme, "2026-01-19", usd("0.004"), model="a/cheap")
    billing.use(acme, "2026-01-20", usd("1.25"), model="b/dear")
    billing.seal(acme, "2026-01-19")
    draft = billing.statements.draft(acme, "2026-01")
    assert amounts(draft) == [
        ("2026-01", "b/dear", 1, usd("1.25")),
        ("2026-01", "a/cheap", 1, usd("0.004")),
    ]
    assert (draft.net_pusd, draft.total, draft.currency) == (usd("1.254"), Decimal("1.25"), "USD")
    assert (draft.is_draft, draft.id, draft.number, draft.rate) == (True, "", "", None)
    assert draft.obstacles == ("2026-01 is not over in UTC, or just is",)
    billing.use(acme, "2026-01-20", usd("1"), model="b/dear")
    assert billing.statements.draft(acme, "2026-01").net_pusd == usd("2.254")
    assert billing.statements.page(StatementFilter(), offset=0, limit=10) == ([], 0)


def test_closing_stores_everything_as_it_was(billing: Billing) -> None:
    contacts = ({"name": "Zoë", "email": "zoe@acme.example"},)
    acme = billing.make(billing_email="pay@acme.example", contacts=contacts)
    billing.use(acme, "2026-01-31", usd("0.005"))
    billing.seal(acme, "2026-01-31")
    closed = billing.close(acme, "2026-01")
    assert (closed.number, closed.issued_on) == ("S2026-0001", date(2026, 2, 3))
    assert closed.total == Decimal("0.00")  # half-even: 0.005 has an even neighbour below
    assert closed.buyer == Buyer(name="Acme", email="pay@acme.example", contacts=contacts)
    assert closed.closed_by == "grace"
    assert closed.notes == (
        "Not compared with the provider's own figures: no management key is configured.",
    )
    # Whatever is renamed later, the statement is as it was.
    billing.facts = replace(billing.facts, seller=replace(billing.facts.seller, name="Other"))
    billing.organizations.change(acme, {"name": "New"}, version=1, now_ms=1)
    stored = billing.statements.get(closed.id)
    assert stored == closed
    assert billing.statements.page(StatementFilter(month="2026-01"), offset=0, limit=5) == (
        [stored],
        1,
    )
    [event] = [one for one in billing.told() if one.kind is EventKind.STATEMENT_CLOSED]
    assert (event.subject, event.organization_id) == (
        closed.id,
        acme,
    )
    assert event.data["number"] == "S2026-0001"
    assert (event.data["net_usd"], event.data["total"]) == ("0.005", "0.00")
    assert billing.audited("statement.closed") == [
        {"statement": "S2026-0001", "month": "2026-01", "total": "0.00 USD"}
    ]


def test_a_month_of_nothing_is_closed_at_zero(billing: Billing) -> None:
    closed = billing.close(billing.make(), "2026-01")
    assert (closed.lines, closed.net_pusd, closed.total) == ((), 0, Decimal("0.00"))


def test_corrections_over_three_months(billing: Billing) -> None:
    acme = billing.make()
    billing.use(acme, "2026-01-30", usd("10"), model="m/one")
    billing.seal(acme, "2026-01-30")
    first = billing.close(acme, "2026-01")
    assert first.net_pusd == usd("10")

    # A late entry and an adjustment reach January while February goes on.
    billing.at("2026-02-10T12:00:00")
    billing.use(acme, "2026-01-30", usd("0.5"), model="m/one")
    billing.use(acme, "2026-01-30", usd("0.25"), model="several", source=Source.ADJUSTMENT)
    billing.use(acme, "2026-02-01", usd("3"), model="m/one")
    billing.at("2026-03-03T12:00:00")
    billing.seal(acme, "2026-02-01")
    second = billing.close(acme, "2026-02")
    assert amounts(second) == [
        ("2026-02", "m/one", 1, usd("3")),
        ("2026-01", "m/one", 1, usd("0.5")),
        ("2026-01", "several", 1, usd("0.25")),
    ]
    assert [line.reason for line in second.lines] == [
        "",
        "1 call settled after the closing, of 2026-01-30",
        "1 adjustment to the provider's figures, of 2026-01-30",
    ]
    assert second.net_pusd == usd("3.75")

    # January and February both move once more; only what was not stated yet is stated.
    billing.at("2026-03-05T12:00:00")
    billing.use(acme, "2026-01-30", usd("0.01"), model="m/one")
    billing.use(acme, "2026-02-01", usd("0.02"), model="m/two")
    billing.at("2026-04-03T12:00:00")
    third = billing.close(acme, "2026-03")
    assert amounts(third) == [
        ("2026-01", "m/one", 1, usd("0.01")),
        ("2026-02", "m/two", 1, usd("0.02")),
    ]
    assert {line.kind for line in third.lines} == {LineKind.CORRECTION}
    billing.at("2026-05-03T12:00:00")
    assert billing.close(acme, "2026-04").lines == ()
    stated = sum(one.net_pusd for one in (first, second, third))
    assert stated == usd("10") + usd("0.75") + usd("3") + usd("0.03")
    assert billing.statements.get(first.id).net_pusd == usd("10")


def test_months_are_closed_in_order_and_once(billing: Billing) -> None:
    acme = billing.make()
    billing.at("2026-05-03T12:00:00")
    billing.close(acme, "2026-02")
    with pytest.raises(Conflict, match="2026-02 has its statement already"):
        billing.close(acme, "2026-02")
    with pytest.raises(Conflict, match="2026-02 has its statement already"):
        billing.statements.draft(acme, "2026-02")
    with pytest.raises(Conflict, match="2026-03 has to be closed first"):
        billing.close(acme, "2026-04")
    with pytest.raises(Conflict, match="the first statement is of 2026-02"):
        billing.close(acme, "2026-01")
    assert billing.close(acme, "2026-03").number == "S2026-0002"
    other = billing.make("Other")
    assert billing.close(other, "2026-04").number == "S2026-0003"


def test_numbers_begin_anew_each_year_and_keep_the_prefix_of_then(billing: Billing) -> None:
    acme = billing.make()
    billing.at("2026-12-31T23:30:00")
    billing.facts = replace(billing.facts, time_zone="Europe/Warsaw", prefix="R/")
    assert billing.close(acme, "2026-01").number == "R/2027-0001"
    billing.facts = replace(billing.facts, time_zone="UTC", prefix="S")
    assert billing.close(acme, "2026-02").number == "S2026-0001"


@pytest.mark.parametrize(
    ("zone", "too_early", "in_time"),
    [
        ("UTC", "2026-02-01T00:59:59", "2026-02-01T01:00:00"),
        ("Pacific/Kiritimati", "2026-01-31T10:59:59", "2026-01-31T11:00:00"),
        ("America/New_York", "2026-02-01T05:59:59", "2026-02-01T06:00:00"),
    ],
)
def test_a_month_ends_in_the_organizations_zone(
    billing: Billing, zone: str, too_early: str, in_time: str
) -> None:
    acme = billing.make(zone=zone)
    billing.at(too_early)
    with pytest.raises(Conflict, match="is not over in"):
        billing.close(acme, "2026-01", force_reason="no force helps")
    billing.at(in_time)
    assert billing.close(acme, "2026-01").time_zone == zone


def test_days_have_to_be_sealed(billing: Billing) -> None:
    acme = billing.make()
    billing.use(acme, "2026-01-05", 1)
    billing.use(acme, "2026-01-31", 1)
    with pytest.raises(Conflict, match="2 days of 2026-01 are not sealed yet"):
        billing.close(acme, "2026-01", force_reason="no force helps")
    billing.seal(acme, "2026-01-05", "2026-01-31")
    billing.use(acme, "2026-02-01", 1)  # which is another month's affair
    assert billing.close(acme, "2026-01").net_pusd == 2


def test_days_have_to_be_compared_or_an_admin_says_why_not(billing: Billing) -> None:
    acme, other = billing.make(), billing.make("Other")
    billing.management_key = "a key"
    billing.keys_since("2025-12-01")
    billing.at("2026-02-01T13:00:00")
    billing.compare("2026-01-01", "2026-01-29")
    billing.compare("2026-01-30", "2026-01-30", next_at_ms=5)
    with pytest.raises(Conflict) as caught:
        billing.close(acme, "2026-01")
    assert "not compared with OpenRouter's figures: 2026-01-30 to 2026-01-31" in str(caught.value)
    forced = billing.close(acme, "2026-01", force_reason=" the client leaves today ")
    assert forced.forced_reason == "the client leaves today"
    assert billing.audited("statement.closed")[0]["force_reason"] == "the client leaves today"

    billing.compare("2026-01-30", "2026-01-31")
    line = ReconciliationRecord(
        day=date(2026, 1, 7),
        key_hash="k",
        organization_id=other,
        finding=Finding.UNEXPLAINED,
        reason="",
        is_below=False,
        captured=Figures(),
        adjusted_pusd=0,
        provider=Figures(raw_pusd=5),
    )
    billing.runs.save(line)
    with pytest.raises(Conflict, match="nobody has explained: 2026-01-07"):
        billing.close(other, "2026-01")
    billing.runs.save(replace(line, finding=Finding.WAITING))
    with pytest.raises(Conflict, match="still being settled: 2026-01-07"):
        billing.close(other, "2026-01")
    billing.runs.save(replace(line, finding=Finding.ADJUSTED))
    closed = billing.close(other, "2026-01", force_reason="not needed")
    assert (closed.forced_reason, closed.notes) == ("", ())


def test_days_that_nobody_can_compare_any_more_are_named(billing: Billing) -> None:
    acme = billing.make(zone="Europe/Warsaw")
    billing.management_key = "a key"
    billing.keys_since("2026-01-03")
    billing.compare("2026-01-05", "2026-01-31")
    billing.at("2026-02-20T12:00:00")
    closed = billing.close(acme, "2026-01")
    [note] = closed.notes
    assert note.endswith("not there to compare with, of these UTC days: 2025-12-31 to 2026-01-04.")


def test_other_currencies_are_rounded_once(billing: Billing) -> None:
    acme = billing.make(currency="JPY")
    for _ in range(3):
        billing.use(acme, "2026-01-30", usd("0.0033"), model="m")
    billing.seal(acme, "2026-01-30")
    billing.enter("JPY", "2026-01-31", "151.5151515151")
    closed = billing.close(acme, "2026-01")
    # 0.0099 × 151.5… = 1.49999…; each line rounded by itself would be three times one yen or none.
    assert (closed.currency, closed.total) == ("JPY", Decimal(1))
    assert closed.rate is not None
    assert (closed.rate.rate, closed.rate.day) == (Decimal("151.5151515151"), date(2026, 1, 31))
    assert billing.statements.get(closed.id).rate is not None


def test_without_a_rate_nothing_is_closed(billing: Billing) -> None:
    acme = billing.make(currency="PLN")
    with pytest.raises(Conflict) as caught:
        billing.close(acme, "2026-01")
    assert "there is no rate of PLN for 2026-01-31" in str(caught.value)
    assert "enter a rate of PLN for 2026-01-31" in str(caught.value)
    draft = billing.statements.draft(acme, "2026-01")
    assert (draft.total, draft.rate) == (None, None)
    billing.enter("PLN", "2026-01-31", "3.5")
    assert billing.close(acme, "2026-01").number == "S2026-0001"


def test_a_currency_that_does_not_exist_is_named(billing: Billing) -> None:
    acme = billing.make(currency="XYZ")
    with pytest.raises(Conflict, match="'XYZ'"):
        billing.close(acme, "2026-01")


def test_drafts_of_a_month_leave_out_what_is_closed(billing: Billing) -> None:
    acme, other = billing.make(), billing.make("Other")
    billing.close(acme, "2026-01")
    wanted = StatementFilter(month="2026-01")
    drafts, _ = billing.statements.drafts(wanted, offset=0, limit=10)
    assert [draft.organization_id for draft in drafts] == [other]
    one = replace(wanted, organization_id=other)
    assert billing.statements.drafts(one, offset=0, limit=10)[1] == 1
    with pytest.raises(BadInput, match="month"):
        billing.statements.drafts(StatementFilter(), offset=0, limit=10)


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "26-01", "2026-1", "2026-01-01", "", "x"])
def test_texts_that_are_no_month(billing: Billing, month: str) -> None:
    acme = billing.make()
    for ask in (billing.statements.draft, billing.close):
        with pytest.raises(BadInput, match="month"):
            ask(acme, month)
    with pytest.raises(BadInput, match="month"):
        billing.statements.page(StatementFilter(month=month), offset=0, limit=1)


def test_what_cannot_be_stated(billing: Billing) -> None:
    acme = billing.make()
    with pytest.raises(BadInput, match="a month that has begun"):
        billing.statements.draft(acme, "2026-03")
    with pytest.raises(NotFound, match="'nobody'"):
        billing.close("nobody", "2026-01")
    with pytest.raises(BadInput, match="client_id"):
        billing.close(UNASSIGNED, "2026-01")
    with pytest.raises(NotFound, match="'nothing'"):
        billing.statements.get("nothing")
    for reason in ("", "  ", "x" * 501, "a\nb"):
        with pytest.raises(BadInput, match="force_reason"):
            billing.statements.close(acme, "2026-01", actor=ADMIN, force_reason=reason)
    assert billing.told() == []

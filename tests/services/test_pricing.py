"""Prices as an admin sets them: never into the past, never unseen, and tried before."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.metering.pricing import price_of
from mai_usage_ext.ports import Actor, AuditFilter
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.pricing import ModelPreview, PricePreview, Pricing
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.models import CELL_SUMS, ClientLiveCounter
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.pricing import PriceRows
from mai_usage_ext.storage.sessions import transaction, write
from tests.conftest import ON_SQLITE

GRACE = Actor(kind="user", id="grace", address="192.0.2.7")
# In Warsaw February has begun.
NOW_MS = int(datetime(2026, 1, 31, 23, 30, tzinfo=UTC).timestamp() * 1000)
LATER_MS = NOW_MS + 86_400_000


class HandClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.at_ms = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def audit(db: Database, clock: HandClock) -> Audit:
    return Audit(AuditRows(db), clock=clock)


@pytest.fixture
def pricing(db: Database, audit: Audit, clock: HandClock) -> Pricing:
    return Pricing(
        PriceRows(db),
        organizations=OrganizationRows(db),
        audit=audit,
        unit_of_work=lambda: transaction(db),
        clock=clock,
    )


@pytest.fixture
def acme(db: Database) -> str:
    made = OrganizationRows(db).create(
        name="Acme",
        time_zone="Europe/Warsaw",
        rate_micro=1_300_000,
        billing_currency="USD",
        now_ms=NOW_MS - 1_000_000,
    )
    return made.id


def history(audit: Audit) -> list[tuple[str, Any, Any]]:
    records, _ = audit.page(AuditFilter(target_kind="price"), offset=0, limit=100)
    return [(record.action, record.before, record.after) for record in reversed(records)]


def test_a_price_from_now_on(pricing: Pricing, audit: Audit, acme: str) -> None:
    (before,) = pricing.rules(acme)
    added = pricing.add(
        organization_id=acme,
        model_pattern="anthropic/*",
        markup_rate="1.5",
        fixed_fee="0.001",
        actor=GRACE,
    )
    assert (added.effective_from_ms, added.rate_micro) == (NOW_MS, 1_500_000)
    assert (added.fee_pusd, added.model_pattern) == (1_000_000_000, "anthropic/*")
    assert list(pricing.rules(acme)) == [before, added]
    assert pricing.rules(None) == []
    assert history(audit) == [
        (
            "price.added",
            None,
            {
                "organization_id": acme,
                "model_pattern": "anthropic/*",
                "effective_from_ms": NOW_MS,
                "markup_rate": "1.5",
                "fixed_fee": "0.001",
            },
        )
    ]
    (record,), _ = audit.page(AuditFilter(action="price.added"), offset=0, limit=1)
    assert (record.actor, record.target_id) == (GRACE, str(added.id))


def test_a_price_for_everybody(pricing: Pricing, acme: str) -> None:
    added = pricing.add(organization_id=None, markup_rate=2, actor=GRACE)
    assert list(pricing.rules(None)) == [added]
    assert added in pricing.all_rules()
    assert len(pricing.rules(acme)) == 1


def test_two_prices_within_one_millisecond_follow_each_other(pricing: Pricing, acme: str) -> None:
    begins = [
        pricing.add(organization_id=acme, markup_rate=rate, actor=GRACE).effective_from_ms
        for rate in ("1.4", "1.5", "1.6")
    ]
    assert begins == [NOW_MS, NOW_MS + 1, NOW_MS + 2]
    assert price_of(pricing.rules(acme), "m", at_ms=NOW_MS + 2).rate_micro == 1_600_000


def test_prices_set_by_many_at_once_all_stand(pricing: Pricing, audit: Audit, acme: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        added = list(
            pool.map(
                lambda rate: pricing.add(organization_id=acme, markup_rate=rate, actor=GRACE),
                range(2, 8),
            )
        )
    assert {rule.effective_from_ms for rule in added} == set(range(NOW_MS, NOW_MS + 6))
    assert {rule.rate_micro for rule in pricing.rules(acme)} > {rule.rate_micro for rule in added}
    assert len(history(audit)) == 6
    assert audit.verify().is_intact


def test_the_same_planned_price_twice_is_a_conflict(
    pricing: Pricing, audit: Audit, acme: str
) -> None:
    planned: dict[str, Any] = {"organization_id": acme, "effective_from_ms": LATER_MS}
    pricing.add(markup_rate="1.4", actor=GRACE, **planned)
    with pytest.raises(Conflict) as raised:
        pricing.add(markup_rate="1.5", model_pattern="*", actor=GRACE, **planned)
    assert raised.value.field == "effective_from"
    pricing.add(markup_rate="1.5", model_pattern="a/*", actor=GRACE, **planned)
    assert len(history(audit)) == 2


def test_a_caller_whose_clock_lags_a_little_means_now(pricing: Pricing, acme: str) -> None:
    added = pricing.add(
        organization_id=acme, effective_from_ms=NOW_MS - 60_000, markup_rate=2, actor=GRACE
    )
    assert added.effective_from_ms == NOW_MS


@ON_SQLITE
@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("effective_from", {"effective_from_ms": NOW_MS - 60_001}),
        ("effective_from", {"effective_from_ms": -1}),
        ("effective_from", {"effective_from_ms": 253_370_764_800_000}),
        ("effective_from", {"effective_from_ms": 10**30}),
        ("effective_from", {"effective_from_ms": True}),
        ("effective_from", {"effective_from_ms": "2026-02-01"}),
        ("markup_rate", {"markup_rate": "0.99"}),
        ("markup_rate", {"markup_rate": "0.99", "allow_loss": "yes"}),
        ("markup_rate", {"markup_rate": "-1", "allow_loss": True}),
        ("markup_rate", {"markup_rate": "1.2345678"}),
        ("markup_rate", {"markup_rate": "NaN"}),
        ("markup_rate", {"markup_rate": 1.3}),
        ("markup_rate", {"markup_rate": None}),
        ("fixed_fee", {"fixed_fee": "-0.01"}),
        ("fixed_fee", {"fixed_fee": "1000.01"}),
        ("fixed_fee", {"fixed_fee": "0.0000000000001"}),
        ("fixed_fee", {"fixed_fee": None}),
        ("model_pattern", {"model_pattern": ""}),
        ("model_pattern", {"model_pattern": "<b>?"}),
        ("model_pattern", {"model_pattern": 7}),
    ],
)
def test_bad_input_names_its_field_and_writes_nothing(
    pricing: Pricing, audit: Audit, acme: str, field: str, wanted: dict[str, Any]
) -> None:
    before = list(pricing.all_rules())
    with pytest.raises(BadInput, match=f"^{field} is ") as raised:
        pricing.add(**{"organization_id": acme, "markup_rate": "1.3", "actor": GRACE, **wanted})
    assert raised.value.field == field
    assert list(pricing.all_rules()) == before
    assert history(audit) == []


def test_a_loss_has_to_be_meant(pricing: Pricing, acme: str) -> None:
    with pytest.raises(BadInput, match="allow_loss"):
        pricing.add(organization_id=acme, markup_rate="0.9", actor=GRACE)
    added = pricing.add(organization_id=acme, markup_rate="0.9", allow_loss=True, actor=GRACE)
    assert added.rate_micro == 900_000


@pytest.mark.parametrize(
    "ask",
    [
        lambda pricing: pricing.rules("nope"),
        lambda pricing: pricing.add(organization_id="nope", markup_rate=2, actor=GRACE),
        lambda pricing: pricing.preview(organization_id="nope", markup_rate=2),
    ],
)
def test_an_unknown_organization(pricing: Pricing, ask: Callable[[Pricing], object]) -> None:
    with pytest.raises(NotFound, match="no organization 'nope'"):
        ask(pricing)
    assert pricing.all_rules() == []


def test_only_a_price_that_does_not_hold_yet_is_taken_back(
    pricing: Pricing, audit: Audit, clock: HandClock, acme: str
) -> None:
    planned = pricing.add(
        organization_id=acme, effective_from_ms=LATER_MS, markup_rate="1.4", actor=GRACE
    )
    pricing.remove(planned.id, actor=GRACE)
    assert planned not in pricing.all_rules()
    action, before, after = history(audit)[-1]
    assert (action, before["markup_rate"], after) == ("price.removed", "1.4", None)
    with pytest.raises(NotFound, match="no price"):
        pricing.remove(planned.id, actor=GRACE)

    again = pricing.add(
        organization_id=acme, effective_from_ms=LATER_MS, markup_rate="1.4", actor=GRACE
    )
    clock.at_ms = LATER_MS
    with pytest.raises(Conflict, match="in force"):
        pricing.remove(again.id, actor=GRACE)
    assert again in pricing.rules(acme)
    assert [action for action, _, _ in history(audit)].count("price.removed") == 1


@pytest.mark.parametrize("number", [0, -1, 99, 2**63, 10**30])
def test_a_price_that_was_never_there(pricing: Pricing, number: int) -> None:
    with pytest.raises(NotFound, match=f"no price {number}"):
        pricing.remove(number, actor=GRACE)


def book(
    db: Database, organization: str, day: date, model: str, *, requests: int, raw: int, billed: int
) -> None:
    sums = {**dict.fromkeys(CELL_SUMS, 0), "requests": requests}
    cell = ClientLiveCounter.insert(
        organization_id=organization,
        day=day,
        user_id="ada",
        model=model,
        provider="Acme",
        purpose="chat",
        **{**sums, "raw_pusd": raw, "billed_pusd": billed},
    )
    with transaction(db):
        write(db, cell)


@pytest.fixture
def used(db: Database, acme: str) -> str:
    """An organization whose last month, in its own zone, is January."""
    january = date(2026, 1, 31)
    book(db, acme, january, "openai/gpt-4o", requests=3, raw=1_000_001, billed=1_300_001)
    book(db, acme, january, "anthropic/claude", requests=2, raw=5, billed=7)
    book(db, acme, january, "meta/llama", requests=0, raw=0, billed=0)
    book(db, acme, date(2026, 2, 1), "openai/gpt-4o", requests=1, raw=10, billed=13)
    return acme


def test_a_change_for_every_model_tried_on_last_month(pricing: Pricing, used: str) -> None:
    preview = pricing.preview(organization_id=used, markup_rate="1.5", fixed_fee="0.000000000002")
    assert preview == PricePreview(
        organization_id=used,
        month="2026-01",
        models=(
            # 5 × 1.5 = 7.5, half-even 8, and two fees of 2.
            ModelPreview(
                model="anthropic/claude", requests=2, raw_pusd=5, billed_pusd=7,
                new_billed_pusd=12, is_affected=True,
            ),
            ModelPreview(
                model="meta/llama", requests=0, raw_pusd=0, billed_pusd=0,
                new_billed_pusd=0, is_affected=True,
            ),
            # 1,500,001.5 goes to the even 1,500,002.
            ModelPreview(
                model="openai/gpt-4o", requests=3, raw_pusd=1_000_001, billed_pusd=1_300_001,
                new_billed_pusd=1_500_008, is_affected=True,
            ),
        ),
    )  # fmt: skip
    assert (preview.requests, preview.raw_pusd) == (5, 1_000_006)
    assert (preview.billed_pusd, preview.new_billed_pusd) == (1_300_008, 1_500_020)
    assert preview.difference_pusd == 200_012
    assert [model.difference_pusd for model in preview.models] == [5, 0, 200_007]


def affected(preview: PricePreview) -> list[str]:
    return [model.model for model in preview.models if model.is_affected]


def test_models_that_the_change_does_not_decide_stay_as_booked(pricing: Pricing, used: str) -> None:
    narrow = pricing.preview(organization_id=used, model_pattern="openai/*", markup_rate="1.1")
    assert affected(narrow) == ["openai/gpt-4o"]
    assert narrow.difference_pusd == 1_100_001 - 1_300_001
    assert narrow.models[0].new_billed_pusd == 7

    # A rule in force that is more specific keeps its model, a planned one does not yet.
    pricing.add(organization_id=used, model_pattern="openai/gpt-4o", markup_rate="1.2", actor=GRACE)
    pricing.add(
        organization_id=used,
        model_pattern="anthropic/claude",
        effective_from_ms=LATER_MS,
        markup_rate="1.2",
        actor=GRACE,
    )
    # Nor does one for everybody, however specific.
    pricing.add(organization_id=None, model_pattern="meta/llama", markup_rate="9", actor=GRACE)
    wide = pricing.preview(organization_id=used, markup_rate="1.5")
    assert affected(wide) == ["anthropic/claude", "meta/llama"]
    assert affected(
        pricing.preview(organization_id=used, model_pattern="openai/*", markup_rate="1.5")
    ) == []  # fmt: skip


def test_a_preview_replaces_the_rule_of_this_very_instant(pricing: Pricing, used: str) -> None:
    pricing.add(organization_id=used, markup_rate="1.2", actor=GRACE)
    assert len(affected(pricing.preview(organization_id=used, markup_rate="1.5"))) == 3


def test_a_preview_changes_nothing_and_may_show_a_loss(
    pricing: Pricing, audit: Audit, used: str
) -> None:
    before = list(pricing.all_rules())
    preview = pricing.preview(organization_id=used, markup_rate="0")
    assert (preview.new_billed_pusd, preview.difference_pusd) == (0, -1_300_008)
    assert list(pricing.all_rules()) == before
    assert history(audit) == []


@pytest.mark.parametrize(
    ("month", "requests"), [("2026-02", 1), ("2026-01", 5), ("2025-12", 0), ("0001-01", 0)]
)
def test_a_month_by_name(pricing: Pricing, used: str, month: str, requests: int) -> None:
    preview = pricing.preview(organization_id=used, markup_rate="1", month=month)
    assert (preview.month, preview.requests) == (month, requests)


@ON_SQLITE
@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("month", {"month": "2026-03"}),
        ("month", {"month": "9999-12"}),
        ("month", {"month": "2026-1"}),
        ("month", {"month": "2026-13"}),
        ("month", {"month": "0000-01"}),
        ("month", {"month": "٢٠٢٦-01"}),
        ("month", {"month": ""}),
        ("month", {"month": 202601}),
        ("markup_rate", {"markup_rate": "x"}),
        ("fixed_fee", {"fixed_fee": "-1"}),
        ("model_pattern", {"model_pattern": "a b"}),
    ],
)  # fmt: skip
def test_a_preview_of_nonsense(
    pricing: Pricing, acme: str, field: str, wanted: dict[str, Any]
) -> None:
    with pytest.raises(BadInput, match=f"^{field} is ") as raised:
        pricing.preview(**{"organization_id": acme, "markup_rate": "1.3", **wanted})
    assert raised.value.field == field

"""Rates that are entered and fetched, and the one a statement takes."""

from datetime import date
from decimal import Decimal

import pytest
from peewee import Database

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.guard import tally
from mai_usage_ext.ports.rates import QuotedRate, RateKind
from tests.services.billing_rig import ADMIN, Billing

END = date(2026, 1, 31)  # a Saturday


@pytest.fixture
def billing(db: Database) -> Billing:
    made = Billing(db)
    made.kinds = {"PLN": RateKind.NBP, "EUR": RateKind.ECB, "CHF": RateKind.ECB}
    return made


def quoted(currency: str, day: str, rate: str) -> QuotedRate:
    return QuotedRate(
        currency=currency, day=date.fromisoformat(day), rate=Decimal(rate), note="table"
    )


async def test_what_is_fetched_is_what_organizations_are_billed_in(billing: Billing) -> None:
    billing.make("A", currency="PLN")
    billing.make("B", currency="EUR")
    billing.make("C", currency="EUR")
    billing.make("D", currency="SEK")  # entered by hand
    billing.make("E")
    billing.nbp.rates = [quoted("PLN", "2026-01-30", "3.58"), quoted("PLN", "2026-02-02", "3.6")]
    billing.ecb.rates = [quoted("EUR", "2026-01-30", "0.85")]
    assert await billing.rates.run_once() == 3
    assert billing.nbp.asked == [(["PLN"], date(2025, 12, 20), date(2026, 2, 3))]
    assert billing.ecb.asked == [(["EUR"], date(2025, 12, 20), date(2026, 2, 3))]
    # The next look begins behind what is there, and ends with nothing new.
    assert await billing.rates.run_once() == 0
    assert billing.nbp.asked[1] == (["PLN"], date(2026, 2, 3), date(2026, 2, 3))
    assert billing.ecb.asked[1] == (["EUR"], date(2026, 1, 31), date(2026, 2, 3))
    rates, total = billing.rates.page(currency=None, source=None, offset=0, limit=10)
    assert total == 3
    assert [(one.currency, str(one.day)) for one in rates] == [
        ("PLN", "2026-02-02"),
        ("EUR", "2026-01-30"),
        ("PLN", "2026-01-30"),
    ]


async def test_a_bank_that_is_away_holds_up_no_other(billing: Billing) -> None:
    billing.make("A", currency="PLN")
    billing.make("B", currency="EUR")
    billing.ecb.is_away = True
    billing.nbp.rates = [quoted("PLN", "2026-01-30", "3.58")]
    assert await billing.rates.run_once() == 1
    assert tally["rates not fetched"] == 1


async def test_a_weekend_takes_the_friday_once_monday_is_known(billing: Billing) -> None:
    billing.make("A", currency="PLN")
    billing.at("2026-02-01T12:00:00")
    billing.nbp.rates = [quoted("PLN", "2026-01-30", "3.58"), quoted("PLN", "2026-02-02", "3.6")]
    await billing.rates.run_once()
    with pytest.raises(Conflict) as caught:
        billing.rates.required("PLN", END)
    assert "whether NBP publishes a rate of PLN for 2026-01-31 is not known yet" in str(
        caught.value
    )
    billing.at("2026-02-02T12:00:00")
    await billing.rates.run_once()
    assert billing.rates.required("PLN", END).day == date(2026, 1, 30)
    # What an admin enters for the day itself goes before what a bank says, and needs no waiting.
    billing.enter("PLN", "2026-01-31", "3.7")
    assert billing.rates.required("PLN", END).rate == Decimal("3.7")
    billing.enter("PLN", "2026-01-30", "9")
    billing.rates.remove(currency="PLN", day=END, actor=ADMIN)
    assert billing.rates.required("PLN", END).rate == Decimal(9)


@pytest.mark.parametrize(("day", "is_there"), [("2026-01-21", True), ("2026-01-20", False)])
def test_a_rate_is_too_old_after_ten_days(billing: Billing, day: str, is_there: bool) -> None:
    billing.enter("SEK", day, "9.1")
    if is_there:
        assert billing.rates.required("SEK", END).rate == Decimal("9.1")
        return
    with pytest.raises(Conflict, match="there is no rate of SEK for 2026-01-31 or the 10 days"):
        billing.rates.required("SEK", END)


def test_entering_and_removing_is_audited(billing: Billing) -> None:
    billing.enter("EUR", "2026-01-31", "0.9")
    billing.enter("EUR", "2026-01-31", "0.91")
    billing.rates.remove(currency="EUR", day=END, actor=ADMIN)
    assert billing.audited("rate.entered") == [
        {"rate": "0.9", "note": ""},
        {"rate": "0.91", "note": ""},
    ]
    assert len(billing.audited("rate.removed")) == 1
    with pytest.raises(NotFound, match="'EUR' for 2026-01-31"):
        billing.rates.remove(currency="EUR", day=END, actor=ADMIN)


@pytest.mark.parametrize(
    ("currency", "day", "rate", "note", "field"),
    [
        ("XXX", "2026-01-31", "1", "", "currency"),
        ("USD", "2026-01-31", "1", "", "currency"),
        ("EUR", "2026-02-05", "1", "", "date"),
        ("EUR", "2026-01-31", "0", "", "rate"),
        ("EUR", "2026-01-31", "1", "a\nb", "note"),
        ("EUR", "2026-01-31", "1", "x" * 201, "note"),
    ],
)
def test_what_cannot_be_entered(
    billing: Billing, currency: str, day: str, rate: str, note: str, field: str
) -> None:
    with pytest.raises(BadInput, match=f"^{field} "):
        billing.rates.enter(
            currency=currency, day=date.fromisoformat(day), rate=rate, note=note, actor=ADMIN
        )
    assert billing.rates.page(currency=None, source=None, offset=0, limit=1) == ([], 0)


def test_an_unknown_currency_is_named(billing: Billing) -> None:
    with pytest.raises(BadInput, match="currency is 'ZZZ'"):
        billing.rates.required("ZZZ", END)

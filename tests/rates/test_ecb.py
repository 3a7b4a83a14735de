"""The ECB's files, whole, broken and slow."""

from datetime import date
from decimal import Decimal

import pytest

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.rates import EcbRates
from tests.rates.conftest import BankServer
from tests.rates.recorded import ECB_90_DAYS, ECB_DAILY, HTML

DAILY, HISTORY = "/eurofxref-daily.xml", "/eurofxref-hist-90d.xml"
SINCE, TODAY = date(2026, 1, 1), date(2026, 2, 2)
WANTED = ["EUR", "JPY", "KES", "PLN"]


@pytest.fixture(autouse=True)
def answering(bank: BankServer) -> None:
    bank.answers[DAILY] = (200, "text/xml", ECB_DAILY)
    bank.answers[HISTORY] = (200, "text/xml", ECB_90_DAYS)


async def test_rates_are_crossed_through_the_euro(bank: BankServer) -> None:
    found = await EcbRates(bank.url).published(WANTED, since=SINCE, today=TODAY)
    assert bank.asked == [HISTORY]
    by_day = {(one.currency, one.day.isoformat()): one for one in found}
    # What it does not quote is left out, and there is nothing of the weekend.
    assert set(by_day) == {
        (currency, day)
        for currency in ("EUR", "JPY", "PLN")
        for day in ("2026-01-30", "2026-02-02")
    }
    pln = by_day["PLN", "2026-01-30"]
    assert pln.rate == Decimal("3.53242722")  # 4.2103 ÷ 1.1919
    assert pln.note == "ECB reference rates: 1 EUR = 1.1919 USD = 4.2103 PLN"
    assert by_day["EUR", "2026-02-02"].rate == Decimal("0.84459459")
    assert by_day["JPY", "2026-02-02"].rate == Decimal("155.05912162")


@pytest.mark.parametrize("since", [date(2026, 2, 1), date(2026, 2, 2)])
async def test_the_small_file_does_where_one_day_is_missing(bank: BankServer, since: date) -> None:
    found = await EcbRates(bank.url).published(["EUR"], since=since, today=TODAY)
    assert bank.asked == [DAILY]
    assert [one.day for one in found] == [TODAY]


async def test_days_outside_are_left_out(bank: BankServer) -> None:
    found = await EcbRates(bank.url).published(["EUR"], since=SINCE, today=date(2026, 2, 1))
    assert [one.day for one in found] == [date(2026, 1, 30)]


BILLION_LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, HTML, "a web page"),
        (200, b"", "no list of rates"),
        (200, b"<html></html>", "no day with rates"),
        (200, BILLION_LAUGHS, "entities"),
        (200, ECB_90_DAYS[:400], "no list of rates"),
        (200, ECB_90_DAYS.replace(b'"1.1919"', b'"0"'), "no list of rates"),
        (200, ECB_90_DAYS.replace(b'"183.12"', b'"N/A"'), "no list of rates"),
        (200, ECB_90_DAYS.replace(b'"2026-01-30"', b'"30.1.26"'), "no list of rates"),
        (200, ECB_90_DAYS.replace(b"USD", b"XYZ"), "lacks USD"),
        (200, b"\xff\xfe\x00", "not text"),
        (200, b" " * 5_000_001, "longer than"),
        (404, b"", "there is no"),
        (503, b"", "503"),
        (302, b"", "302"),
    ],
)
async def test_what_is_no_list_of_rates(
    bank: BankServer, status: int, body: bytes, words: str
) -> None:
    bank.answers[HISTORY] = (status, "text/xml", body)
    with pytest.raises(UpstreamError, match=words):
        await EcbRates(bank.url).published(WANTED, since=SINCE, today=TODAY)


async def test_a_bank_that_never_ends_or_is_not_there(bank: BankServer) -> None:
    bank.is_slow = True
    with pytest.raises(UpstreamError, match="no answer"):
        await EcbRates(bank.url, total_s=0.2).published(WANTED, since=SINCE, today=TODAY)
    with pytest.raises(UpstreamError, match="no answer"):
        await EcbRates("http://127.0.0.1:1").published(WANTED, since=SINCE, today=TODAY)

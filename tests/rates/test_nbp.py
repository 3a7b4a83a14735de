"""NBP's tables C and A."""

from datetime import date
from decimal import Decimal

import pytest

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.rates import NbpRates
from tests.rates.conftest import BankServer
from tests.rates.recorded import HTML, NBP_A, NBP_C

SINCE, TODAY = date(2026, 1, 20), date(2026, 2, 2)
TABLE_C = "/exchangerates/rates/c/usd/2026-01-20/2026-02-02/"
TABLE_A = "/exchangerates/rates/a/usd/2026-01-20/2026-02-02/"
JSON = "application/json"


async def test_table_c_has_what_dollars_are_sold_for(bank: BankServer) -> None:
    bank.answers = {TABLE_C: (200, JSON, NBP_C), TABLE_A: (200, JSON, NBP_A)}
    found = await NbpRates(bank.url).published(["EUR", "PLN"], since=SINCE, today=TODAY)
    assert bank.asked == [f"{TABLE_C}?format=json"]
    assert [(one.currency, one.day, one.rate, one.note) for one in found] == [
        ("PLN", date(2026, 1, 30), Decimal("3.5709"), "NBP table 020/C/NBP/2026, selling rate"),
        ("PLN", date(2026, 2, 2), Decimal("3.5833"), "NBP table 021/C/NBP/2026, selling rate"),
    ]


async def test_table_a_where_table_c_has_none_of_the_days(bank: BankServer) -> None:
    bank.answers = {TABLE_A: (200, JSON, NBP_A)}
    [found] = await NbpRates(bank.url).published(["PLN"], since=SINCE, today=TODAY)
    assert (found.rate, found.note) == (Decimal("3.5379"), "NBP table 020/A/NBP/2026, middle rate")


async def test_a_weekend_has_nothing(bank: BankServer) -> None:
    assert await NbpRates(bank.url).published(["PLN"], since=SINCE, today=TODAY) == ()
    assert len(bank.asked) == 2


async def test_nobody_is_asked_about_other_currencies(bank: BankServer) -> None:
    assert await NbpRates(bank.url).published(["EUR"], since=SINCE, today=TODAY) == ()
    assert bank.asked == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, HTML, "no list of rates"),
        (200, b"[]", "no list of rates"),
        (200, b'{"code":"USD"}', "no list of rates"),
        (200, NBP_C.replace(b"USD", b"EUR"), "another currency"),
        (200, NBP_C.replace(b"3.5709", b"-1"), "no list of rates"),
        (200, NBP_C.replace(b"3.5709", b"NaN"), "no list of rates"),
        (200, NBP_C.replace(b'"ask"', b'"bid2"'), "no list of rates"),
        (200, NBP_C.replace(b"2026-01-30", b"yesterday"), "no list of rates"),
        (200, NBP_C.replace(b'"020/C/NBP/2026"', b"20"), "no number"),
        (400, b"400 BadRequest", "400"),
        (500, b"", "500"),
    ],
)
async def test_what_is_no_list_of_rates(
    bank: BankServer, status: int, body: bytes, words: str
) -> None:
    bank.answers = {TABLE_C: (status, JSON, body)}
    with pytest.raises(UpstreamError, match=words):
        await NbpRates(bank.url).published(["PLN"], since=SINCE, today=TODAY)


async def test_a_bank_that_never_ends(bank: BankServer) -> None:
    bank.answers, bank.is_slow = {TABLE_C: (200, JSON, NBP_C)}, True
    with pytest.raises(UpstreamError, match="no answer"):
        await NbpRates(bank.url, total_s=0.2).published(["PLN"], since=SINCE, today=TODAY)

"""The PDF of a statement, as a reader of PDFs sees it."""

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from mai_usage_ext import papers
from mai_usage_ext.metering.currencies import RULE
from mai_usage_ext.papers import StatementPaper
from mai_usage_ext.ports.statements import LineKind, Seller, Statement
from tests.papers.samples import make_line, make_statement

USAGE = (
    make_line("anthropic/claude-sonnet-4.5", 123_456_789_012_345),
    make_line("openai/gpt-5-mini", 98_000_000_120),
)
CORRECTION = make_line(
    "openai/gpt-5-mini",
    -1_200_000_000,
    kind=LineKind.CORRECTION,
    month="2025-12",
    reason="2 calls settled after the closing, of 2025-12-30",
)


def pages(statement: Statement) -> list[str]:
    reader = PdfReader(BytesIO(StatementPaper().pdf(statement)))
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def test_everything_stands_on_it() -> None:
    [text] = pages(make_statement(*USAGE, CORRECTION))
    for said in (
        "Statement",
        "S2026-0007",
        "Łączność Łódź sp. z o.o.",
        "Tax ID PL 725-000-00-00",
        "billing@example.com",
        "Żółta Kaczka S.A.",
        "faktury@kaczka.example",
        "Zofia Ćwiąkała · Finance",
        "January 2026",
        "2026-01-01 to 2026-01-31",
        "Europe/Warsaw",
        "2026-02-04",
        "anthropic/claude-sonnet-4.5",
        "12,345,678",
        "123.456789012345",
        "0.098000000120",
        "2025-12",
        "2 calls settled after the closing",
        "\N{MINUS SIGN}0.001200000000",
        "123.553589012465 USD",
        "1 USD = 3.5873 PLN",
        "443.22 PLN",
        "NBP table 020/C/NBP/2026, selling rate",
        RULE,
        "Payable within 14 days",
        "1 / 1",
    ):
        assert said in text, said
    assert "DRAFT" not in text


def test_lines_add_up_to_the_printed_total() -> None:
    lines = [make_line(f"m/{number}", 10**12 // 7 + number) for number in range(9)]
    [text] = pages(make_statement(*lines))
    amounts = re.findall(r"m/\d [\d,]+ [\d,]+ [\d,]+ (\d+)\.(\d{12})", text)
    assert len(amounts) == 9
    total = sum(int(whole) * 10**12 + int(fraction) for whole, fraction in amounts)
    assert f"{total // 10**12}.{total % 10**12:012d} USD" in text


def test_two_hundred_models_go_over_pages_with_the_head_on_each() -> None:
    lines = [make_line(f"maker/model-{number:03d}", number + 1) for number in range(200)]
    found = pages(make_statement(*lines, CORRECTION))
    assert len(found) > 3
    text = " ".join(found)
    assert all(line.model in text for line in lines)
    for number, page in enumerate(found, 1):
        assert f"{number} / {len(found)}" in page
        if "maker/model-" in page:
            assert "Tokens out" in page


def test_a_draft_says_so_on_each_page() -> None:
    lines = [make_line(f"m/{number}", 1) for number in range(60)]
    draft = make_statement(
        *lines, id="", number="", obstacles=("3 days of 2026-01 are not sealed yet",)
    )
    found = pages(draft)
    assert len(found) > 1
    assert all("DRAFT" in page for page in found)
    assert "Not final: 3 days of 2026-01 are not sealed yet." in found[-1]
    assert "Issued on" not in found[0]


def test_the_same_statement_is_the_same_file() -> None:
    statement = make_statement(*USAGE)
    one = StatementPaper().pdf(statement)
    assert StatementPaper().pdf(statement) == one
    assert StatementPaper().pdf(replace(statement, at_ms=statement.at_ms + 1000)) != one


def test_without_a_rate_or_a_seller_or_a_line() -> None:
    nothing = make_statement(seller=Seller(), rate=None, total=None, notes=("A note.",))
    [text] = pages(nothing)
    assert "Nothing was used." in text
    assert "not known yet" in text
    assert "A note." in text


def test_in_usd_there_is_no_rate() -> None:
    [text] = pages(make_statement(*USAGE, currency="USD", rate=None))
    assert "Rate of" not in text


def test_a_total_below_zero_is_in_the_buyers_favour() -> None:
    [text] = pages(make_statement(replace(CORRECTION, amounts=make_line("m", -(10**12)).amounts)))
    assert "Total in your favour" in text
    assert "\N{MINUS SIGN}3.59 PLN" in text


def test_what_was_forced_is_told() -> None:
    [text] = pages(make_statement(forced_reason="the client leaves today"))
    assert "because: the client leaves today" in text


@pytest.mark.parametrize(
    "name",
    [
        "🦆👩‍👩‍👧 Ducks",
        "株式会社",
        "شركة",
        "x" * 200,
        "ﬁ\u200b\u0301",
        "Ελλάς Україна",
        "\u202eevil",
    ],
)
def test_any_name_can_be_printed(name: str) -> None:
    statement = make_statement(*USAGE)
    found = pages(replace(statement, buyer=replace(statement.buyer, name=name)))
    assert len(found) == 1
    if name.startswith("Ελλάς"):
        assert name in found[0]


def test_the_fonts_are_small_and_come_with_their_licence() -> None:
    folder = Path(papers.__file__).parent / "fonts"
    assert sum(file.stat().st_size for file in folder.iterdir()) < 500_000
    assert "SIL OPEN FONT LICENSE" in (folder / "OFL.txt").read_text("utf-8")

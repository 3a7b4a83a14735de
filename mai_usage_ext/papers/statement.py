"""A statement as PDF: who owes whom how much for what, and how that was reckoned."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from fpdf.enums import Align

from mai_usage_ext.metering.currencies import RULE, USD
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.papers.sheet import GREY, Column, Sheet
from mai_usage_ext.ports.statements import LineKind, Statement, StatementLine
from mai_usage_ext.services.statement_months import days_of, month_name

__all__ = ["StatementPaper"]

_RIGHT_X, _RIGHT_WIDTH = 120.0, 70.0
_LEAST_DECIMALS = 2
_USAGE = (
    Column(title="Model", width=66),
    Column(title="Requests", width=20, is_number=True),
    Column(title="Tokens in", width=26, is_number=True),
    Column(title="Tokens out", width=26, is_number=True),
    Column(title="USD", width=32, is_number=True),
)
_CORRECTIONS = (
    Column(title="Model", width=66),
    Column(title="Month", width=20, is_number=True),
    Column(title="Requests", width=26, is_number=True),
    Column(title="Tokens", width=26, is_number=True),
    Column(title="USD", width=32, is_number=True),
)


class StatementPaper:
    """Implements ``ports.statements.StatementPrinter``."""

    def pdf(self, statement: Statement) -> bytes:
        return bytes(_printed(statement).output())


def _printed(one: Statement) -> Sheet:
    title = f"Statement {one.number}" if one.number else f"Draft of a statement, {one.month}"
    sheet = Sheet(
        title=title,
        at=datetime.fromtimestamp(one.at_ms / 1000, UTC),
        foot=" · ".join(filter(None, [one.seller.name, title])),
        mark="DRAFT" if one.is_draft else "",
    )
    _head(sheet, one)
    _lines(sheet, one)
    _totals(sheet, one)
    _words(sheet, one)
    return sheet


def _head(sheet: Sheet, one: Statement) -> None:
    top = sheet.get_y()
    seller = one.seller
    if seller.name:
        sheet.write_lines(seller.name, width=92, size=12, is_bold=True)
    said = [seller.address, seller.tax_id and f"Tax ID {seller.tax_id}", seller.email]
    for text in filter(None, said):
        sheet.write_lines(text, width=92, colour=GREY)
    left = sheet.get_y()
    sheet.set_y(top)
    for text, size in (("Draft" if one.is_draft else "Statement", 20), (one.number, 11)):
        if text:
            sheet.write_lines(
                text, x=_RIGHT_X, width=_RIGHT_WIDTH, size=size, is_bold=True, align=Align.R
            )
    below = max(left, sheet.get_y()) + 10
    sheet.set_y(below)
    _buyer(sheet, one)
    left = sheet.get_y()
    sheet.set_y(below)
    for name, text in _facts(one):
        y = sheet.get_y()
        sheet.write_lines(name, x=_RIGHT_X, width=26, size=8.5, colour=GREY)
        sheet.set_y(y)
        sheet.write_lines(text, x=_RIGHT_X + 26, width=44, size=8.5, align=Align.R)
    sheet.set_y(max(left, sheet.get_y()) + 10)


def _buyer(sheet: Sheet, one: Statement) -> None:
    sheet.write_lines("For", width=92, size=8.5, colour=GREY)
    sheet.write_lines(one.buyer.name, width=92, size=11, is_bold=True)
    if one.buyer.email:
        sheet.write_lines(one.buyer.email, width=92)
    for contact in one.buyer.contacts:
        words = (contact.get(name, "") for name in ("name", "role", "email", "phone"))
        sheet.write_lines(" · ".join(filter(None, words)), width=92, size=8.5, colour=GREY)


def _facts(one: Statement) -> list[tuple[str, str]]:
    first, last = days_of(one.month)
    return [
        ("Month", month_name(one.month)),
        ("Days", f"{first} to {last}"),
        ("Time zone", one.time_zone),
        ("As of" if one.is_draft else "Issued on", one.issued_on.isoformat()),
        ("Currency", one.currency),
    ]


def _lines(sheet: Sheet, one: Statement) -> None:
    decimals = max([_LEAST_DECIMALS, *(_decimals(line) for line in one.lines)])
    usage = [line for line in one.lines if line.kind is LineKind.USAGE]
    corrections = [line for line in one.lines if line.kind is LineKind.CORRECTION]
    sheet.write_lines(f"Usage in {month_name(one.month)}", size=10, is_bold=True)
    sheet.ln(1)
    if usage:
        _usage(sheet, usage, decimals)
    else:
        sheet.write_lines("Nothing was used.", colour=GREY)
    if corrections:
        sheet.keep_together(35)
        sheet.ln(4)
        sheet.write_lines("Corrections of earlier statements", size=10, is_bold=True)
        sheet.ln(1)
        _corrections(sheet, corrections, decimals)


def _usage(sheet: Sheet, lines: Sequence[StatementLine], decimals: int) -> None:
    sheet.begin_table(_USAGE)
    for line in lines:
        amounts = line.amounts
        numbers = (amounts.requests, amounts.prompt_tokens, amounts.completion_tokens)
        usd = _usd(amounts.billed_pusd, decimals)
        sheet.add_row([line.model, *map(_whole, numbers), usd])
    sheet.end_table()


def _corrections(sheet: Sheet, lines: Sequence[StatementLine], decimals: int) -> None:
    sheet.begin_table(_CORRECTIONS)
    for line in lines:
        amounts = line.amounts
        tokens = amounts.prompt_tokens + amounts.completion_tokens
        numbers = map(_whole, (amounts.requests, tokens))
        usd = _usd(amounts.billed_pusd, decimals)
        sheet.add_row([line.model, line.month, *numbers, usd], below=line.reason)
    sheet.end_table()


def _totals(sheet: Sheet, one: Statement) -> None:
    sheet.keep_together(40)
    sheet.ln(3)
    decimals = max([_LEAST_DECIMALS, *(_decimals(line) for line in one.lines)])
    _total(sheet, "Net total, exact", f"{_usd(one.net_pusd, decimals)} USD")
    if one.rate is not None:
        rate = f"1 USD = {format(one.rate.rate, 'f')} {one.currency}"
        _total(sheet, f"Rate of {one.rate.day}", rate)
    due = "not known yet" if one.total is None else f"{_comma(one.total)} {one.currency}"
    name = "Total" if one.total is None or one.total >= 0 else "Total in your favour"
    sheet.ln(1)
    _total(sheet, name, due, size=12, is_bold=True)
    sheet.ln(6)


def _total(sheet: Sheet, name: str, text: str, *, size: float = 9, is_bold: bool = False) -> None:
    y = sheet.get_y()
    sheet.write_lines(name, x=70, width=50, size=size, is_bold=is_bold, align=Align.R, colour=GREY)
    sheet.set_y(y)
    sheet.write_lines(
        text, x=_RIGHT_X, width=_RIGHT_WIDTH, size=size, is_bold=is_bold, align=Align.R
    )


def _words(sheet: Sheet, one: Statement) -> None:
    said = [f"{RULE}."]
    if one.currency != USD and one.rate is not None:
        _, last = days_of(one.month)
        source = f" ({one.rate.note})" if one.rate.note else ""
        said.append(
            f"The rate is the one of {last}, or the last one before it: of {one.rate.day}{source}."
        )
    said += one.notes
    if one.forced_reason:
        said.append(
            "Closed before the comparison with the provider's figures was done, because: "
            f"{one.forced_reason}"
        )
    said += [f"Not final: {obstacle}." for obstacle in one.obstacles]
    for text in said:
        sheet.write_lines(text, size=8, colour=GREY)
    if one.seller.note:
        sheet.ln(3)
        sheet.write_lines(one.seller.note, size=9)


def _decimals(line: StatementLine) -> int:
    return len(usd_from_pusd(line.amounts.billed_pusd).partition(".")[2])


def _usd(pusd: int, decimals: int) -> str:
    """Exact, with so many decimals at least, which is how the points come to stand in a column."""
    whole, _, fraction = usd_from_pusd(pusd).partition(".")
    sign = "\N{MINUS SIGN}" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}.{fraction:0<{decimals}}"


def _comma(amount: Decimal) -> str:
    return f"{amount:,f}".replace("-", "\N{MINUS SIGN}")


def _whole(number: int) -> str:
    return f"{number:,}".replace("-", "\N{MINUS SIGN}")

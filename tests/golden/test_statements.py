"""Twelve statements of three organizations, each beside what could be known when it was closed."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from io import BytesIO

import pytest
from peewee import Database
from pypdf import PdfReader

from mai_usage_ext.errors import Conflict
from mai_usage_ext.papers import StatementPaper
from mai_usage_ext.ports.statements import LineKind, Statement, StatementFilter
from mai_usage_ext.services.sealing import Sealing
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.sealing import SealRows
from tests.golden.books import ADMIN, Books, quoted
from tests.golden.fixtures import GoldenYear
from tests.golden.plan import Organization
from tests.golden.stage import SimulatedClock

pytestmark = pytest.mark.slow

MONTHS = [f"2024-{number:02}" for number in range(1, 13)]
IN_THE_YEAR = MONTHS[:-1]
Amounts = tuple[int, int, int, Decimal]


@dataclass
class Desk:
    """The books of one database, at the end of the year or wherever ``clock`` is turned to."""

    db: Database
    clock: SimulatedClock
    books: Books

    def of(self, organization_id: str) -> dict[str, Statement]:
        """By month, oldest first."""
        wanted = StatementFilter(organization_id=organization_id)
        found, total = self.books.statements.page(wanted, offset=0, limit=50)
        assert len(found) == total
        return {one.month: one for one in reversed(found)}

    def finish(self, golden_year: GoldenYear) -> None:
        """Seal what is left and close December, each organization on its day."""
        ids = dict(
            zip([one.name for one in golden_year.organizations], golden_year.ids, strict=True)
        )
        for organization in sorted(golden_year.organizations, key=lambda one: one.closed_on):
            self.clock.now = closed_at(organization, "2024-12")
            sealing = Sealing(SealRows(self.db), grace_ms=0, clock=self.clock, pause_s=0)
            asyncio.run(sealing.run_once())
            [statement] = self.books.close_due(ids)
            assert statement.organization_id == ids[organization.name]


def desk_of(golden_year: GoldenYear) -> Iterator[Desk]:
    db = open_database(golden_year.url)
    clock = SimulatedClock(datetime(2024, 12, 31, 12, tzinfo=UTC))
    yield Desk(db=db, clock=clock, books=Books(db, clock=clock))
    close_database(db)


@pytest.fixture
def desk(golden_year: GoldenYear) -> Iterator[Desk]:
    """To look at what is closed in the year."""
    yield from desk_of(golden_year)


@pytest.fixture
def own_desk(golden_year_copy: GoldenYear) -> Iterator[Desk]:
    """To go on."""
    yield from desk_of(golden_year_copy)


def closed_at(organization: Organization, month: str) -> datetime:
    number = 12 * int(month[:4]) + int(month[5:])
    return datetime(number // 12, number % 12 + 1, organization.closed_on, 13, 10, tzinfo=UTC)


def known(
    golden_year: GoldenYear, organization_id: str, *conditions: str
) -> dict[tuple[str, str], Amounts]:
    """By month and model."""
    where = " AND ".join([f"organization = '{organization_id}'", *conditions])
    return {
        (month, model): (one.requests, one.prompt_tokens, one.completion_tokens, one.billed)
        for (month, model), one in golden_year.sums(("month", "model"), where=where).items()
    }


def told_by(at: datetime) -> str:
    return f"told_at <= TIMESTAMPTZ '{at.isoformat()}'"


def stated(statement: Statement, kind: LineKind) -> dict[tuple[str, str], Amounts]:
    lines = [line for line in statement.lines if line.kind is kind]
    found = {
        (line.month, line.model): (
            line.amounts.requests,
            line.amounts.prompt_tokens,
            line.amounts.completion_tokens,
            usd(line.amounts.billed_pusd),
        )
        for line in lines
    }
    assert len(found) == len(lines)
    return found


def usd(pusd: int) -> Decimal:
    return Decimal(pusd).scaleb(-12)


def check(golden_year: GoldenYear, statements: dict[str, Statement], number: int) -> int:
    """Every line of every statement; returns how many are corrections."""
    organization, organization_id = golden_year.organizations[number], golden_year.ids[number]
    before: datetime | None = None
    corrections = 0
    for month, statement in statements.items():
        at = closed_at(organization, month)
        assert statement.at_ms == at.timestamp() * 1000
        usage = known(golden_year, organization_id, f"month = '{month}'", told_by(at))
        assert stated(statement, LineKind.USAGE) == usage, (organization.name, month)
        later = {}
        if before is not None:
            came = f"NOT {told_by(before)}", told_by(at), f"month < '{month}'"
            later = known(golden_year, organization_id, *came)
        assert stated(statement, LineKind.CORRECTION) == later, (organization.name, month)
        net = sum((one[-1] for one in [*usage.values(), *later.values()]), Decimal(0))
        assert usd(statement.net_pusd) == net
        corrections += len(later)
        before = at
    return corrections


def test_what_was_known_when_each_was_closed(golden_year: GoldenYear, desk: Desk) -> None:
    corrections = 0
    for number, organization_id in enumerate(golden_year.ids):
        statements = desk.of(organization_id)
        assert list(statements) == IN_THE_YEAR
        corrections += check(golden_year, statements, number)
    assert corrections > 10


def test_they_are_numbered_in_the_order_of_their_closing(
    golden_year: GoldenYear, desk: Desk
) -> None:
    found, total = desk.books.statements.page(StatementFilter(), offset=0, limit=100)
    assert total == len(found) == len(golden_year.ids) * len(IN_THE_YEAR)
    numbers = [one.number for one in sorted(found, key=lambda one: one.at_ms)]
    assert numbers == [f"G2024-{number:04}" for number in range(1, total + 1)]


def test_the_year_is_stated_to_the_picodollar(golden_year_copy: GoldenYear, own_desk: Desk) -> None:
    golden_year = golden_year_copy
    own_desk.finish(golden_year)
    everything = Decimal(0)
    for number, organization_id in enumerate(golden_year.ids):
        statements = own_desk.of(organization_id)
        assert list(statements) == MONTHS
        check(golden_year, statements, number)
        net = sum((usd(one.net_pusd) for one in statements.values()), Decimal(0))
        [of_all] = golden_year.sums(where=f"organization = '{organization_id}'").values()
        assert net == of_all.billed
        everything += net
        # Nothing is left for the next one to correct.
        assert own_desk.books.statements.draft(organization_id, "2025-01").lines == ()
    [total] = golden_year.sums().values()
    assert everything == total.billed
    december, _ = own_desk.books.statements.page(
        StatementFilter(month="2024-12"), offset=0, limit=9
    )
    assert sorted(one.number for one in december) == ["G2025-0001", "G2025-0002", "G2025-0003"]


def test_totals_are_rounded_once(golden_year: GoldenYear, desk: Desk) -> None:
    """Half-even to cents, with the rate of the month's last day or the last one before it."""
    days = set()
    for organization, organization_id in zip(
        golden_year.organizations, golden_year.ids, strict=True
    ):
        for month, statement in desk.of(organization_id).items():
            assert statement.currency == organization.currency
            first = date.fromisoformat(f"{month}-01")
            day, rate = last_quoted(organization.currency, first)
            if organization.currency == "USD":
                assert statement.rate is None
            else:
                assert statement.rate is not None
                assert (statement.rate.day, statement.rate.rate) == (day, rate)
                days.add((date.fromordinal(day.toordinal() + 1).month, first.month))
            cents = round(Fraction(statement.net_pusd, 10**12) * Fraction(rate) * 100)
            assert statement.total == Decimal(cents) / 100
            assert statement.total is not None
            assert statement.total.as_tuple().exponent == -2
            assert statement.total > 0
    # Of the last days themselves, and of days before where the last one has none.
    assert {following == month for following, month in days} == {True, False}


def last_quoted(currency: str, first: date) -> tuple[date, Decimal]:
    of_month = [
        (day, rate)
        for day, rate in quoted(currency, through=date(2024, 12, 31))
        if (day.year, day.month) == (first.year, first.month)
    ]
    return of_month[-1] if of_month else (first, Decimal(1))


def test_reasons_count_what_came_later(golden_year: GoldenYear, desk: Desk) -> None:
    kinds = set()
    for organization, organization_id in zip(
        golden_year.organizations, golden_year.ids, strict=True
    ):
        before: datetime | None = None
        for month, statement in desk.of(organization_id).items():
            at = closed_at(organization, month)
            for line in statement.lines:
                if line.kind is LineKind.USAGE:
                    assert line.reason == ""
                    continue
                assert before is not None
                came = (
                    f"organization = '{organization_id}' AND month = '{line.month}' AND "
                    f"model = '{line.model}' AND NOT {told_by(before)} AND {told_by(at)}"
                )
                days = golden_year.sums(("purpose", "day"), where=came)
                adjusted = sum(
                    one.requests for (kind, _), one in days.items() if kind == "reconciliation"
                )
                settled = sum(one.requests for one in days.values()) - adjusted
                counts = {
                    kind: int(count)
                    for count, kind in re.findall(r"(\d+) (call|adjustment)", line.reason)
                }
                wanted = {"call": settled, "adjustment": adjusted}
                assert counts == {kind: count for kind, count in wanted.items() if count}
                assert any(day in line.reason for _, day in days)
                kinds |= set(counts)
            before = at
    assert kinds == {"call", "adjustment"}


def test_a_closed_month_stays_as_it_is(golden_year: GoldenYear, desk: Desk) -> None:
    """Although more has come to it since: what was stated is less than what it adds up to now."""
    changed = 0
    for organization_id in golden_year.ids:
        now = known(golden_year, organization_id)
        for month, statement in desk.of(organization_id).items():
            of_month = {key: amounts for key, amounts in now.items() if key[0] == month}
            changed += stated(statement, LineKind.USAGE) != of_month
    assert changed > 5


@pytest.mark.parametrize("number", [0, 1, 2], ids=["NZD", "PLN", "USD"])
def test_the_paper_says_the_same(golden_year: GoldenYear, desk: Desk, number: int) -> None:
    statement = desk.of(golden_year.ids[number])["2024-04"]
    reader = PdfReader(BytesIO(StatementPaper().pdf(statement)))
    text = " ".join(" ".join(page.extract_text().split()) for page in reader.pages)
    net = golden_net(golden_year, number, "2024-04")
    assert f"{net:,.12f} USD" in text
    assert f"{statement.total:,f} {golden_year.organizations[number].currency}" in text
    assert statement.number in text
    if statement.rate is not None:
        assert f"1 USD = {statement.rate.rate.normalize():f}" in text


def golden_net(golden_year: GoldenYear, number: int, month: str) -> Decimal:
    """Of a month after the first: all that was known of it and of the months before it then,
    without what was known of those before when the last one was closed."""
    organization, organization_id = golden_year.organizations[number], golden_year.ids[number]
    before = MONTHS[MONTHS.index(month) - 1]
    whose = f"organization = '{organization_id}'"

    def billed(last: str) -> Decimal:
        told = told_by(closed_at(organization, last))
        [one] = golden_year.sums(where=f"{whose} AND month <= '{last}' AND {told}").values()
        return one.billed

    return billed(month) - billed(before)


def test_closing_again_changes_nothing(golden_year_copy: GoldenYear, own_desk: Desk) -> None:
    organization_id = golden_year_copy.ids[0]
    before = own_desk.of(organization_id)
    with pytest.raises(Conflict, match="2024-05 has its statement already"):
        own_desk.books.statements.close(organization_id, "2024-05", actor=ADMIN)
    assert own_desk.of(organization_id) == before

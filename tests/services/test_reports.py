"""What the tab shows, on days and months of the organization's zone, on both databases."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.ports import SYSTEM, OrganizationRecord, Role
from mai_usage_ext.services.reports import Reports
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import make_entry, make_hold


@dataclass
class StoppedClock:
    instant_ms: int

    def now_ms(self) -> int:
        return self.instant_ms


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def bench(database_url: str) -> Iterator[Workbench]:
    opened = open_workbench(Settings.from_env({"MAI_USAGE_DATABASE_URL": database_url}))
    yield opened
    opened.close()


@pytest.fixture
def writer(bench: Workbench) -> Iterator[LedgerWriter]:
    started = LedgerWriter(bench.database, owner="test")
    started.start()
    yield started
    assert started.stop(timeout_s=10) == 0


def make(bench: Workbench, name: str, **terms: str) -> OrganizationRecord:
    return bench.organizations.create({"name": name, **terms}, actor=SYSTEM)


def spend(writer: LedgerWriter, organization_id: str, day: str, *, pusd: int) -> None:
    date = datetime.fromisoformat(day).date()
    hold = make_hold(organization_id, day=date, month=day[:7])
    writer.place(hold).result(10)
    entry = make_entry(hold, day=date, billed_pusd=pusd, prompt_tokens=7, completion_tokens=3)
    assert writer.settle(hold, entry).result(10)


def test_today_month_and_history(bench: Workbench, writer: LedgerWriter) -> None:
    acme = make(bench, "Acme", timezone="Asia/Tokyo")
    other = make(bench, "Other", timezone="Asia/Tokyo")
    # 20:00 UTC on the last day of October is the first of November in Tokyo.
    clock = StoppedClock(ms("2026-11-02T20:00:00"))
    for day, pusd in (("2026-10-31", 5), ("2026-11-01", 10), ("2026-11-03", 20), ("2026-11-03", 1)):
        spend(writer, acme.id, day, pusd=pusd)
    spend(writer, other.id, "2026-11-03", pusd=999)
    report = Reports(bench.usage, bench.holds, clock=clock).organization(acme)
    assert report.today.day.isoformat() == "2026-11-03"
    assert (report.today.totals.billed_pusd, report.today.totals.requests) == (21, 2)
    assert (report.month.totals.billed_pusd, report.month.days_active) == (31, 2)
    assert report.month.days_elapsed == 3
    assert (report.month.average_pusd, report.month.average_tokens) == (16, 15)
    assert [day.totals.billed_pusd for day in report.history[-4:]] == [5, 10, 0, 21]
    assert len(report.history) == 30


def test_the_month_before_and_a_forecast(bench: Workbench, writer: LedgerWriter) -> None:
    acme = make(bench, "Acme")
    clock = StoppedClock(ms("2026-11-03T12:00:00"))
    for day, pusd in (
        ("2026-09-30", 999),
        ("2026-10-01", 1),
        ("2026-10-03", 2),
        ("2026-10-31", 4),
        ("2026-11-01", 30),
        ("2026-11-02", 50),
        ("2026-11-03", 10),
    ):
        spend(writer, acme.id, day, pusd=pusd)
    month = Reports(bench.usage, bench.holds, clock=clock).organization(acme).month
    assert (month.last_month.billed_pusd, month.last_month.requests) == (7, 3)
    assert (month.last_month_to_date.billed_pusd, month.last_month_to_date.tokens) == (3, 20)
    # Forty a day on the two that are over, and as much on each of the 28 that are not.
    assert (month.forecast.so_far, month.forecast.expected) == (90, 30 * 40)
    assert month.forecast.low < month.forecast.expected < month.forecast.high


def test_calls_without_a_price_are_counted_apart(bench: Workbench, writer: LedgerWriter) -> None:
    acme = make(bench, "Acme")
    clock = StoppedClock(ms("2026-11-03T12:00:00"))
    day = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).date()
    writer.place(make_hold(acme.id, day=day, month="2026-11")).result(10)
    reports = Reports(bench.usage, bench.holds, clock=clock)
    assert reports.organization(acme).today.unsettled == 1
    usage, as_of_ms = reports.today(acme)
    assert (usage.unsettled, usage.totals.requests, as_of_ms) == (1, 0, clock.now_ms())


def test_a_member_who_moves_takes_nothing_along(bench: Workbench) -> None:
    acme = make(bench, "Acme")
    other = make(bench, "Other")
    bench.members.assign("alice", acme.id, role=Role.MANAGER, actor=SYSTEM)
    before = bench.organization_rows.membership("alice", at_ms=2**52)
    assert before is not None
    assert (before.organization_id, before.role) == (acme.id, Role.MANAGER)
    bench.members.assign("alice", other.id, role=Role.MEMBER, actor=SYSTEM)
    after = bench.organization_rows.membership("alice", at_ms=2**52)
    assert after is not None
    assert (after.organization_id, after.role) == (other.id, Role.MEMBER)

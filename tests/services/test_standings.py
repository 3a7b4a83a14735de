"""Where a month stands beside its limit, and when the next one begins, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.ports import SYSTEM, Hold, OrganizationRecord, Role, SystemClock
from mai_usage_ext.services.directory import Placement
from mai_usage_ext.services.standings import Standing, Standings
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.models import ClientOrganization
from mai_usage_ext.storage.month_money import MonthMoneyRows
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.services.test_reports import StoppedClock, ms
from tests.storage.samples import make_entry, make_hold

TODAY = datetime.now(UTC).date()


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


def make(bench: Workbench, **terms: object) -> OrganizationRecord:
    return bench.organizations.create({"name": "Acme", **terms}, actor=SYSTEM)


def spend(
    writer: LedgerWriter, organization_id: str, user_id: str, *, pusd: int, is_settled: bool = True
) -> None:
    hold = hold_of(organization_id, user_id, pusd)
    writer.place(hold).result(10)
    if is_settled:
        assert writer.settle(hold, make_entry(hold, billed_pusd=pusd)).result(10)


def hold_of(organization_id: str, user_id: str, pusd: int) -> Hold:
    return make_hold(
        organization_id, user_id=user_id, estimate_pusd=pusd, day=TODAY, month=f"{TODAY:%Y-%m}"
    )


def standings(
    bench: Workbench, organization_id: str, *, user_id: str = "ada", at: str | None = None
) -> tuple[Standing, Standing | None]:
    clock = SystemClock() if at is None else StoppedClock(ms(at))
    organization = bench.organization_rows.get(organization_id, at_ms=clock.now_ms())
    member = bench.organization_rows.membership(user_id, at_ms=2**53)
    assert organization is not None
    place = Placement(
        organization=organization,
        user_id=user_id,
        role=Role.MEMBER,
        is_assigned=True,
        has_limit=member is not None and member.monthly_limit_pusd is not None,
    )
    found = Standings(MonthMoneyRows(bench.database), bench.organization_rows, clock=clock)
    return found.of(place)


def test_without_a_limit_there_is_only_what_was_spent(
    bench: Workbench, writer: LedgerWriter
) -> None:
    acme = make(bench)
    spend(writer, acme.id, "ada", pusd=7)
    whole, own = standings(bench, acme.id)
    assert (whole.money.spent_pusd, whole.limit_pusd) == (7, None)
    assert (whole.remaining_pusd, whole.used_percent) == (None, None)
    assert own is None


def test_what_is_held_is_not_left_any_more(bench: Workbench, writer: LedgerWriter) -> None:
    acme = make(bench, monthly_limit="1", on_limit="alert")
    spend(writer, acme.id, "ada", pusd=250_000_000_000)
    spend(writer, acme.id, "ben", pusd=100_000_000_000, is_settled=False)
    whole, _ = standings(bench, acme.id)
    assert (whole.money.spent_pusd, whole.money.held_pusd) == (250_000_000_000, 100_000_000_000)
    assert whole.remaining_pusd == 650_000_000_000
    assert (whole.used_percent, whole.on_limit) == (Decimal("25.00"), "alert")
    spend(writer, acme.id, "ada", pusd=2 * 10**12)
    whole, _ = standings(bench, acme.id)
    assert (whole.remaining_pusd, whole.used_percent) == (0, Decimal("225.00"))


def test_an_own_limit_counts_what_was_spent_before_it_was_set(
    bench: Workbench, writer: LedgerWriter
) -> None:
    acme = make(bench)
    spend(writer, acme.id, "ada", pusd=30)
    spend(writer, acme.id, "ada", pusd=5, is_settled=False)
    spend(writer, acme.id, "ben", pusd=1_000)
    bench.members.assign("ada", acme.id, monthly_limit="0.0000000001", actor=SYSTEM)
    for _ in range(2):
        _, own = standings(bench, acme.id)
        assert own is not None
        assert (own.money.spent_pusd, own.money.held_pusd) == (30, 5)
        assert (own.remaining_pusd, own.used_percent, own.on_limit) == (65, Decimal(30), "block")
        # From the first call on the writer keeps a row of their own.
        writer.place(hold_of(acme.id, "ada", 0), has_user_limit=True).result(10)
    assert standings(bench, acme.id, user_id="ben")[1] is None


def test_a_new_month_has_spent_nothing(bench: Workbench, writer: LedgerWriter) -> None:
    acme = make(bench, monthly_limit="1")
    spend(writer, acme.id, "ada", pusd=7)
    whole, _ = standings(bench, acme.id, at="2030-01-01T00:00:00")
    assert (whole.money.spent_pusd, whole.remaining_pusd) == (0, 10**12)


@pytest.mark.parametrize(
    ("zone", "now", "resets_at"),
    [
        ("UTC", "2026-11-30T23:59:59", "2026-12-01T00:00:00"),
        ("Europe/Warsaw", "2026-11-30T23:30:00", "2026-12-31T23:00:00"),
        ("America/New_York", "2026-12-01T03:00:00", "2026-12-01T05:00:00"),
        # The clocks are put back in between.
        ("Europe/Warsaw", "2026-10-01T00:00:00", "2026-10-31T23:00:00"),
    ],
)
def test_the_next_month_begins_at_the_organizations_midnight(
    bench: Workbench, zone: str, now: str, resets_at: str
) -> None:
    whole, _ = standings(bench, make(bench, timezone=zone).id, at=now)
    assert whole.resets_at_ms == ms(resets_at)


def test_a_zone_that_is_planned_has_its_own_midnight(bench: Workbench) -> None:
    acme = make(bench, timezone="UTC")
    planned = ClientOrganization.update(
        next_timezone="Asia/Tokyo", next_timezone_from_ms=ms("2026-11-21T00:00:00")
    ).where(ClientOrganization.id == acme.id)
    with transaction(bench.database):
        write(bench.database, planned)
    whole, _ = standings(bench, acme.id, at="2026-11-20T12:00:00")
    assert whole.resets_at_ms == ms("2026-11-30T15:00:00")

"""Reading what was used."""

from datetime import date, timedelta

from peewee import Database

from mai_usage_ext.ports import UsageTotals
from mai_usage_ext.storage.models import CELL_SUMS, ClientDailyUsage
from mai_usage_ext.storage.partitions import make_months
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.usage import UsageRows
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.counting import counted_statements
from tests.storage.samples import DAY, make_entry, make_hold, make_organization


def seal(
    db: Database, organization: str, day: date, amount: int, *, source: str = "ledger"
) -> None:
    make_months(db, at=day)
    with transaction(db):
        write(
            db,
            ClientDailyUsage.insert(
                organization_id=organization,
                day=day,
                **dict.fromkeys(CELL_SUMS, amount),
                task_requests=0,
                task_billed_pusd=0,
                distinct_users=1,
                distinct_models=1,
                sealed_at_ms=1,
                source=source,
            ),
        )


def test_days_are_sealed_or_live_and_never_both(
    db: Database, organization: str, writer: LedgerWriter
) -> None:
    other = make_organization(db, "Zeta")
    yesterday, long_ago = DAY - timedelta(days=1), DAY - timedelta(days=40)
    for owner, day, user in (
        (organization, DAY, "ada"),
        (organization, DAY, "bob"),
        (organization, yesterday, "ada"),
        (other, DAY, "eve"),
    ):
        hold = make_hold(owner, day=day, user_id=user)
        writer.settle(hold, make_entry(hold)).result(10)
    seal(db, organization, yesterday, 7)
    seal(db, organization, long_ago, 9)

    usage = UsageRows(db)
    with counted_statements(db) as sent:
        days = usage.by_day(organization, first=yesterday, last=DAY)
    assert len(sent) == 1
    assert days == {
        DAY: UsageTotals(
            requests=2,
            prompt_tokens=2 * 8174,
            completion_tokens=60,
            raw_pusd=2 * 326_960_001,
            billed_pusd=2 * 425_048_001,
        ),
        yesterday: UsageTotals(
            requests=7, prompt_tokens=7, completion_tokens=7, raw_pusd=7, billed_pusd=7
        ),
    }
    assert all(type(total.raw_pusd) is int for total in days.values())
    assert usage.by_day(organization, first=DAY + timedelta(days=1), last=date.max) == {}


def test_the_ledger_as_a_whole(db: Database, organization: str, writer: LedgerWriter) -> None:
    usage = UsageRows(db)
    assert usage.ledger_total_pusd() == (0, 0)
    for _ in range(3):
        hold = make_hold(organization)
        writer.settle(hold, make_entry(hold)).result(10)
    with counted_statements(db) as sent:
        assert usage.ledger_total_pusd() == (3, 3 * 326_960_001)
    assert len(sent) == 1


def test_an_imported_day_says_so(db: Database, organization: str) -> None:
    seal(db, organization, DAY, 7)
    seal(db, organization, DAY - timedelta(days=1), 7, source="imported")
    days = UsageRows(db).by_day(organization, first=DAY - timedelta(days=1), last=DAY)
    assert {day: totals.is_imported for day, totals in days.items()} == {
        DAY: False,
        DAY - timedelta(days=1): True,
    }

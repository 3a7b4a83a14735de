"""What the totals of months are compared with: sealed days, live cells and open holds."""

from datetime import date, timedelta
from typing import Any

from peewee import Database

from mai_usage_ext.ports import Member, Role
from mai_usage_ext.ports.months import MonthDifference
from mai_usage_ext.storage.changes import Place, Settle
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.models import (
    ClientDailyUsage,
    ClientMonthTotal,
    ClientUserDailyUsage,
    UsageLedger,
)
from mai_usage_ext.storage.month_totals import MonthTotalRows
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import transaction, write
from tests.storage.counting import counted_statements
from tests.storage.samples import AT_MS, DAY, MONTH, make_entry, make_hold, make_organization

BILLED = 425_048_001
ESTIMATE = 1_000_000
YESTERDAY = DAY - timedelta(days=1)


def differences(db: Database, organization: str, since: date = DAY) -> list[MonthDifference]:
    return MonthTotalRows(db).differences(organization, users_since=since)


def use(db: Database, organization: str, *, day: date = DAY, user_id: str | None = "ada") -> None:
    """A settled call and an open one, of a user whose own limit asks for a total."""
    commit = GroupCommit(db)
    options: dict[str, Any] = {"day": day, "month": f"{day:%Y-%m}", "user_id": user_id}
    settled, still_open = (make_hold(organization, **options) for _ in range(2))
    changes = [
        Place(settled, has_user_limit=True),
        Settle(settled, make_entry(settled)),
        Place(still_open, has_user_limit=True),
    ]
    commit.commit(changes, now_ms=AT_MS)


def limit(db: Database, organization: str, user_id: str) -> None:

    MemberRows(db).add(
        Member(
            organization_id=organization,
            user_id=user_id,
            role=Role.MEMBER,
            monthly_limit_pusd=10**15,
            valid_from_ms=1,
            valid_to_ms=None,
            source="admin",
            created_at_ms=1,
        )
    )


def spoil(db: Database, table: Any, *conditions: Any, **changes: int) -> None:
    """Add to columns behind everybody's back."""
    fields = {getattr(table, name): getattr(table, name) + more for name, more in changes.items()}
    with transaction(db):
        assert write(db, table.update(fields).where(*conditions)) >= 1


def test_nothing_differs_live_or_sealed_or_without_a_ledger(
    db: Database, organization: str
) -> None:
    limit(db, organization, "ada")
    other = make_organization(db, "Zeta")
    for day in (YESTERDAY, DAY, date(2026, 2, 1)):
        use(db, organization, day=day)
    use(db, organization, user_id=None)
    use(db, other, user_id="bob")
    assert differences(db, organization) == []
    SealRows(db).seal(organization, YESTERDAY, now_ms=AT_MS)
    use(db, organization, day=YESTERDAY)
    with transaction(db):
        write(db, UsageLedger.delete())
    assert differences(db, organization) == []
    assert differences(db, other) == []
    assert set(MonthTotalRows(db).organizations()) >= {organization, other}


def test_a_spoilt_total_is_told_with_both_sides(db: Database, organization: str) -> None:
    limit(db, organization, "ada")
    use(db, organization)
    total = ClientMonthTotal
    spoil(db, total, total.user_id == "", spent_pusd=7, held_pusd=-1)
    whole = MonthDifference(
        organization_id=organization,
        month=MONTH,
        user_id=None,
        spent_pusd=BILLED + 7,
        used_pusd=BILLED,
        held_pusd=ESTIMATE - 1,
        open_pusd=ESTIMATE,
    )
    with counted_statements(db) as sent:
        assert differences(db, organization) == [whole]
    assert len(sent) == 1
    assert str(whole) == (
        f"{organization} in 2026-01: spent 425048008, its days have 425048001;"
        " held 999999, its holds have 1000000 picodollars"
    )


def test_a_users_total_is_looked_at_from_a_month_on(db: Database, organization: str) -> None:
    limit(db, organization, "ada")
    use(db, organization)
    total = ClientMonthTotal
    spoil(db, total, total.user_id == "ada", spent_pusd=7)
    [found] = differences(db, organization)
    assert (found.user_id, found.spent_pusd - found.used_pusd) == ("ada", 7)
    assert ", user ada: spent" in str(found)
    assert differences(db, organization, since=date(2026, 2, 1)) == []


def test_a_month_without_a_total_is_told_too(db: Database, organization: str) -> None:
    use(db, organization)
    with transaction(db):
        write(db, ClientMonthTotal.delete())
    [found] = differences(db, organization)
    assert (found.spent_pusd, found.used_pusd, found.open_pusd) == (0, BILLED, ESTIMATE)


def test_imported_money_counts_for_the_organization_only(db: Database, organization: str) -> None:
    """An imported day is in the organization's total, and in no user's."""
    limit(db, organization, "ada")
    use(db, organization)
    use(db, organization, day=date(2026, 2, 1))
    SealRows(db).seal(organization, DAY, now_ms=AT_MS)
    total = ClientMonthTotal
    is_whole = (total.user_id == "") & (total.month == MONTH)
    for table in (ClientDailyUsage, ClientUserDailyUsage):
        spoil(db, table, table.day == DAY, billed_pusd=500)
    assert {one.user_id for one in differences(db, organization)} == {None, "ada"}
    with transaction(db):
        write(db, ClientDailyUsage.update(source="imported"))
    assert {one.user_id for one in differences(db, organization)} == {None}
    spoil(db, total, is_whole, spent_pusd=500)
    assert differences(db, organization) == []
    spoil(db, total, (total.user_id == "ada") & (total.month == "2026-02"), spent_pusd=1)
    assert [one.month for one in differences(db, organization)] == ["2026-02"]

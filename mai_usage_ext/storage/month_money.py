"""What of a month is spent and held, as the rows say that limits are judged by."""

from datetime import date
from typing import Any

from peewee import Database, fn

from mai_usage_ext.metering.days import month_days
from mai_usage_ext.ports.standings import MonthMoney
from mai_usage_ext.storage.budgets import ORGANIZATION
from mai_usage_ext.storage.models import ClientMonthTotal, UsageHold, UsageLedger
from mai_usage_ext.storage.sessions import session

__all__ = ["MonthMoneyRows"]


class MonthMoneyRows:
    """Implements ``ports.standings.MonthMoneyStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of_organization(self, organization_id: str, month: str) -> MonthMoney:
        with session(self._db):
            return self._stored(organization_id, month, ORGANIZATION) or MonthMoney()

    def of_user(self, organization_id: str, month: str, user_id: str) -> MonthMoney:
        with session(self._db):
            # A row of their own is made by the first call that is judged by their limit.
            stored = self._stored(organization_id, month, user_id)
            return stored or self._added_up(organization_id, month, user_id)

    def _stored(self, organization_id: str, month: str, user_id: str) -> MonthMoney | None:
        total = ClientMonthTotal
        query = total.select().where(
            (total.organization_id == organization_id)
            & (total.month == month)
            & (total.user_id == user_id)
        )
        row = query.bind(self._db).first()
        return (
            None if row is None else MonthMoney(spent_pusd=row.spent_pusd, held_pusd=row.held_pusd)
        )

    def _added_up(self, organization_id: str, month: str, user_id: str) -> MonthMoney:
        """As the writer does it when it makes the row."""
        entry, hold = UsageLedger, UsageHold
        first, last = month_days(date.fromisoformat(f"{month}-01"))
        spent: Any = entry.select(fn.COALESCE(fn.SUM(entry.billed_pusd), 0)).where(
            (entry.organization_id == organization_id)
            & (entry.user_id == user_id)
            & entry.day.between(first, last)
        )
        held: Any = hold.select(fn.COALESCE(fn.SUM(hold.estimate_pusd), 0)).where(
            (hold.organization_id == organization_id)
            & (hold.user_id == user_id)
            & (hold.month == month)
            & hold.closed_at_ms.is_null()
        )
        return MonthMoney(
            spent_pusd=int(spent.bind(self._db).scalar()),
            held_pusd=int(held.bind(self._db).scalar()),
        )

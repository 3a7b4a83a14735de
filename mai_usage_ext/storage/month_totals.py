"""Adding up anew what the totals of months are made of.

A month's money stands in its sealed days and its live cells for good, while its ledger goes one
day. Imported days count too: their money was added to the month when they came.
"""

from datetime import date
from typing import Any

from peewee import Database

from mai_usage_ext.metering.days import month_of
from mai_usage_ext.ports.months import MonthDifference
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import ClientOrganization
from mai_usage_ext.storage.sessions import execute, session

__all__ = ["MonthTotalRows"]


class MonthTotalRows:
    """Implements ``ports.months.MonthTotalStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        is_text = is_sqlite(db)
        # The day of an SQLite table is its ISO text.
        month = "substr(day, 1, 7)" if is_text else "to_char(day, 'YYYY-MM')"
        sql = _DIFFERENCES.format(month=month)
        self._sql = sql if is_text else sql.replace("?", "%s")

    def organizations(self) -> list[str]:
        organization = ClientOrganization
        query: Any = organization.select(organization.id).order_by(organization.id)
        with session(self._db):
            return [row[0] for row in query.tuples().bind(self._db)]

    def differences(self, organization_id: str, *, users_since: date) -> list[MonthDifference]:
        first, month = users_since.replace(day=1).isoformat(), month_of(users_since)
        of_users = (organization_id, first)
        parameters = (
            *(organization_id, month, organization_id),
            *(organization_id, organization_id, organization_id),
            *(*of_users, *of_users, organization_id, month),
        )
        with session(self._db):
            rows = execute(self._db, self._sql, parameters).fetchall()
        return [
            MonthDifference(
                organization_id=organization_id,
                month=month,
                user_id=user_id or None,
                spent_pusd=int(spent),
                used_pusd=int(used),
                held_pusd=int(held),
                open_pusd=int(kept),
            )
            for month, user_id, spent, used, held, kept in rows
        ]


# One statement sees one instant, however much is booked and sealed meanwhile. A user has a total
# only where a limit asked for one, and what was imported for a user is in none. A cell on a sealed
# day, as a process of an older version leaves it, is in no sealed row yet.
_DIFFERENCES = """
SELECT month, user_id, SUM(spent), SUM(used), SUM(held), SUM(kept) FROM (
    SELECT month, user_id, 1 AS stored, spent_pusd AS spent, 0 AS used, held_pusd AS held, 0 AS kept
    FROM client_month_totals WHERE organization_id = ?
    AND (user_id = '' OR month >= ? AND month NOT IN (
        SELECT {month} FROM client_daily_usage WHERE organization_id = ? AND source = 'imported'))
  UNION ALL
    SELECT {month}, '', 1, 0, billed_pusd, 0, 0
    FROM client_daily_usage WHERE organization_id = ?
  UNION ALL
    SELECT {month}, '', 1, 0, billed_pusd, 0, 0
    FROM client_live_counters WHERE organization_id = ?
  UNION ALL
    SELECT month, '', 1, 0, 0, 0, estimate_pusd
    FROM usage_holds WHERE organization_id = ? AND closed_at_ms IS NULL
  UNION ALL
    SELECT {month}, user_id, 0, 0, billed_pusd, 0, 0
    FROM client_user_daily_usage WHERE organization_id = ? AND day >= ? AND user_id <> ''
  UNION ALL
    SELECT {month}, user_id, 0, 0, billed_pusd, 0, 0
    FROM client_live_counters WHERE organization_id = ? AND day >= ? AND user_id <> ''
  UNION ALL
    SELECT month, user_id, 0, 0, 0, 0, estimate_pusd
    FROM usage_holds
    WHERE organization_id = ? AND month >= ? AND closed_at_ms IS NULL AND user_id <> ''
) AS parts GROUP BY month, user_id
HAVING SUM(stored) > 0 AND (SUM(spent) <> SUM(used) OR SUM(held) <> SUM(kept))
ORDER BY month, user_id
"""

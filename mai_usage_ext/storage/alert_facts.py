"""What rules judge once a minute: organizations, their days, old holds, captured money."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from peewee import Database, fn

from mai_usage_ext.metering.days import billing_day, month_of
from mai_usage_ext.ports import UNASSIGNED
from mai_usage_ext.ports.alert_facts import CaptureFact, DayFact, OldHolds, WatchedOrganization
from mai_usage_ext.storage.daily_models import (
    ClientDailyUsage,
    ClientLiveCounter,
    ClientUserDailyUsage,
)
from mai_usage_ext.storage.models import (
    ClientMonthTotal,
    ClientOrganization,
    UsageHold,
    UserClientMapping,
)
from mai_usage_ext.storage.reconciliation_models import ReconciliationLine
from mai_usage_ext.storage.sessions import session

__all__ = ["AlertFactRows"]


class AlertFactRows:
    """Implements ``ports.alert_facts.AlertFacts``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def organizations(self, *, at_ms: int) -> Sequence[WatchedOrganization]:
        query = ClientOrganization.select().where(ClientOrganization.status == "active")
        with session(self._db):
            rows = list(query.order_by(ClientOrganization.id).bind(self._db))
            todays = {row.id: billing_day(at_ms, _zone_at(row, at_ms)) for row in rows}
            months = self._months({month_of(day) for day in todays.values()})
            limits = self._users_limits(at_ms)
        return [
            WatchedOrganization(
                id=row.id,
                today=todays[row.id],
                limit_pusd=row.monthly_limit_pusd,
                spent_by_user=months.get((row.id, month_of(todays[row.id])), {}),
                limits_of_users=limits.get(row.id, {}),
                key_state=row.openrouter_key_state,
                key_problem=row.openrouter_key_problem,
            )
            for row in rows
        ]

    def days(
        self, first: date, last: date, *, user_id: str | None = None
    ) -> Mapping[str, Mapping[date, DayFact]]:
        sealed: Any = ClientDailyUsage if user_id is None else ClientUserDailyUsage
        found = defaultdict[str, dict[date, DayFact]](dict)
        with session(self._db):
            for table in (sealed, ClientLiveCounter):
                query: Any = table.select(
                    table.organization_id,
                    table.day,
                    fn.SUM(table.requests),
                    fn.SUM(table.billed_pusd),
                ).where(table.day.between(first, last))
                if user_id is not None:
                    query = query.where(table.user_id == user_id)
                grouped = query.group_by(table.organization_id, table.day).tuples()
                for organization_id, day, requests, billed in grouped.bind(self._db):
                    fact = DayFact(requests=int(requests), billed_pusd=int(billed))
                    found[organization_id][_date(day)] = fact
        return found

    def old_holds(self, *, before_ms: int) -> Mapping[str, OldHolds]:
        hold = UsageHold
        query: Any = hold.select(
            hold.organization_id, fn.COUNT(hold.id), fn.MIN(hold.at_ms), fn.SUM(hold.estimate_pusd)
        ).where(hold.closed_at_ms.is_null() & (hold.at_ms < before_ms))
        with session(self._db):
            rows = list(query.group_by(hold.organization_id).tuples().bind(self._db))
        return {
            organization_id: OldHolds(count=count, oldest_at_ms=oldest, held_pusd=int(held))
            for organization_id, count, oldest, held in rows
        }

    def captures(self, *, since: date) -> Sequence[CaptureFact]:
        line = ReconciliationLine
        query = line.select().where((line.day >= since) & (line.provider_pusd > 0))
        with session(self._db):
            rows = list(query.order_by(line.day, line.key_hash).bind(self._db))
        return [
            CaptureFact(
                day=row.day,
                key_hash=row.key_hash,
                organization_id=row.organization_id or UNASSIGNED,
                captured_pusd=row.captured_pusd,
                provider_pusd=row.provider_pusd,
                is_final=row.status != "waiting",
            )
            for row in rows
        ]

    def _months(self, months: set[str]) -> Mapping[tuple[str, str], Mapping[str, int]]:
        total = ClientMonthTotal
        found = defaultdict[tuple[str, str], dict[str, int]](dict)
        for row in total.select().where(total.month.in_(sorted(months))).bind(self._db):
            found[row.organization_id, row.month][row.user_id] = row.spent_pusd
        return found

    def _users_limits(self, at_ms: int) -> Mapping[str, Mapping[str, int]]:
        mapping = UserClientMapping
        is_now = (mapping.valid_from_ms <= at_ms) & (
            mapping.valid_to_ms.is_null() | (mapping.valid_to_ms > at_ms)
        )
        query = mapping.select().where(is_now & mapping.monthly_limit_pusd.is_null(is_null=False))
        found = defaultdict[str, dict[str, int]](dict)
        for row in query.bind(self._db):
            found[row.organization_id][row.user_id] = int(row.monthly_limit_pusd or 0)
        return found


def _date(day: Any) -> date:
    """SQLite has no dates of its own and gives back text."""
    return date.fromisoformat(day) if isinstance(day, str) else day


def _zone_at(row: ClientOrganization, at_ms: int) -> str:
    if row.next_timezone_from_ms is not None and row.next_timezone_from_ms <= at_ms:
        return str(row.next_timezone)
    return row.timezone

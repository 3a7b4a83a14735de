"""All organizations at once: where they stand in an overview, and their days."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from peewee import Database, Value, fn

from mai_usage_ext.ports import OrganizationQuery
from mai_usage_ext.ports.client_facts import ClientFact
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import ClientDailyUsage, ClientLiveCounter, ClientOrganization
from mai_usage_ext.storage.organizations import narrowed, zone_at
from mai_usage_ext.storage.sessions import session
from mai_usage_ext.storage.usage_pieces import among

__all__ = ["ClientFactRows"]


class ClientFactRows:
    """Implements ``ports.client_facts.ClientFactStore``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def clients(self, wanted: OrganizationQuery, *, at_ms: int) -> list[ClientFact]:
        row = ClientOrganization
        query: Any = row.select(
            row.id,
            row.name,
            row.timezone,
            row.next_timezone,
            row.next_timezone_from_ms,
            row.monthly_limit_pusd,
            _last_day(ClientDailyUsage).alias("sealed_day"),
            _last_day(ClientLiveCounter).alias("live_day"),
        )
        with session(self._db):
            rows = list(narrowed(query, wanted).order_by(row.id).bind(self._db).objects())
        return [
            ClientFact(
                id=one.id,
                name=one.name,
                time_zone=zone_at(one, at_ms),
                limit_pusd=one.monthly_limit_pusd,
                last_day=max(
                    (_date(day) for day in (one.sealed_day, one.live_day) if day is not None),
                    default=None,
                ),
            )
            for one in rows
        ]

    def billed_by_day(
        self, organization_ids: Sequence[str], *, first: date, last: date
    ) -> Mapping[str, Mapping[date, int]]:
        if not organization_ids:
            return {}
        # One statement, so that a day being sealed meanwhile is seen on one side or the other.
        parts = [
            self._days(table, organization_ids, first, last, is_sealed)
            for table, is_sealed in ((ClientLiveCounter, 0), (ClientDailyUsage, 1))
        ]
        with session(self._db):
            # Sealed ones last: they win.
            rows = sorted((parts[0] + parts[1]).bind(self._db).tuples(), key=lambda row: row[2])
        found: dict[str, dict[date, int]] = defaultdict(dict)
        for organization_id, day, _, billed in rows:
            found[organization_id][_date(day)] = int(billed)
        return found

    def _days(self, table: Any, ids: Sequence[str], first: date, last: date, is_sealed: int) -> Any:
        is_wanted = among(table.organization_id, sorted(ids), is_sqlite=is_sqlite(self._db))
        return (
            table.select(
                table.organization_id, table.day, Value(is_sealed), fn.SUM(table.billed_pusd)
            )
            .where(is_wanted & table.day.between(first, last))
            .group_by(table.organization_id, table.day)
        )


def _last_day(table: Any) -> Any:
    """One look into the key's index for each organization."""
    return table.select(fn.MAX(table.day)).where(table.organization_id == ClientOrganization.id)


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)

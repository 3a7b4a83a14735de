"""The routes of the reseller's office over the golden year, with a clock that can be set."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from fastapi.testclient import TestClient

from mai_usage_ext.api.services import ApiServices, UsageServices
from mai_usage_ext.api.usage import PREFIX
from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.exports import FORMATS
from mai_usage_ext.ports import HostUser
from mai_usage_ext.services.activity import Activity
from mai_usage_ext.services.cache_savings import CacheSavings
from mai_usage_ext.services.client_overview import ClientOverview
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.exports import Exports
from mai_usage_ext.services.people import OpenRouterNames, People
from mai_usage_ext.services.report_cache import ReportCache
from mai_usage_ext.services.reports import Reports
from mai_usage_ext.services.standings import Standings
from mai_usage_ext.services.usage_reports import UsageReports
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.captures import CaptureRows
from mai_usage_ext.storage.client_facts import ClientFactRows
from mai_usage_ext.storage.ledger_pages import LedgerPageRows
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.month_money import MonthMoneyRows
from mai_usage_ext.storage.usage_lines import UsageLineRows
from tests.api.office import app_of
from tests.golden.plan import DELETED, ORGANIZATIONS
from tests.golden.stage import SimulatedClock

__all__ = ["EVENING", "Office", "open_office"]

# The last day of the year in Auckland and Warsaw, the one before it in Los Angeles.
EVENING = datetime(2024, 12, 31, 5, tzinfo=UTC)
_PAGE = 200
_PEOPLE = {
    name: HostUser(id=name, name=name.title(), email=f"{name}@example.com")
    for organization in ORGANIZATIONS
    for name in organization.users
    if name != DELETED[0]
}


class HostPeople:
    """The host's users as the year ends."""

    def find(self, user_id: str) -> HostUser | None:
        return _PEOPLE.get(user_id)

    def find_by_email(self, email: str) -> HostUser | None:
        return next((one for one in _PEOPLE.values() if one.email == email), None)

    def known(self, user_ids: Sequence[str]) -> dict[str, HostUser]:
        return {user_id: _PEOPLE[user_id] for user_id in user_ids if user_id in _PEOPLE}

    def search(self, text: str, limit: int) -> Sequence[HostUser]:
        return [one for one in _PEOPLE.values() if text in one.email][:limit]

    def page(self, text: str, offset: int, limit: int) -> tuple[Sequence[HostUser], int]:
        found = self.search(text, len(_PEOPLE))
        return found[offset : offset + limit], len(found)


@dataclass
class Office:
    client: TestClient
    clock: SimulatedClock

    def ask(self, path: str, *, user: str = "admin", **query: Any) -> Any:
        """The JSON of an answer. ``query`` without what is ``None``; ``since`` is ``from``."""
        return self.answer(path, user=user, **query).json()

    def answer(self, path: str, *, user: str = "admin", **query: Any) -> Any:
        names = {"since": "from", "until": "to"}
        given = {names.get(name, name): text for name, text in query.items() if text is not None}
        answer = self.client.get(PREFIX + path, params=given, headers={"x-user": user})
        assert answer.status_code == 200, answer.text
        return answer

    def pages(self, path: str, name: str, **query: Any) -> Any:
        """The first page, with the lines of all others in its list ``name``."""
        first = self.ask(path, limit=_PAGE, **query)
        while len(first[name]) < first["total"]:
            more = self.ask(path, limit=_PAGE, offset=len(first[name]), **query)
            assert more["totals"] == first["totals"]
            first[name] += more[name]
        return first


@contextmanager
def open_office(url: str) -> Iterator[Office]:
    """Reads only: nothing of it writes to the database."""
    settings = Settings.from_env(
        {
            "MAI_USAGE_DATABASE_URL": url,
            "MAI_USAGE_DEFAULT_ORGANIZATION": "off",
            "WEBUI_SECRET_KEY": "the secret of the host",
        }
    )
    bench = open_workbench(settings, users=HostPeople())
    clock = SimulatedClock(EVENING)
    try:
        with app_of(_services(bench, clock)) as app, TestClient(app) as client:
            yield Office(client=client, clock=clock)
    finally:
        bench.close()


def _services(bench: Workbench, clock: SimulatedClock) -> ApiServices:
    """Those that answer for usage, wired as a meter wires them, but for the clock."""
    source = UsageLineRows(bench.database)
    cache, people = ReportCache(source), People(bench.users)
    services = SimpleNamespace(
        directory=Directory(
            bench.organization_rows, newcomers=bench.newcomers, default_id=None, clock=clock
        ),
        organizations=bench.organizations,
        reports=Reports(bench.usage, bench.holds, clock=clock),
        zero_usage=SimpleNamespace(hint=lambda report, *, is_admin: None),
        usage=UsageServices(
            reports=UsageReports(source, cache, people=people, clock=clock),
            activity=Activity(source, cache, clock=clock),
            names=OpenRouterNames(MemberRows(bench.database)),
            savings=CacheSavings(lambda model: None),
            clients=ClientOverview(
                ClientFactRows(bench.database), bench.organization_rows, cache, clock=clock
            ),
            captures=CaptureRows(bench.database),
            standings=Standings(
                MonthMoneyRows(bench.database), bench.organization_rows, clock=clock
            ),
        ),
        exports=Exports(
            source,
            LedgerPageRows(bench.database),
            organizations=bench.organization_rows,
            people=people,
            formats=FORMATS,
            clock=clock,
        ),
    )
    return cast("ApiServices", services)

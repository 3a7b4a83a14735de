"""Reports of usage, and what they are made of."""

from collections.abc import Callable

from mai_usage_ext.api.services import UsageServices
from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.ports.shelf import Shelf
from mai_usage_ext.services.activity import Activity
from mai_usage_ext.services.cache_savings import CacheSavings
from mai_usage_ext.services.client_overview import ClientOverview
from mai_usage_ext.services.people import OpenRouterNames, People
from mai_usage_ext.services.report_cache import ReportCache
from mai_usage_ext.services.standings import Standings
from mai_usage_ext.services.usage_reports import UsageReports
from mai_usage_ext.storage.captures import CaptureRows
from mai_usage_ext.storage.client_facts import ClientFactRows
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.month_money import MonthMoneyRows
from mai_usage_ext.storage.usage_lines import UsageLineRows

__all__ = ["wire_usage"]


def wire_usage(
    bench: Workbench,
    *,
    price_of: Callable[[str], ModelPrice | None],
    shelf: Shelf | None = None,
) -> UsageServices:
    """``price_of`` is the price list of now."""
    clock, source = SystemClock(), UsageLineRows(bench.database)
    cache = ReportCache(source, shelf=shelf)
    return UsageServices(
        reports=UsageReports(source, cache, people=People(bench.users), clock=clock),
        activity=Activity(source, cache, clock=clock),
        names=OpenRouterNames(MemberRows(bench.database)),
        savings=CacheSavings(price_of),
        clients=ClientOverview(
            ClientFactRows(bench.database), bench.organization_rows, cache, clock=clock
        ),
        captures=CaptureRows(bench.database),
        standings=Standings(MonthMoneyRows(bench.database), bench.organization_rows, clock=clock),
    )

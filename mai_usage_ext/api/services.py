"""What the routes call, handed in by the one place that wires everything."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mai_usage_ext.ports.captures import CaptureStore
from mai_usage_ext.ports.metrics import MetricsPage
from mai_usage_ext.ports.slow_queries import SlowQueryLog
from mai_usage_ext.ports.statements import StatementPrinter
from mai_usage_ext.ports.steps import CheckRun
from mai_usage_ext.services.activity import Activity
from mai_usage_ext.services.alert_rules import AlertRules
from mai_usage_ext.services.alerts import Alerts
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.broadcast import Broadcast
from mai_usage_ext.services.cache_savings import CacheSavings
from mai_usage_ext.services.client_overview import ClientOverview
from mai_usage_ext.services.deliveries import Deliveries
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.explain import Explain
from mai_usage_ext.services.exports import Exports
from mai_usage_ext.services.health import HealthCheck
from mai_usage_ext.services.key_check import KeyCheck
from mai_usage_ext.services.keys import Keys
from mai_usage_ext.services.limit_events import LimitEvents
from mai_usage_ext.services.live import LiveUsage
from mai_usage_ext.services.live_settings import LiveSettings
from mai_usage_ext.services.members import Members
from mai_usage_ext.services.notifications import Notifications
from mai_usage_ext.services.organizations import Organizations
from mai_usage_ext.services.people import OpenRouterNames
from mai_usage_ext.services.pricing import Pricing
from mai_usage_ext.services.rates import Rates
from mai_usage_ext.services.reconciliation import Reconciliation
from mai_usage_ext.services.reports import Reports
from mai_usage_ext.services.self_test import SelfTest, SelfTestReport
from mai_usage_ext.services.setup import Setup
from mai_usage_ext.services.standings import Standings
from mai_usage_ext.services.statement_closing import StatementClosing
from mai_usage_ext.services.statements import Statements
from mai_usage_ext.services.usage_reports import UsageReports
from mai_usage_ext.services.validation import Validation
from mai_usage_ext.services.webhooks import Webhooks
from mai_usage_ext.services.zero_usage import ZeroUsage

__all__ = [
    "AlertServices",
    "ApiServices",
    "BillingServices",
    "DebugServices",
    "Provide",
    "UsageServices",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageServices:
    """Reports, and what is told beside their lines."""

    reports: UsageReports
    activity: Activity
    names: OpenRouterNames
    savings: CacheSavings
    standings: Standings
    clients: ClientOverview
    captures: CaptureStore


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertServices:
    """Alerts, the rules that make them, and the messages about them."""

    rules: AlertRules
    alerts: Alerts
    notifications: Notifications


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingServices:
    """Statements and their rates, what closes them by itself, and what prints them."""

    statements: Statements
    rates: Rates
    closing: StatementClosing
    printer: StatementPrinter


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugServices:
    """What an operator asks when something looks wrong."""

    explain: Explain
    validation: Validation
    connectivity: CheckRun
    self_test: SelfTest
    simulated_test: Callable[[], Awaitable[SelfTestReport]]
    slow_queries: SlowQueryLog


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """The services of one running meter."""

    directory: Directory
    reports: Reports
    usage: UsageServices
    health: HealthCheck
    metrics: MetricsPage
    debug: DebugServices
    zero_usage: ZeroUsage
    organizations: Organizations
    members: Members
    pricing: Pricing
    keys: Keys
    key_check: KeyCheck
    audit: Audit
    live_settings: LiveSettings
    setup: Setup
    live_usage: LiveUsage
    limit_events: LimitEvents
    alerts: AlertServices
    reconciliation: Reconciliation
    broadcast: Broadcast
    exports: Exports
    billing: BillingServices
    webhooks: Webhooks
    deliveries: Deliveries


Provide = Callable[[], ApiServices]
"""Raises ``NotRunning`` while the meter does not run; the text says why."""

"""What the routes call, handed in by the one place that wires everything."""

from collections.abc import Callable
from dataclasses import dataclass

from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.broadcast import Broadcast
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.health import HealthCheck
from mai_usage_ext.services.key_check import KeyCheck
from mai_usage_ext.services.keys import Keys
from mai_usage_ext.services.limit_events import LimitEvents
from mai_usage_ext.services.live import LiveUsage
from mai_usage_ext.services.live_settings import LiveSettings
from mai_usage_ext.services.members import Members
from mai_usage_ext.services.organizations import Organizations
from mai_usage_ext.services.pricing import Pricing
from mai_usage_ext.services.reconciliation import Reconciliation
from mai_usage_ext.services.reports import Reports

__all__ = ["ApiServices", "Provide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """The services of one running meter."""

    directory: Directory
    reports: Reports
    health: HealthCheck
    organizations: Organizations
    members: Members
    pricing: Pricing
    keys: Keys
    key_check: KeyCheck
    audit: Audit
    live_settings: LiveSettings
    live_usage: LiveUsage
    limit_events: LimitEvents
    reconciliation: Reconciliation
    broadcast: Broadcast


Provide = Callable[[], ApiServices]
"""Raises ``NotRunning`` while the meter does not run; the text says why."""

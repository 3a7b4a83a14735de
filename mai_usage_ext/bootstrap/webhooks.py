"""Telling others of events."""

from typing import Any

from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.channels.addresses import AddressRules
from mai_usage_ext.channels.webhooks import WebhookSender
from mai_usage_ext.ports import SystemClock
from mai_usage_ext.services.deliveries import Deliveries
from mai_usage_ext.services.webhooks import Webhooks
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.webhook_deliveries import DeliveryRows
from mai_usage_ext.storage.webhook_endpoints import EndpointRows

__all__ = ["wire_webhooks"]


def wire_webhooks(bench: Workbench, settings: Settings) -> tuple[Webhooks, Deliveries]:
    rules = AddressRules(settings.webhook_allow, allows_http=settings.webhook_http)
    endpoints = EndpointRows(bench.database, bench.vault)
    rows = DeliveryRows(bench.database, bench.vault)
    common: dict[str, Any] = {
        "audit": bench.audit,
        "unit_of_work": bench.unit_of_work,
        "clock": SystemClock(),
    }
    webhooks = Webhooks(
        endpoints, rows, rules=rules, organizations=bench.organization_rows, **common
    )
    deliveries = Deliveries(
        rows,
        endpoints,
        WebhookSender(rules),
        source=settings.webhook_source,
        keep_days=settings.webhook_days,
        **common,
    )
    return webhooks, deliveries

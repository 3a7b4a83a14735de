"""Exports: the reports, the ledger and the people on one side, the formats on the other."""

from collections.abc import Callable
from typing import Any

from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.exports import FORMATS
from mai_usage_ext.ports import Clock, HostUsers, OrganizationStore, SystemClock
from mai_usage_ext.services.exports import Exports
from mai_usage_ext.services.people import People
from mai_usage_ext.services.scheduled_export import ScheduledExport
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.ledger_pages import LedgerPageRows
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.usage_lines import UsageLineRows

__all__ = ["exports_of", "wire_exports", "wire_scheduled_export"]


def wire_exports(bench: Workbench) -> Exports:
    return exports_of(
        bench.database,
        organizations=bench.organization_rows,
        users=bench.users,
        issuer=lambda: bench.live_settings.current.seller_name,
    )


def exports_of(
    database: Any,
    *,
    organizations: OrganizationStore,
    users: HostUsers,
    issuer: Callable[[], str | None] = lambda: None,
) -> Exports:
    """``issuer`` is the name on the invoices."""
    return Exports(
        UsageLineRows(database),
        LedgerPageRows(database),
        organizations=organizations,
        people=People(users),
        formats=FORMATS,
        clock=SystemClock(),
        issuer=issuer,
    )


def wire_scheduled_export(
    bench: Workbench, settings: Settings, clock: Clock
) -> ScheduledExport | None:
    """``None`` where no folder is named. ``clock`` must not run ahead."""
    if settings.export_folder is None:
        return None
    return ScheduledExport(
        wire_exports(bench),
        SealRows(bench.database),
        LedgerPageRows(bench.database),
        folder=settings.export_folder,
        reports=settings.export_reports,
        formats=settings.export_formats,
        grace_ms=settings.seal_grace_ms,
        clock=clock,
    )

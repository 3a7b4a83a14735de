"""The comparison with OpenRouter's own figures, of days and of single calls."""

from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.openrouter.activity import ActivityClient
from mai_usage_ext.ports import Ledger, SystemClock
from mai_usage_ext.services.broadcast import Broadcast
from mai_usage_ext.services.gaps import Gaps
from mai_usage_ext.services.reconciliation import Reconciliation
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.broadcast import BroadcastRows
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.reconciliation import ReconciliationRows

__all__ = ["wire_broadcast", "wire_reconciliation"]


def wire_reconciliation(bench: Workbench, settings: Settings, ledger: Ledger) -> Reconciliation:
    rows = ReconciliationRows(bench.database)
    gaps = Gaps(rows, EventRows(bench.database), unit_of_work=bench.unit_of_work)
    return Reconciliation(
        rows,
        ledger,
        ActivityClient(settings.base_urls[0]),
        organizations=bench.organization_rows,
        gaps=gaps,
        management_key=lambda: bench.live_settings.current.provisioning_key,
        clock=SystemClock(),
    )


def wire_broadcast(
    bench: Workbench, settings: Settings, ledger: Ledger, reconciliation: Reconciliation
) -> Broadcast:
    return Broadcast(
        BroadcastRows(bench.database),
        ledger,
        organizations=bench.organization_rows,
        comparisons=reconciliation,
        keep_days=settings.ledger_days,
        clock=SystemClock(),
    )

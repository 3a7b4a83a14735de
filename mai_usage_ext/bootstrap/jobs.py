"""What runs beside the chats, and how often."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from mai_usage_ext.api.services import BillingServices
from mai_usage_ext.bootstrap.alerts import AlertWork
from mai_usage_ext.bootstrap.exports import wire_scheduled_export
from mai_usage_ext.bootstrap.workbench import Workbench
from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.jobs.thread import Job, JobThread
from mai_usage_ext.openrouter.prices import PriceBook
from mai_usage_ext.ports import JobLeases, SystemClock
from mai_usage_ext.ports.tracing import Tracing
from mai_usage_ext.services.broadcast import Broadcast
from mai_usage_ext.services.deliveries import Deliveries
from mai_usage_ext.services.job_reports import JobReports
from mai_usage_ext.services.key_check import KeyCheck
from mai_usage_ext.services.leases import LeasedJob
from mai_usage_ext.services.month_check import MonthCheck
from mai_usage_ext.services.reconciliation import Reconciliation
from mai_usage_ext.services.recovery import Recovery
from mai_usage_ext.services.retention import Retention
from mai_usage_ext.services.sealing import Sealing
from mai_usage_ext.services.settlement import Settlement
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.clock import DatabaseClock, EarlierClock
from mai_usage_ext.storage.job_leases import JobLeaseRows
from mai_usage_ext.storage.month_totals import MonthTotalRows
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.retention import RetentionRows
from mai_usage_ext.storage.sealing import SealRows

__all__ = ["Jobs", "jobs_of"]

# A setting that was changed in another process holds here after this long at most.
_SETTINGS_EVERY_S = 2
_PRICES_EVERY_S = 3600
_DELETED_USERS_EVERY_S = 3600
_SEALING_EVERY_S = 60
_RECONCILIATION_EVERY_S = 3600
_BROADCAST_EVERY_S = 15
_WEBHOOKS_EVERY_S = 2
_RETENTION_EVERY_S = 3600
# Banks publish once a day, at hours of their own.
_RATES_EVERY_S = 3 * 3600
_STATEMENTS_EVERY_S = 3600
_ALERTING_EVERY_S = 60
# What one recipient is to know of a minute goes into one message.
_NOTIFICATIONS_EVERY_S = 60
_MONTH_CHECK_EVERY_S = 3600
_EXPORT_EVERY_S = 3600
# How often a process asks whether a shared job is due and free. With the twenty seconds of a lease
# on top, somebody takes over from a dead process within half a minute.
_ASK_EVERY_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """What the job thread runs, and who tells how it goes."""

    thread: JobThread
    reports: JobReports


def jobs_of(
    bench: Workbench,
    settings: Settings,
    *,
    owner: str,
    settlement: Settlement,
    prices: PriceBook,
    key_check: KeyCheck,
    reconciliation: Reconciliation,
    broadcast: Broadcast,
    deliveries: Deliveries,
    alerts: AlertWork,
    billing: BillingServices,
    tracing: Tracing,
    at_end: Callable[[], Awaitable[None]],
) -> Jobs:
    """Each looks at the data and may run twice, in this process or another.

    What keeps a process itself up to date runs in every one; so does what many can share out among
    them, such as settlement. The rest runs in one, under a lease; ``owner`` names this process.
    """
    clock = SystemClock()
    recovery = Recovery(bench.holds, clock=clock)
    # Where a clock runs ahead, nothing is sealed or dropped before the other one says so too.
    earlier = EarlierClock(bench.database, clock)
    sealing = Sealing(SealRows(bench.database), grace_ms=settings.seal_grace_ms, clock=earlier)
    month_check = MonthCheck(MonthTotalRows(bench.database), clock=clock)
    retention = Retention(
        RetentionRows(bench.database),
        ReconciliationRows(bench.database),
        ledger_days=settings.ledger_days,
        management_key=lambda: bench.live_settings.current.provisioning_key,
        clock=earlier,
    )
    recovery_s = max(1, settings.lease_ms // 3000)
    key_check_s = max(1, settings.key_check_ms // 1000)
    reload, forget = bench.live_settings.reload, bench.members.forget_deleted
    own = [
        Job(name="recovery", every_s=recovery_s, run=_in_thread(recovery.run_once)),
        Job(name="settlement", every_s=1, run=settlement.run_once),
        Job(name="settings", every_s=_SETTINGS_EVERY_S, run=_in_thread(reload)),
        Job(
            name="alert rules",
            every_s=_SETTINGS_EVERY_S,
            run=_in_thread(alerts.services.rules.reload),
        ),
        Job(name="prices", every_s=_PRICES_EVERY_S, run=prices.refresh),
        Job(name="keys", every_s=key_check_s, run=key_check.run_once),
        Job(name="events", every_s=_WEBHOOKS_EVERY_S, run=_in_thread(deliveries.spread_events)),
        Job(name="webhooks", every_s=_WEBHOOKS_EVERY_S, run=deliveries.run_once),
    ]
    shared = [
        Job(name="sealing", every_s=_SEALING_EVERY_S, run=sealing.run_once),
        Job(name="reconciliation", every_s=_RECONCILIATION_EVERY_S, run=reconciliation.run_once),
        Job(name="broadcast", every_s=_BROADCAST_EVERY_S, run=broadcast.run_once),
        Job(name="old events", every_s=_RETENTION_EVERY_S, run=_in_thread(deliveries.prune)),
        Job(name="alerting", every_s=_ALERTING_EVERY_S, run=alerts.alerting.run_once),
        Job(
            name="notifications",
            every_s=_NOTIFICATIONS_EVERY_S,
            run=alerts.services.notifications.run_once,
        ),
        Job(name="retention", every_s=_RETENTION_EVERY_S, run=retention.run_once),
        Job(name="rates", every_s=_RATES_EVERY_S, run=billing.rates.run_once),
        Job(name="statements", every_s=_STATEMENTS_EVERY_S, run=billing.closing.run_once),
        Job(name="month totals", every_s=_MONTH_CHECK_EVERY_S, run=month_check.run_once),
        Job(
            name="deleted users",
            every_s=_DELETED_USERS_EVERY_S,
            run=lambda: asyncio.to_thread(forget),
        ),
    ]
    scheduled_export = wire_scheduled_export(bench, settings, earlier)
    if scheduled_export is not None:
        shared.append(
            Job(name="monthly export", every_s=_EXPORT_EVERY_S, run=scheduled_export.run_once)
        )
    leases = JobLeaseRows(bench.database, owner=owner)
    thread = JobThread(
        [
            *map(_patient, own),
            *(_leased(_traced(job, tracing), leases) for job in shared),
        ],
        at_end=at_end,
    )
    every_s = {job.name: job.every_s for job in (*own, *shared)}
    reports = JobReports(
        leases,
        every_s=every_s,
        own=thread.records,
        clock=clock,
        shared_clock=DatabaseClock(bench.database),
    )
    return Jobs(thread=thread, reports=reports)


def _leased(job: Job, leases: JobLeases) -> Job:
    leased = LeasedJob(job.name, job.run, every_s=job.every_s, leases=leases)
    return Job(name=job.name, every_s=_ASK_EVERY_S, run=leased.run, is_shared=True)


def _traced(job: Job, tracing: Tracing) -> Job:
    """What runs under a lease is worth a trace each time; what looks every second is not."""

    async def run() -> object:
        with tracing.job(job.name):
            return await job.run()

    return replace(job, run=run)


def _patient(job: Job) -> Job:
    """A database that is away is no failure of a job: the next round looks at the same data."""

    async def run() -> None:
        try:
            await job.run()
        except StorageUnavailable as error:
            tally.warn("jobs postponed", f"the job {job.name} has to wait: {error}")

    return replace(job, run=run)


def _in_thread(work: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    return lambda: asyncio.to_thread(work)

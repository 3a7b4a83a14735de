"""Everything that runs in one process: the writer, the jobs, and the services on top."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from mai_usage_ext.api.services import AlertServices, ApiServices
from mai_usage_ext.bootstrap.alerts import wire_alerts
from mai_usage_ext.bootstrap.billing import wire_billing
from mai_usage_ext.bootstrap.debugging import key_of_host, wire_debugging
from mai_usage_ext.bootstrap.exports import wire_exports
from mai_usage_ext.bootstrap.health import MeterParts, wire_health, wire_metrics
from mai_usage_ext.bootstrap.jobs import Jobs, jobs_of
from mai_usage_ext.bootstrap.keys import wire_keys
from mai_usage_ext.bootstrap.reconciliation import wire_broadcast, wire_reconciliation
from mai_usage_ext.bootstrap.setup import wire_setup
from mai_usage_ext.bootstrap.sharing import messages_of, redis_place, shelf_of
from mai_usage_ext.bootstrap.tracing import tracing_of
from mai_usage_ext.bootstrap.usage import wire_usage
from mai_usage_ext.bootstrap.webhooks import wire_webhooks
from mai_usage_ext.bootstrap.workbench import Workbench, open_workbench
from mai_usage_ext.host.gate import Gate
from mai_usage_ext.host.outbound import Outbound
from mai_usage_ext.host.serving import server_is_stopping
from mai_usage_ext.openrouter.client import OpenRouterClient
from mai_usage_ext.openrouter.prices import PriceBook
from mai_usage_ext.ports import (
    Hold,
    HostUsers,
    LookupKeys,
    NoKeys,
    SystemClock,
)
from mai_usage_ext.ports.alerts import HostNotices
from mai_usage_ext.ports.messages import Topic
from mai_usage_ext.services.admission import Admission
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.live import LiveUsage
from mai_usage_ext.services.meter_counts import MeterCounts
from mai_usage_ext.services.recording import Recording
from mai_usage_ext.services.reports import Reports
from mai_usage_ext.services.settlement import Settlement
from mai_usage_ext.services.zero_usage import ZeroUsage
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.live import LiveRows
from mai_usage_ext.storage.writer import LedgerWriter
from mai_usage_ext.version import __version__

__all__ = ["Meter", "metering"]

log = logging.getLogger("mai_usage_ext")

_DRAIN_S = 10.0


class KeysInOrder:
    """The organization's own key, the host's keys, then the management key, which may ask about
    any call."""

    def __init__(
        self,
        bench: Workbench,
        host: LookupKeys,
        management_key: Callable[[], str | None],
    ) -> None:
        self._bench = bench
        self._host = host
        self._management_key = management_key

    async def for_hold(self, hold: Hold) -> Sequence[str]:
        own = await asyncio.to_thread(self._bench.key_rows.secret, hold.organization_id)
        keys = [own, *await self._host.for_hold(hold), self._management_key()]
        return [key for key in keys if key]


class Meter:
    """One process's meter. ``gate`` and ``services`` are there while it runs."""

    def __init__(
        self,
        settings: Settings,
        *,
        host_database_url: str | None,
        host_keys: Callable[[], LookupKeys],
        host_users: Callable[[], HostUsers | None] = lambda: None,
        prototype: bool = False,
        rate_limit_trouble: Callable[[], str | None] = lambda: None,
        host_notices: Callable[[], HostNotices | None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._host_database_url = host_database_url
        self._host_keys = host_keys
        self._host_users = host_users
        self._prototype = prototype
        self._rate_limit_trouble = rate_limit_trouble
        self._host_notices = host_notices
        self._messages = messages_of(settings)
        self._shelf = shelf_of(settings)
        self._clock = SystemClock()
        self._stop: list[Callable[[], object]] = []
        self._directory: Directory | None = None
        self.gate: Gate | None = None
        self.services: ApiServices | None = None

    async def start(self) -> None:
        """Open and migrate the database, then start the writer and the jobs. Raises on failure."""
        bench = await asyncio.to_thread(
            open_workbench,
            self._settings,
            host_database_url=self._host_database_url,
            prototype=self._prototype,
            users=self._host_users(),
            on_change=self._forget_places,
            on_commit=lambda: self._messages.tell(Topic.CHANGES),
        )
        self._stop.append(bench.close)
        client = OpenRouterClient(self._settings.base_urls[0])
        prices = PriceBook(client, bench.stored_prices, clock=self._clock)
        await prices.load()
        self._wire(bench, self._host_keys(), client, prices)

    async def stop(self) -> None:
        """Drain: what is queued is committed, what stays in flight keeps its hold."""
        self.gate = self.services = None
        while self._stop:
            await asyncio.to_thread(self._stop.pop())

    def _forget_places(self) -> None:
        if self._directory is not None:
            self._directory.forget()

    def _wire(
        self,
        bench: Workbench,
        host_keys: LookupKeys,
        client: OpenRouterClient,
        prices: PriceBook,
    ) -> None:
        live, call_keys = bench.live_settings, CallKeys()
        tracing = tracing_of(self._settings)
        owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        counts = MeterCounts(clock=self._clock)
        ledger = self._started_ledger(bench, owner, counts)
        keys, key_check = wire_keys(bench, self._settings, changed=self._forget_places)
        settlement = Settlement(
            bench.holds,
            ledger,
            client,
            call_keys=call_keys,
            other_keys=KeysInOrder(bench, host_keys, lambda: live.current.provisioning_key),
            clock=self._clock,
        )
        reconciliation = wire_reconciliation(bench, self._settings, ledger)
        broadcast = wire_broadcast(bench, self._settings, ledger, reconciliation)
        webhooks, deliveries = wire_webhooks(bench, self._settings)
        alerts = wire_alerts(bench, self._settings, host=self._host_notices())
        billing = wire_billing(bench, self._settings)
        jobs = jobs_of(
            bench,
            self._settings,
            owner=owner,
            settlement=settlement,
            prices=prices,
            key_check=key_check,
            reconciliation=reconciliation,
            broadcast=broadcast,
            deliveries=deliveries,
            alerts=alerts,
            billing=billing,
            tracing=tracing,
            at_end=client.close,
        )
        jobs.thread.start()
        self._stop.append(lambda: jobs.thread.stop(timeout_s=_DRAIN_S))
        directory = self._directory = Directory(
            bench.organization_rows,
            newcomers=bench.newcomers,
            default_id=bench.default_id,
            clock=self._clock,
        )
        admission = Admission(
            ledger,
            prices,
            owner=owner,
            default_hold_pusd=lambda: live.current.default_hold_pusd,
            clock=self._clock,
        )
        self.gate = Gate(
            directory,
            admission,
            Recording(ledger, call_keys=call_keys, clock=self._clock),
            call_keys,
            commit_wait_s=lambda: live.current.hold_wait_ms / 1000,
            refuses_unknown=self._settings.on_start_failure == "block",
            tracing=tracing,
            waited=counts.hold_waits.note,
        )
        self._stop.append(self.gate.close)
        reports = Reports(bench.usage, bench.holds, clock=self._clock)
        live_usage = LiveUsage(
            LiveRows(bench.database),
            reports,
            organizations=bench.organization_rows,
            clock=self._clock,
            is_stopping=server_is_stopping,
        )
        self._stop.append(live_usage.close)
        if self._shelf is not None:
            self._stop.append(self._shelf.close)
        parts = self._parts(ledger, counts, jobs, alerts.services)
        self.services = ApiServices(
            directory=directory,
            reports=reports,
            usage=wire_usage(bench, price_of=prices.of, shelf=self._shelf),
            health=wire_health(bench, self._settings, parts, key_check),
            metrics=wire_metrics(bench, self._settings, parts),
            zero_usage=ZeroUsage(counts.look, base_urls=self._settings.base_urls),
            debug=wire_debugging(bench, self._settings, key=key_of_host(host_keys)),
            organizations=bench.organizations,
            members=bench.members,
            pricing=bench.pricing,
            keys=keys,
            key_check=key_check,
            audit=bench.audit,
            live_settings=live,
            setup=wire_setup(bench, self._settings),
            live_usage=live_usage,
            limit_events=bench.limit_events,
            alerts=alerts.services,
            reconciliation=reconciliation,
            broadcast=broadcast,
            exports=wire_exports(bench),
            billing=billing,
            webhooks=webhooks,
            deliveries=deliveries,
        )
        self._listen(self.services)

    def _listen(self, services: ApiServices) -> None:
        """Do at once what this process would otherwise do when it polls."""

        def of_changes(_names: frozenset[str]) -> None:
            services.directory.forget()
            services.live_settings.reload()
            services.alerts.rules.reload()
            services.live_usage.hurry()

        self._messages.start({Topic.CHANGES: of_changes, Topic.USAGE: services.live_usage.hurry})
        self._stop.append(self._messages.stop)

    def _parts(
        self, ledger: LedgerWriter, counts: MeterCounts, jobs: Jobs, alerts: AlertServices
    ) -> MeterParts:
        return MeterParts(
            ledger=ledger,
            counts=counts,
            jobs=jobs.reports.look,
            jobs_are_alive=lambda: jobs.thread.is_alive,
            redis=None if redis_place(self._settings) is None else self._redis_troubles,
            complaints={"notifications": alerts.notifications.trouble},
        )

    def _redis_troubles(self) -> list[str]:
        of_shelf = None if self._shelf is None else self._shelf.trouble
        troubles = (self._messages.trouble, self._rate_limit_trouble(), of_shelf)
        return [trouble for trouble in troubles if trouble is not None]

    def _started_ledger(self, bench: Workbench, owner: str, counts: MeterCounts) -> LedgerWriter:
        ledger = LedgerWriter(
            bench.database,
            owner=owner,
            clock=self._clock,
            version=__version__,
            queue_size=self._settings.queue_size,
            lease_ms=self._settings.lease_ms,
            marks=bench.alert_rules.marks,
            ended=lambda names: self._messages.tell(Topic.USAGE, names),
            observer=counts,
        )
        ledger.start()
        self._stop.append(lambda: _drain(ledger))
        return ledger


@asynccontextmanager
async def metering(
    settings: Settings, *, host_database_url: str | None = None
) -> AsyncIterator[Meter]:
    """The meter in a program that is not Open WebUI: every call to a metered base URL.

    ``mai_usage_ext.host.caller.current_caller`` tells it who calls.
    """
    meter = Meter(settings, host_database_url=host_database_url, host_keys=NoKeys)
    outbound = Outbound(
        settings.base_urls,
        on_start_failure=settings.on_start_failure,
        httpx=settings.meter_httpx,
        requests=settings.meter_requests,
    )
    await meter.start()
    outbound.gate = meter.gate
    outbound.install()
    try:
        yield meter
    finally:
        outbound.remove()
        await meter.stop()


def _drain(ledger: LedgerWriter) -> None:
    left = ledger.stop(timeout_s=_DRAIN_S)
    if left:
        log.error("%d changes could not be written before the process ended", left)

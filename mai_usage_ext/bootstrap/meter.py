"""Everything that runs in one process: the writer, the jobs, and the services on top."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.bootstrap.workbench import Workbench, open_workbench
from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.host.outbound import Gate, Outbound
from mai_usage_ext.jobs.thread import Job, JobThread
from mai_usage_ext.openrouter.client import OpenRouterClient
from mai_usage_ext.openrouter.management import ManagementClient
from mai_usage_ext.openrouter.prices import PriceBook
from mai_usage_ext.ports import Hold, HostUsers, LookupKeys, NoKeys, SystemClock
from mai_usage_ext.services.admission import Admission
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.health import HealthCheck
from mai_usage_ext.services.key_check import KeyCheck
from mai_usage_ext.services.key_making import KeyMaker
from mai_usage_ext.services.key_terms import KeyPolicy
from mai_usage_ext.services.key_upkeep import KeyUpkeep
from mai_usage_ext.services.keys import Keys
from mai_usage_ext.services.recording import Recording
from mai_usage_ext.services.recovery import Recovery
from mai_usage_ext.services.reports import Reports
from mai_usage_ext.services.settlement import Settlement
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.writer import LedgerWriter
from mai_usage_ext.version import __version__

__all__ = ["Meter", "metering"]

log = logging.getLogger("mai_usage_ext")

_DRAIN_S = 10.0
# A change made in another process holds here after this long at most, and the directory's few
# seconds.
_SETTINGS_EVERY_S = 2
_DELETED_USERS_EVERY_S = 3600


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
    ) -> None:
        self._settings = settings
        self._host_database_url = host_database_url
        self._host_keys = host_keys
        self._host_users = host_users
        self._prototype = prototype
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
        clock, live = self._clock, bench.live_settings
        owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        ledger = LedgerWriter(
            bench.database,
            owner=owner,
            clock=clock,
            version=__version__,
            queue_size=self._settings.queue_size,
            lease_ms=self._settings.lease_ms,
            thresholds=lambda: live.current.alert_thresholds,
        )
        ledger.start()
        self._stop.append(lambda: _drain(ledger))
        call_keys = CallKeys()
        settlement = Settlement(
            bench.holds,
            ledger,
            client,
            call_keys=call_keys,
            other_keys=KeysInOrder(bench, host_keys, lambda: live.current.provisioning_key),
            clock=clock,
        )
        keys, key_check = self._keys(bench)
        jobs = JobThread(
            [
                Job(
                    name="recovery", every_s=_recovery_s(self._settings), run=_recover(bench, clock)
                ),
                Job(name="settlement", every_s=1, run=settlement.run_once),
                Job(name="settings", every_s=_SETTINGS_EVERY_S, run=_in_thread(live.reload)),
                Job(name="prices", every_s=3600, run=prices.refresh),
                Job(
                    name="keys",
                    every_s=max(1, self._settings.key_check_ms // 1000),
                    run=key_check.run_once,
                ),
                Job(
                    name="deleted users",
                    every_s=_DELETED_USERS_EVERY_S,
                    run=_in_thread(bench.members.forget_deleted),
                ),
            ],
            at_end=client.close,
        )
        jobs.start()
        self._stop.append(lambda: jobs.stop(timeout_s=_DRAIN_S))
        self._directory = Directory(
            bench.organization_rows,
            newcomers=bench.newcomers,
            default_id=bench.default_id,
            clock=clock,
        )
        self.gate = Gate(
            self._directory,
            Admission(
                ledger,
                prices,
                owner=owner,
                default_hold_pusd=lambda: live.current.default_hold_pusd,
                clock=clock,
            ),
            Recording(ledger, call_keys=call_keys, clock=clock),
            call_keys,
            commit_wait_s=lambda: live.current.hold_wait_ms / 1000,
            refuses_unknown=self._settings.on_start_failure == "block",
        )
        self._stop.append(self.gate.close)
        self.services = ApiServices(
            directory=self._directory,
            reports=Reports(bench.usage, bench.holds, clock=clock),
            health=HealthCheck(
                ledger,
                bench.holds,
                version=__version__,
                complaints=(
                    lambda: None if ledger.healthy else f"the writer fails: {ledger.last_error}",
                    lambda: None if jobs.is_alive else "the job thread is not running",
                    lambda: _listed(live.view().problems),
                    lambda: report.trouble if (report := key_check.last_report()) else None,
                ),
            ),
            organizations=bench.organizations,
            members=bench.members,
            pricing=bench.pricing,
            keys=keys,
            key_check=key_check,
            audit=bench.audit,
            live_settings=live,
            limit_events=bench.limit_events,
        )

    def _keys(self, bench: Workbench) -> tuple[Keys, KeyCheck]:
        """The management of keys, and the job that compares them with OpenRouter's."""
        rows, management = bench.key_rows, ManagementClient(self._settings.base_urls[0])

        def management_key() -> str | None:
            return bench.live_settings.current.provisioning_key

        def changed(_organization_id: str) -> None:
            self._forget_places()

        common: dict[str, Any] = {
            "audit": bench.audit,
            "unit_of_work": bench.unit_of_work,
            "clock": self._clock,
            "changed": changed,
        }
        policy = KeyPolicy(
            rows, clock=self._clock, lookahead_ms=max(600_000, 2 * self._settings.key_check_ms)
        )
        upkeep = KeyUpkeep(rows, management, policy=policy, **common)
        maker = KeyMaker(
            rows,
            management,
            upkeep=upkeep,
            policy=policy,
            management_key=management_key,
            **common,
        )
        keys = Keys(
            rows,
            management,
            organizations=bench.organization_rows,
            upkeep=upkeep,
            maker=maker,
            management_key=management_key,
            **common,
        )
        check = KeyCheck(
            rows, management, upkeep=upkeep, management_key=management_key, clock=self._clock
        )
        return keys, check


@asynccontextmanager
async def metering(settings: Settings) -> AsyncIterator[Meter]:
    """The meter in a program that is not Open WebUI: every aiohttp call to a metered base URL.

    ``mai_usage_ext.host.caller.current_caller`` tells it who calls.
    """
    meter = Meter(settings, host_database_url=None, host_keys=NoKeys)
    outbound = Outbound(settings.base_urls, on_start_failure=settings.on_start_failure)
    await meter.start()
    outbound.gate = meter.gate
    outbound.install()
    try:
        yield meter
    finally:
        outbound.remove()
        await meter.stop()


def _recovery_s(settings: Settings) -> int:
    return max(1, settings.lease_ms // 3000)


def _recover(bench: Workbench, clock: SystemClock) -> Callable[[], Any]:
    recovery = Recovery(bench.holds, clock=clock)
    return _in_thread(recovery.run_once)


def _in_thread(work: Callable[[], object]) -> Callable[[], Any]:
    async def run() -> None:
        try:
            await asyncio.to_thread(work)
        except StorageUnavailable as error:
            # The next round looks at the same data.
            tally.warn("jobs postponed", f"a job has to wait: {error}")

    return run


def _listed(problems: Sequence[str]) -> str | None:
    return f"settings: {'; '.join(problems)}" if problems else None


def _drain(ledger: LedgerWriter) -> None:
    left = ledger.stop(timeout_s=_DRAIN_S)
    if left:
        log.error("%d changes could not be written before the process ended", left)

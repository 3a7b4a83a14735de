"""The one place that knows every part and wires them."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mai_usage_ext.api.assets import assets_router, loader_route
from mai_usage_ext.api.usage import ALIAS, PREFIX, ApiServices, nothing_else_router, usage_router
from mai_usage_ext.errors import (
    ConfigurationError,
    NotRunning,
    UsageError,
)
from mai_usage_ext.host.attachment import Attachment
from mai_usage_ext.host.keys import HostKeys
from mai_usage_ext.host.outbound import Gate, Outbound
from mai_usage_ext.host.seams import Seams, find_seams, prototype_in_host
from mai_usage_ext.host.serving import host_app
from mai_usage_ext.jobs.thread import Job, JobThread
from mai_usage_ext.openrouter.client import OpenRouterClient
from mai_usage_ext.openrouter.prices import PriceBook
from mai_usage_ext.ports import Hold, LookupKeys, NoKeys, SystemClock
from mai_usage_ext.services.admission import Admission
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.health import HealthCheck
from mai_usage_ext.services.organizations import Organizations
from mai_usage_ext.services.recording import Recording
from mai_usage_ext.services.recovery import Recovery
from mai_usage_ext.services.reports import Reports
from mai_usage_ext.services.settlement import Settlement
from mai_usage_ext.settings import Settings
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.urls import url_beside
from mai_usage_ext.storage.usage import UsageRows
from mai_usage_ext.storage.writer import LedgerWriter
from mai_usage_ext.version import __version__

__all__ = [
    "Meter",
    "Workbench",
    "database_for",
    "install",
    "metering",
    "open_workbench",
    "rehearse",
    "uninstall",
]

log = logging.getLogger("mai_usage_ext")

_DRAIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """The stores and services of one database, without a meter: for the command line and tests."""

    database: Any
    organizations: Organizations
    organization_rows: OrganizationRows
    holds: HoldRows
    usage: UsageRows
    default_id: str | None

    def close(self) -> None:
        close_database(self.database)


def database_for(settings: Settings, host_database_url: str | None) -> tuple[str, bool, str]:
    """URL of our tables, whether the database is ours alone, and the variable that named it."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        return url, url != host_database_url, "MAI_USAGE_DATABASE_URL"
    if host_database_url is None:
        raise ConfigurationError.of(
            "MAI_USAGE_DATABASE_URL", got="", expected="sqlite:///path or postgresql://…"
        )
    return url_beside(host_database_url, setting="DATABASE_URL"), True, "DATABASE_URL"


def open_workbench(
    settings: Settings, *, host_database_url: str | None = None, prototype: bool = False
) -> Workbench:
    """Open the database, migrate it, and make the built-in organizations.

    Raises ``ConfigurationError``, ``SchemaMismatch``, ``MigrationFailed``, ``PrototypePresent`` or
    ``StorageUnavailable``.
    """
    url, owned, setting = database_for(settings, host_database_url)
    database = open_database(url, owned=owned, setting=setting)
    clock = SystemClock()
    Migrator(database, version=__version__, prototype_in_host=prototype).up()
    organization_rows = OrganizationRows(database)
    default_id = organization_rows.ensure_builtin(
        default_name=settings.default_organization,
        time_zone=settings.time_zone,
        rate_micro=settings.default_rate_micro,
        billing_currency=settings.billing_currency,
        now_ms=clock.now_ms(),
    )
    return Workbench(
        database=database,
        organizations=Organizations(
            organization_rows,
            default_rate_micro=settings.default_rate_micro,
            billing_currency=settings.billing_currency,
            time_zone=settings.time_zone,
            clock=clock,
        ),
        organization_rows=organization_rows,
        holds=HoldRows(database),
        usage=UsageRows(database),
        default_id=default_id,
    )


def rehearse(settings: Settings) -> None:
    """Find the seams of the imported host and open its database as a start would, then let go.

    Raises what a start would raise; a no-op where the extension is switched off.
    """
    if not settings.enabled:
        return
    seams = find_seams(host_app())
    open_workbench(settings, host_database_url=seams.database_url).close()


class KeysInOrder:
    """The host's keys first, then the management key, which may ask about any call."""

    def __init__(self, host: LookupKeys, management_key: str | None) -> None:
        self._host = host
        self._management_key = management_key

    async def for_hold(self, hold: Hold) -> Sequence[str]:
        keys = list(await self._host.for_hold(hold))
        return [*keys, self._management_key] if self._management_key else keys


class Meter:
    """Everything that runs in one process: the writer, the jobs, and the services on top."""

    def __init__(
        self,
        settings: Settings,
        *,
        host_database_url: str | None,
        host_keys: Callable[[], LookupKeys],
        prototype: bool = False,
    ) -> None:
        self._settings = settings
        self._host_database_url = host_database_url
        self._host_keys = host_keys
        self._prototype = prototype
        self._clock = SystemClock()
        self._stop: list[Callable[[], object]] = []
        self.gate: Gate | None = None
        self.services: ApiServices | None = None

    async def start(self) -> None:
        """Open and migrate the database, then start the writer and the jobs. Raises on failure."""
        bench = await asyncio.to_thread(
            open_workbench,
            self._settings,
            host_database_url=self._host_database_url,
            prototype=self._prototype,
        )
        self._wire(bench, self._host_keys())

    async def stop(self) -> None:
        """Drain: what is queued is committed, what stays in flight keeps its hold."""
        self.gate = self.services = None
        while self._stop:
            await asyncio.to_thread(self._stop.pop())

    def _wire(self, bench: Workbench, host_keys: LookupKeys) -> None:
        settings, clock = self._settings, self._clock
        owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stop.append(bench.close)
        ledger = LedgerWriter(
            bench.database,
            owner=owner,
            clock=clock,
            version=__version__,
            queue_size=settings.queue_size,
            lease_ms=settings.lease_ms,
        )
        ledger.start()
        self._stop.append(lambda: _drain(ledger))
        client = OpenRouterClient(settings.base_urls[0])
        prices = PriceBook(client)
        call_keys = CallKeys()
        management = settings.provisioning_key
        settlement = Settlement(
            bench.holds,
            ledger,
            client,
            call_keys=call_keys,
            other_keys=KeysInOrder(
                host_keys, management.get_secret_value() if management else None
            ),
            clock=clock,
        )
        jobs = _jobs(settlement, Recovery(bench.holds, clock=clock), prices, client, settings)
        jobs.start()
        self._stop.append(lambda: jobs.stop(timeout_s=_DRAIN_S))
        directory = Directory(bench.organization_rows, default_id=bench.default_id, clock=clock)
        self.gate = Gate(
            directory,
            Admission(
                ledger,
                prices,
                owner=owner,
                default_hold_pusd=settings.default_hold_pusd,
                clock=clock,
            ),
            Recording(ledger, call_keys=call_keys, clock=clock),
            call_keys,
            commit_wait_s=settings.hold_wait_ms / 1000,
            refuses_unknown=settings.on_start_failure == "block",
        )
        self.services = ApiServices(
            directory=directory,
            reports=Reports(bench.usage, bench.holds, clock=clock),
            health=HealthCheck(
                ledger,
                bench.holds,
                version=__version__,
                complaints=(
                    lambda: None if ledger.healthy else f"the writer fails: {ledger.last_error}",
                    lambda: None if jobs.is_alive else "the job thread is not running",
                ),
            ),
        )


def _jobs(
    settlement: Settlement,
    recovery: Recovery,
    prices: PriceBook,
    client: OpenRouterClient,
    settings: Settings,
) -> JobThread:
    async def recover() -> None:
        recovery.run_once()

    return JobThread(
        [
            Job(name="recovery", every_s=max(1, settings.lease_ms // 3000), run=recover),
            Job(name="settlement", every_s=1, run=settlement.run_once),
            Job(name="prices", every_s=3600, run=prices.refresh),
        ],
        at_end=client.close,
    )


def _drain(ledger: LedgerWriter) -> None:
    left = ledger.stop(timeout_s=_DRAIN_S)
    if left:
        log.error("%d changes could not be written before the process ended", left)


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


class Installation:
    """What ``install`` did to one app, and how it is undone."""

    def __init__(self, app: Any, settings: Settings, seams: Seams, *, is_strict: bool) -> None:
        self._app = app
        self._settings = settings
        self._is_strict = is_strict
        self._seams = seams
        self._meter: Meter | None = None
        self._outbound = Outbound(settings.base_urls, on_start_failure=settings.on_start_failure)
        self.problems: Sequence[str] = ()
        self._attachment = Attachment(
            app,
            seams,
            start=self._start,
            stop=self._stop,
            routers=[
                router
                for prefix in (PREFIX, ALIAS)
                for router in (
                    usage_router(
                        self._services,
                        verified_user=seams.get_verified_user,
                        prefix=prefix,
                        in_schema=prefix == PREFIX,
                    ),
                    assets_router(prefix),
                    nothing_else_router(prefix),
                )
            ],
            first_routes=[loader_route(seams.loader_file, prefix=PREFIX)],
        )

    def attach(self) -> None:
        """All of it or nothing."""
        try:
            self._attachment.attach()
        except Exception:
            self._attachment.detach()
            raise

    def detach(self) -> None:
        self._attachment.detach()
        self._outbound.remove()

    async def _start(self) -> None:
        self._outbound.install()
        try:
            if self.problems:
                raise ConfigurationError(*self.problems)
            loop = asyncio.get_running_loop()
            meter = Meter(
                self._settings,
                host_database_url=self._seams.database_url,
                host_keys=lambda: HostKeys(self._app, self._settings.base_urls, loop),
                prototype=prototype_in_host(),
            )
            self._meter = meter
            await meter.start()
        except Exception as error:
            if self._is_strict:
                raise
            # The host starts all the same; who asks is told why usage is not metered.
            self._outbound.failure = str(error)
            log.error("usage metering did not start: %s", error, exc_info=_unexpected(error))
            return
        self._outbound.gate = meter.gate
        log.info("usage metering %s runs in Open WebUI %s", __version__, self._seams.version)

    async def _stop(self) -> None:
        self._outbound.gate = None
        self._outbound.failure = "the host is shutting down"
        if self._meter is not None:
            await self._meter.stop()
        self._outbound.remove()

    def _services(self) -> ApiServices:
        services = self._meter.services if self._meter is not None else None
        if services is None:
            raise NotRunning(self._outbound.failure or "the meter has not started yet")
        return services


def install(app: Any, *, environ: Mapping[str, str] | None = None, is_strict: bool = False) -> bool:
    """``mai_usage_ext.install``; with ``is_strict`` a meter that cannot start ends the lifespan."""
    if getattr(app.state, "mai_usage", None) is not None:
        return True
    settings, problems = Settings.read(os.environ if environ is None else environ)
    if not settings.enabled:
        log.info("usage metering is off: ENABLE_MAI_USAGE_EXT is false")
        return False
    try:
        installation = Installation(app, settings, find_seams(app), is_strict=is_strict)
        installation.problems = problems
        installation.attach()
    except Exception as error:
        if is_strict:
            raise
        log.warning("usage metering stays out of this host: %s", error, exc_info=_unexpected(error))
        return False
    app.state.mai_usage = installation
    return True


def uninstall(app: Any) -> None:
    """``mai_usage_ext.uninstall``."""
    installation = getattr(app.state, "mai_usage", None)
    if installation is not None:
        installation.detach()
        app.state.mai_usage = None


def _unexpected(error: Exception) -> Exception | None:
    """A sentence is enough for an error we foresaw; anything else needs its traceback."""
    return None if isinstance(error, UsageError) else error

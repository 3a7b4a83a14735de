"""Putting the meter into a host and taking it out again."""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from mai_usage_ext.api.administration import admin_router
from mai_usage_ext.api.assets import assets_router, loader_route
from mai_usage_ext.api.broadcast import broadcast_router
from mai_usage_ext.api.frontend import open_frontend
from mai_usage_ext.api.metrics import monitoring_router
from mai_usage_ext.api.own_page import page_router
from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.api.usage import ALIAS, PREFIX, nothing_else_router, usage_router
from mai_usage_ext.bootstrap.meter import Meter
from mai_usage_ext.bootstrap.sharing import shared_counts
from mai_usage_ext.bootstrap.workbench import open_workbench
from mai_usage_ext.errors import ConfigurationError, NotRunning, UsageError
from mai_usage_ext.host.attachment import Attachment
from mai_usage_ext.host.keys import HostKeys
from mai_usage_ext.host.notifications import HostNotifications
from mai_usage_ext.host.outbound import Outbound
from mai_usage_ext.host.seams import Seams, find_seams, prototype_in_host
from mai_usage_ext.host.serving import host_app
from mai_usage_ext.host.user_events import UserEvents
from mai_usage_ext.host.users import HostPeople
from mai_usage_ext.settings import Settings
from mai_usage_ext.version import __version__

__all__ = ["Installation", "install", "rehearse", "uninstall"]

log = logging.getLogger("mai_usage_ext")


def rehearse(settings: Settings) -> None:
    """Find the seams of the imported host and open its database as a start would, then let go.

    Raises what a start would raise; a no-op where the extension is switched off.
    """
    if not settings.enabled:
        return
    seams = find_seams(host_app())
    open_workbench(settings, host_database_url=seams.database_url).close()


class Installation:
    """What ``install`` did to one app, and how it is undone."""

    def __init__(self, app: Any, settings: Settings, seams: Seams, *, is_strict: bool) -> None:
        self._app = app
        self._settings = settings
        self._is_strict = is_strict
        self._seams = seams
        self._meter: Meter | None = None
        self._outbound = Outbound(
            settings.base_urls,
            on_start_failure=settings.on_start_failure,
            httpx=settings.meter_httpx,
            requests=settings.meter_requests,
        )
        self._user_events = UserEvents(self._user_deleted)
        self.problems: Sequence[str] = ()
        self._limiter = RateLimiter(limit=self._rate_limit, shared=shared_counts(settings))
        self._frontend = open_frontend(settings)
        self._attachment = Attachment(
            app,
            seams,
            start=self._start,
            stop=self._stop,
            routers=[router for prefix in (PREFIX, ALIAS) for router in self._routers(prefix)],
            first_routes=[loader_route(seams.loader_file, prefix=PREFIX, frontend=self._frontend)],
        )

    def _routers(self, prefix: str) -> list[Any]:
        """All routes below one prefix; the last one answers whatever the others do not."""
        make: dict[str, Any] = {
            "verified_user": self._seams.get_verified_user,
            "prefix": prefix,
            "in_schema": prefix == PREFIX,
            "limiter": self._limiter,
        }
        return [
            usage_router(self._services, **make),
            admin_router(self._services, **make),
            broadcast_router(
                self._services,
                secret=self._settings.broadcast_secret,
                prefix=prefix,
                in_schema=prefix == PREFIX,
                limiter=self._limiter,
            ),
            monitoring_router(
                self._services,
                verified_user=self._seams.get_verified_user,
                token=self._settings.metrics_token,
                prefix=prefix,
                in_schema=prefix == PREFIX,
                limiter=self._limiter,
            ),
            assets_router(self._frontend, prefix=prefix),
            page_router(self._frontend, prefix=prefix, limiter=self._limiter),
            nothing_else_router(prefix, limiter=self._limiter),
        ]

    def _rate_limit(self) -> int:
        services = self._meter.services if self._meter is not None else None
        if services is None:
            return self._settings.rate_limit
        return services.live_settings.current.rate_limit

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
                host_users=lambda: HostPeople(loop),
                prototype=prototype_in_host(),
                rate_limit_trouble=lambda: self._limiter.trouble,
                host_notices=lambda: HostNotifications(self._app, loop),
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
        self._user_events.attach()
        log.info("usage metering %s runs in Open WebUI %s", __version__, self._seams.version)

    async def _stop(self) -> None:
        self._user_events.detach()
        await self._user_events.finished()
        self._outbound.gate = None
        self._outbound.failure = "the host is shutting down"
        if self._meter is not None:
            await self._meter.stop()
        self._outbound.remove()
        self._limiter.close()

    def _user_deleted(self, user_id: str) -> None:
        self._services().members.user_deleted(user_id)

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

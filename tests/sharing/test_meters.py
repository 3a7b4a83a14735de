"""Two meters on one database and one Redis: what happens in one is seen in the other at once.

What each would find by polling is an hour away in these tests, so only a message can be quick.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from mai_usage_ext.api.schemas.health import HealthOut
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.bootstrap import Meter
from mai_usage_ext.metering.money import PICO
from mai_usage_ext.ports import SYSTEM, NoKeys
from mai_usage_ext.settings import Settings
from mai_usage_ext.simulator import Simulator
from tests.wire.conftest import start_rig
from tests.wire.rig import Rig
from tests.workshop.redis import RedisServer

FAR_S = 3600
# Well below what a poll takes by default, and far above what a message takes.
SOON_S = 1.0
LONG_S = 20.0


@dataclass(frozen=True)
class Pair:
    rig: Rig
    here: ApiServices
    there: ApiServices


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def pair(
    database_url: str,
    redis: RedisServer,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Pair]:
    monkeypatch.setattr("mai_usage_ext.services.directory.TTL_S", FAR_S)
    monkeypatch.setattr("mai_usage_ext.bootstrap.jobs._SETTINGS_EVERY_S", FAR_S)
    environ = {"REDIS_URL": redis.url, "WEBUI_SECRET_KEY": "the secret of the host"}
    addresses = {"OPENROUTER_BASE_URL": simulator.url, "MAI_USAGE_DATABASE_URL": database_url}
    async for rig in start_rig(database_url, simulator, environ):
        meter = Meter(
            Settings.from_env({**environ, **addresses}), host_database_url=None, host_keys=NoKeys
        )
        await meter.start()
        assert rig.meter.services is not None
        assert meter.services is not None
        monkeypatch.setattr(meter.services.live_usage, "_every_s", FAR_S)
        for each in (rig.meter, meter):
            assert await asyncio.to_thread(each._messages.wait_open, LONG_S)  # type: ignore[attr-defined]
        yield Pair(rig, rig.meter.services, meter.services)
        await meter.stop()


async def within(limit_s: float, holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + limit_s
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < give_up_at, "it does not hold in the other process"
        await asyncio.sleep(0.01)


async def health(services: ApiServices) -> HealthOut:
    return HealthOut.of(await asyncio.to_thread(services.health.look))


async def test_a_changed_setting_holds_at_once(pair: Pair) -> None:
    changes = {"default_hold": "0.25"}
    await asyncio.to_thread(pair.here.live_settings.change, changes, actor=SYSTEM)
    await within(SOON_S, lambda: pair.there.live_settings.current.default_hold_pusd == PICO // 4)


async def test_places_limits_prices_and_states_hold_at_once(pair: Pair) -> None:
    here, place = pair.here, pair.there.directory.place

    def assign() -> str:
        made = here.organizations.create({"name": "Acme", "markup_rate": "1.3"}, actor=SYSTEM)
        here.members.assign("alice", made.id, actor=SYSTEM)
        return made.id

    assert (await asyncio.to_thread(place, "alice")).organization.id == "default"
    acme = await asyncio.to_thread(assign)
    await within(SOON_S, lambda: place("alice").organization.id == acme)
    assert not place("alice").has_limit
    changes = {"markup_rate": "2", "is_active": False}
    await asyncio.to_thread(here.organizations.change, acme, changes, actor=SYSTEM)

    def follows() -> bool:
        organization = place("alice").organization
        return (organization.rate_micro, organization.is_active) == (2_000_000, False)

    await within(SOON_S, follows)


async def test_a_page_of_the_other_process_shows_a_call_at_once(pair: Pair) -> None:
    await asyncio.to_thread(pair.there.directory.organization_of, "alice")
    listener = pair.there.live_usage.listen("alice")
    assert listener is not None
    async with aclosing(listener.updates()) as updates, asyncio.timeout(LONG_S):
        first = await anext(updates)
        assert first is not None
        assert first.usage.totals.requests == 0
        async with pair.rig.call() as response:
            await response.read()
        began = time.monotonic()
        async for update in updates:
            if update is not None and update.usage.totals.requests == 1:
                break
        assert time.monotonic() - began < SOON_S
    listener.close()


async def test_a_dead_redis_is_said_in_health_and_no_call_waits(
    pair: Pair, redis: RedisServer
) -> None:
    assert (await health(pair.there)).redis == "ok"
    redis.kill()
    await within(LONG_S, lambda: pair.there.health.look().redis == "degraded")
    found = await health(pair.there)
    assert found.status == "degraded"
    [reason] = [reason for reason in found.reasons if "REDIS_URL" in reason]
    assert "poll" in reason
    async with pair.rig.call() as response:
        assert response.status == 200
        await response.read()
    redis.start()
    await within(LONG_S, lambda: pair.there.health.look().redis == "ok")


async def test_without_redis_health_says_that_it_is_off(
    database_url: str, simulator: Simulator
) -> None:
    async for rig in start_rig(database_url, simulator, {}):
        assert rig.meter.services is not None
        assert (await health(rig.meter.services)).redis == "off"

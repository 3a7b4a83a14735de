"""What an admin changes in one process holds in the others within five seconds."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest_asyncio

from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.bootstrap import Meter
from mai_usage_ext.metering.money import PICO
from mai_usage_ext.ports import SYSTEM, NoKeys
from mai_usage_ext.settings import Settings
from mai_usage_ext.simulator import Simulator

WITHIN_S = 5.0
Pair = tuple[ApiServices, ApiServices]


@pytest_asyncio.fixture
async def pair(database_url: str, simulator: Simulator) -> AsyncIterator[Pair]:
    """The services of two meters on one database, as two workers have them."""
    settings = Settings.from_env(
        {
            "MAI_USAGE_DATABASE_URL": database_url,
            "OPENROUTER_BASE_URL": simulator.url,
            "WEBUI_SECRET_KEY": "the secret of the host",
        }
    )
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            meter = Meter(settings, host_database_url=None, host_keys=NoKeys)
            await meter.start()
            stack.push_async_callback(meter.stop)
            assert meter.services is not None
            found.append(meter.services)
        yield found[0], found[1]


async def within_five_seconds(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < give_up_at, "it does not hold in the other worker"
        await asyncio.sleep(0.05)


async def test_settings(pair: Pair) -> None:
    here, there = pair
    changes = {"default_hold": "0.25", "openrouter_provisioning_key": "sk-or-v1-" + "7" * 64}
    await asyncio.to_thread(here.live_settings.change, changes, actor=SYSTEM)
    assert here.live_settings.current.default_hold_pusd == PICO // 4
    await within_five_seconds(lambda: there.live_settings.current.default_hold_pusd == PICO // 4)
    assert there.live_settings.current.provisioning_key == "sk-or-v1-" + "7" * 64


async def test_places_prices_and_states(pair: Pair) -> None:
    here, there = pair

    def change() -> str:
        made = here.organizations.create({"name": "Acme", "markup_rate": "1.3"}, actor=SYSTEM)
        here.members.assign("alice", made.id, actor=SYSTEM)
        return made.id

    assert (await asyncio.to_thread(there.directory.place, "alice")).organization.id == "default"
    acme = await asyncio.to_thread(change)
    await within_five_seconds(lambda: there.directory.place("alice").organization.id == acme)
    changes = {"markup_rate": "2", "is_active": False}
    await asyncio.to_thread(here.organizations.change, acme, changes, actor=SYSTEM)

    def follows() -> bool:
        organization = there.directory.place("alice").organization
        return (organization.rate_micro, organization.is_active) == (2_000_000, False)

    await within_five_seconds(follows)

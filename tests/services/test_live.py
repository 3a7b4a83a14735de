"""Who is told of what and when: one look for all pages, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mai_usage_ext.errors import NotRunning, StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import UNASSIGNED, Organization
from mai_usage_ext.ports import UsageTotals as Totals
from mai_usage_ext.ports.live import LiveFigures
from mai_usage_ext.services.live import MOST_PER_USER, Listener, LiveUsage, Update
from mai_usage_ext.services.reports import DayUsage
from tests.conftest import Swallowed

NOON_MS = 1_768_910_400_000  # 2026-01-20T12:00Z
EVERY_S = 0.01
FOR_EVER_S = 1000.0


@dataclass
class World:
    """Store, reports, organizations and clock in one; tests change it as they go."""

    now: int = NOON_MS
    homes: dict[str, str] = field(default_factory=lambda: {"ada": "bakery", "ben": "studio"})
    calls: dict[str, int] = field(default_factory=dict)
    looks: int = 0
    reads: list[str] = field(default_factory=list)
    users: Collection[str] = ()
    failure: Exception | None = None
    at_look: Callable[[], object] | None = None

    def now_ms(self) -> int:
        return self.now

    def places(self, user_ids: Collection[str], *, at_ms: int) -> Mapping[str, str]:
        self.looks += 1
        if self.at_look is not None:
            self.at_look()
        self.users = set(user_ids)
        if self.failure is not None:
            raise self.failure
        return {user: self.homes[user] for user in user_ids if user in self.homes}

    def figures(
        self, organization_ids: Collection[str], *, first: date, last: date
    ) -> Mapping[str, LiveFigures]:
        day = datetime.fromtimestamp(self.now / 1000, UTC).date()
        assert (day - first).days == (last - day).days == 1
        return {
            one: frozenset({(day, self.calls[one], 0, 0, 0, 0)})
            for one in organization_ids
            if one in self.calls
        }

    def get(self, organization_id: str, *, at_ms: int) -> Organization | None:
        if organization_id == "gone":
            return None
        return Organization(
            id=organization_id,
            name=organization_id,
            slug=organization_id,
            time_zone="UTC",
            billing_currency="USD",
            is_active=True,
            rate_micro=1_300_000,
            fee_pusd=0,
        )

    def today(self, organization: Organization) -> tuple[DayUsage, int]:
        self.reads.append(organization.id)
        day = datetime.fromtimestamp(self.now / 1000, UTC).date()
        requests = self.calls.get(organization.id, 0)
        return DayUsage(day=day, totals=Totals(requests=requests)), self.now

    async def rounds(self, count: int = 2) -> None:
        """Wait until that many more looks have begun: with two, one has been handed out."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            looked = asyncio.Event()
            self.at_look = lambda event=looked: loop.call_soon_threadsafe(event.set)
            await asyncio.wait_for(looked.wait(), 20)
        self.at_look = None


class Page:
    """Reads a listener in a task of its own, as a response does."""

    def __init__(self, listener: Listener | None) -> None:
        assert listener is not None
        self.listener = listener
        self.told: asyncio.Queue[Update | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for update in self.listener.updates():
            self.told.put_nowait(update)

    async def next(self) -> Update | None:
        return await asyncio.wait_for(self.told.get(), 20)

    async def update(self) -> Update:
        found = await self.next()
        assert found is not None
        return found

    async def ended(self) -> None:
        await asyncio.wait_for(self._task, 20)

    async def close(self) -> None:
        self.listener.close()
        await self.ended()


@pytest.fixture
def world() -> World:
    return World()


async def nothing_runs() -> None:
    """Every other task comes to its end by itself."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 20)


MakeLive = Callable[..., LiveUsage]


@pytest.fixture
async def make_live(world: World) -> AsyncIterator[MakeLive]:
    made: list[LiveUsage] = []

    def make(**options: Any) -> LiveUsage:
        parts: Any = world
        times = {"every_s": EVERY_S, "heartbeat_s": FOR_EVER_S, "lifetime_s": FOR_EVER_S}
        live = LiveUsage(parts, parts, organizations=parts, clock=parts, **{**times, **options})
        made.append(live)
        return live

    yield make
    for live in made:
        live.close()
    await nothing_runs()


async def test_the_present_state_comes_first_and_then_each_change(
    world: World, make_live: MakeLive
) -> None:
    page = Page(make_live().listen("ada"))
    assert (await page.update()).usage.totals.requests == 0
    world.calls["bakery"] = 1
    update = await page.update()
    assert (update.organization_id, update.usage.totals.requests) == ("bakery", 1)
    await world.rounds()
    assert page.told.empty()


async def test_nobody_hears_of_another_organization(world: World, make_live: MakeLive) -> None:
    live = make_live()
    ada, ben = Page(live.listen("ada")), Page(live.listen("ben"))
    await ada.update()
    await ben.update()
    world.calls["studio"] = 5
    assert (await ben.update()).organization_id == "studio"
    await world.rounds()
    assert ada.told.empty()


async def test_one_look_and_one_read_however_many_pages(world: World, make_live: MakeLive) -> None:
    live = make_live()
    world.homes |= {f"user {number}": "bakery" for number in range(200)}
    pages = [Page(live.listen(user)) for user in world.homes]
    first = [await page.update() for page in pages]
    assert len({update.id for update in first if update.organization_id == "bakery"}) == 1
    assert (world.looks, sorted(world.reads)) == (1, ["bakery", "studio"])
    await world.rounds()
    # Nothing changed, so nothing was read.
    assert sorted(world.reads) == ["bakery", "studio"]
    world.calls["bakery"] = 1
    for page in pages:
        if page.listener.user_id != "ben":
            await page.update()
    assert sorted(world.reads) == ["bakery", "bakery", "studio"]


async def test_nobody_looks_while_nobody_listens(world: World, make_live: MakeLive) -> None:
    live = make_live()
    page = Page(live.listen("ada"))
    await page.update()
    await page.close()
    page.listener.close()
    assert live.listening == 0
    looks = world.looks
    await nothing_runs()
    assert world.looks == looks
    # And it begins anew.
    await Page(live.listen("ada")).update()


async def test_who_knows_the_state_already_is_not_told_again(
    world: World, make_live: MakeLive
) -> None:
    live = make_live()
    first = await Page(live.listen("ada")).update()
    world.now += 5000
    # Another process, later: the same numbers have the same mark.
    resumed = Page(make_live().listen("ada", last_id=first.id))
    await world.rounds(3)
    assert resumed.told.empty()
    world.calls["bakery"] = 1
    assert (await resumed.update()).usage.totals.requests == 1


@pytest.mark.parametrize("last_id", ["", "-", "x", "1-2-3", "9" * 5000, "\0", "1768910400000-0"])
async def test_an_id_that_means_nothing_is_as_none(make_live: MakeLive, last_id: str) -> None:
    assert (await Page(make_live().listen("ada", last_id=last_id)).update()).usage.day


async def test_the_mark_of_another_organization_is_another(
    world: World, make_live: MakeLive
) -> None:
    live = make_live()
    first = await Page(live.listen("ada")).update()
    world.homes["ada"] = "studio"
    moved = await Page(live.listen("ada", last_id=first.id)).update()
    assert (moved.organization_id, moved.usage) == ("studio", first.usage)


async def test_who_moves_is_shown_the_new_organization(world: World, make_live: MakeLive) -> None:
    page = Page(make_live().listen("ada"))
    await page.update()
    world.calls |= {"studio": 3}
    world.homes["ada"] = "studio"
    update = await page.update()
    assert (update.organization_id, update.usage.totals.requests) == ("studio", 3)
    world.calls["bakery"] = 9
    await world.rounds()
    assert page.told.empty()


@pytest.mark.parametrize("home", [None, UNASSIGNED, "gone"])
async def test_the_page_of_who_belongs_nowhere_ends(
    world: World, make_live: MakeLive, home: str | None
) -> None:
    page = Page(make_live().listen("ada"))
    await page.update()
    world.homes.pop("ada")
    if home is not None:
        world.homes["ada"] = home
    await page.ended()
    assert page.told.empty()


async def test_a_change_that_is_taken_back_before_it_is_read_is_none(
    world: World, make_live: MakeLive
) -> None:
    listener = make_live().listen("ada")
    assert listener is not None
    updates = listener.updates()
    assert (await anext(updates)) is not None
    world.calls["bakery"] = 1
    await world.rounds()
    world.calls["bakery"] = 0
    await world.rounds(3)
    world.calls["bakery"] = 2
    await world.rounds(3)
    update = await anext(updates)
    assert update is not None
    assert update.usage.totals.requests == 2
    world.calls["bakery"] = 3
    await world.rounds(3)
    world.calls["bakery"] = 2
    await world.rounds(3)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(updates), 0.01)
    await updates.aclose()
    listener.close()


async def test_a_new_day_is_a_change(world: World, make_live: MakeLive) -> None:
    world.calls["bakery"] = 4
    page = Page(make_live().listen("ada"))
    assert (await page.update()).usage.day == date(2026, 1, 20)
    world.now += 12 * 3_600_000
    assert (await page.update()).usage.day == date(2026, 1, 21)


async def test_ids_grow_though_the_clock_is_set_back(world: World, make_live: MakeLive) -> None:
    page = Page(make_live().listen("ada"))
    ids = [(await page.update()).id]
    for calls in (1, 2, 3):
        world.now -= 60_000
        world.calls["bakery"] = calls
        ids.append((await page.update()).id)
    instants = [int(one.partition("-")[0]) for one in ids]
    assert instants == sorted(set(instants))


async def test_a_quiet_stream_shows_that_it_lives(world: World, make_live: MakeLive) -> None:
    page = Page(make_live(heartbeat_s=0.02).listen("ada"))
    while await page.next() is None:
        # The first look may take longer than a heart beats.
        continue
    assert [await page.next(), await page.next()] == [None, None]


async def test_a_stream_ends_in_its_time_but_not_before_its_first_word(
    world: World, make_live: MakeLive
) -> None:
    page = Page(make_live(lifetime_s=0).listen("ada"))
    await page.ended()
    assert page.told.get_nowait() is not None
    assert page.told.empty()
    known = Page(make_live(lifetime_s=0).listen("ada", last_id=await _present_id(world, make_live)))
    await known.ended()
    assert known.told.empty()


async def _present_id(world: World, make_live: MakeLive) -> str:
    return (await Page(make_live().listen("ada")).update()).id


async def test_a_user_has_so_many_streams_and_no_more(world: World, make_live: MakeLive) -> None:
    live = make_live()
    listeners = [live.listen("ada") for _ in range(MOST_PER_USER)]
    assert None not in listeners
    assert live.listen("ada") is None
    assert live.listen("ben") is not None
    assert listeners[0] is not None
    listeners[0].close()
    listeners[0].close()
    assert live.listen("ada") is not None
    assert live.listen("ada") is None


async def test_a_database_that_is_away_delays(world: World, make_live: MakeLive) -> None:
    page = Page(make_live().listen("ada"))
    await page.update()
    world.failure = StorageUnavailable("restarting")
    world.calls["bakery"] = 1
    await world.rounds(3)
    assert page.told.empty()
    assert tally["live pages delayed"] > 0
    world.failure = None
    assert (await page.update()).usage.totals.requests == 1


async def test_an_unforeseen_failure_is_counted_and_the_next_round_goes_on(
    world: World, make_live: MakeLive, swallowed: Swallowed
) -> None:
    page = Page(make_live().listen("ada"))
    await page.update()
    world.failure = ValueError("odd")
    await world.rounds(3)
    world.failure, world.calls["bakery"] = None, 1
    assert (await page.update()).usage.totals.requests == 1
    while swallowed:
        assert str(swallowed.expect("looking for live changes")) == "odd"
    assert tally["failed: looking for live changes"] > 0


async def test_a_server_that_wants_to_stop_waits_for_nobody(
    world: World, make_live: MakeLive
) -> None:
    stopping = False
    live = make_live(is_stopping=lambda: stopping)
    pages = [Page(live.listen("ada")), Page(live.listen("ben"))]
    for page in pages:
        await page.update()
    stopping = True
    for page in pages:
        await page.ended()
    # Who comes now is let go at once.
    await Page(live.listen("ada")).ended()


async def test_closing_ends_every_stream_from_any_thread(world: World, make_live: MakeLive) -> None:
    live = make_live()
    page = Page(live.listen("ada"))
    await page.update()
    await asyncio.to_thread(live.close)
    await page.ended()
    looks = world.looks
    with pytest.raises(NotRunning):
        live.listen("ada")
    await page.close()
    assert (live.listening, world.looks) == (0, looks)


async def test_who_hears_of_a_change_has_it_looked_at_without_waiting(
    world: World, make_live: MakeLive
) -> None:
    live = make_live(every_s=FOR_EVER_S)
    page = Page(live.listen("ada"))
    await page.update()
    for count, names in enumerate(({"bakery"}, (), {"studio", "bakery"}), start=1):
        world.calls["bakery"] = count
        await asyncio.to_thread(live.hurry, names)
        assert (await page.update()).usage.totals.requests == count
    looks = world.looks
    # Nobody has the studio's page open.
    live.hurry({"studio"})
    world.calls["bakery"] = 9
    live.hurry({"bakery"})
    assert (await page.update()).usage.totals.requests == 9
    assert world.looks == looks + 1
    await page.close()
    live.hurry({"bakery"})


async def test_many_changes_share_a_look(world: World, make_live: MakeLive) -> None:
    live = make_live(every_s=FOR_EVER_S)
    page = Page(live.listen("ada"))
    await page.update()
    looks, began = world.looks, asyncio.get_running_loop().time()
    for count in range(1, 201):
        world.calls["bakery"] = count
        live.hurry({"bakery"})
        await asyncio.sleep(0)
    while (await page.update()).usage.totals.requests != 200:
        pass
    took_s = asyncio.get_running_loop().time() - began
    assert world.looks - looks <= 2 + took_s / 0.2
    await page.close()

"""The live stream from the route to the database and back, on both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI

from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.api.usage import PREFIX, usage_router
from mai_usage_ext.errors import NotRunning
from mai_usage_ext.ports import SYSTEM, Hold, SystemClock
from mai_usage_ext.services.live import MOST_PER_USER, LiveUsage
from mai_usage_ext.storage.live import LiveRows
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.writer import LedgerWriter
from tests.api.office import Office, app_of, host_user, make_app
from tests.api.streams import EVENTS, Stream
from tests.storage.samples import make_entry, make_hold

EVERY_S = 0.05


@dataclass
class Room:
    """An app whose streams stay open, and a ledger to make calls with."""

    app: FastAPI
    office: Office
    services: ApiServices
    writer: LedgerWriter

    @property
    def live(self) -> LiveUsage:
        return self.services.live_usage

    def hold(self, slug: str) -> Hold:
        now = datetime.now(UTC)
        return make_hold(
            self.office.places[slug],
            day=now.date(),
            month=f"{now:%Y-%m}",
            at_ms=int(now.timestamp() * 1000),
        )

    async def begin(self, slug: str) -> Hold:
        hold = self.hold(slug)
        await asyncio.wrap_future(self.writer.place(hold))
        return hold

    async def finish(self, hold: Hold, **terms: int) -> None:
        await asyncio.wrap_future(self.writer.settle(hold, make_entry(hold, **terms)))

    async def move(self, user: str, slug: str) -> None:
        await asyncio.to_thread(
            self.services.members.assign, user, self.office.places[slug], actor=SYSTEM
        )


@asynccontextmanager
async def open_room(office: Office) -> AsyncIterator[Room]:
    live = LiveUsage(
        LiveRows(office.database),
        office.services.reports,
        organizations=OrganizationRows(office.database),
        clock=SystemClock(),
        every_s=EVERY_S,
    )
    services = replace(office.services, live_usage=live)
    writer = LedgerWriter(office.database, owner="test")
    writer.start()
    with app_of(services) as app:
        yield Room(app, office, services, writer)
    writer.stop(5)
    live.close()
    # Whatever a test did, its clients have gone: nobody listens and nothing runs.
    assert live.listening == 0
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 20)


@pytest.fixture
async def room(furnished: Office) -> AsyncIterator[Room]:
    async with open_room(furnished) as opened:
        yield opened


@pytest.fixture
async def any_room(any_office: Office) -> AsyncIterator[Room]:
    """The same on either kind of database, for what the database decides."""
    async with open_room(any_office) as opened:
        yield opened


async def test_a_chat_is_told_from_its_beginning_to_its_end(any_room: Room) -> None:
    async with Stream(any_room.app, "anna") as stream:
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-cache"
        assert stream.headers["x-accel-buffering"] == "no"
        assert "content-length" not in stream.headers
        assert (await stream.block()).startswith("retry: ")
        before = await stream.data()
        hold = await any_room.begin("bakery")
        assert (await stream.data())["today"]["pending_requests"] == 1
        await any_room.finish(hold)
        event = await stream.event()
        assert (event["event"], set(event)) == ("usage", {"id", "event", "data"})

    answer = await asyncio.to_thread(
        any_room.office.ask, "anna", "GET", "/usage/my-organization/today"
    )
    told, today = _without_instants(event["data"]), _without_instants(answer.text)
    assert told == today
    assert told["today"]["requests"] == before["today"]["requests"] + 1
    assert told["today"]["pending_requests"] == 0


def _without_instants(text: str) -> Any:
    body = json.loads(text)
    body.pop("last_updated")
    body["today"].pop("last_updated")
    return body


async def test_a_free_call_is_told_too(any_room: Room) -> None:
    async with Stream(any_room.app, "boris") as stream:
        before = (await stream.data())["today"]
        hold = await any_room.begin("bakery")
        await any_room.finish(hold, raw_pusd=0, billed_pusd=0)
        while (today := (await stream.data())["today"])["requests"] == before["requests"]:
            assert today["pending_requests"] == 1
        assert today["cost"] == before["cost"]


async def test_tenants_do_not_see_each_other(room: Room) -> None:
    async with Stream(room.app, "anna") as ours, Stream(room.app, "chen") as theirs:
        first = await ours.data()
        assert (await theirs.data())["client_id"] == room.office.places["studio"]
        hold = await room.begin("studio")
        assert (await theirs.data())["today"]["pending_requests"] == 1
        await room.finish(hold)
        assert (await theirs.data())["today"]["pending_requests"] == 0
        assert ours.is_silent
        await room.begin("bakery")
        told = await ours.data()
        assert told["client_id"] == first["client_id"] == room.office.places["bakery"]
        assert told["today"]["requests"] == first["today"]["requests"]


async def test_who_moves_sees_the_new_organization_only(any_room: Room) -> None:
    async with Stream(any_room.app, "boris") as stream:
        assert (await stream.data())["client_id"] == any_room.office.places["bakery"]
        await any_room.move("boris", "studio")
        assert (await stream.data())["client_id"] == any_room.office.places["studio"]
        await any_room.begin("bakery")
        await any_room.begin("studio")
        told = await stream.data()
        assert told["client_id"] == any_room.office.places["studio"]
        assert told["today"]["pending_requests"] == 1


async def test_who_is_taken_out_is_told_nothing_more(room: Room) -> None:
    async with Stream(room.app, "boris") as stream:
        await stream.data()
        await asyncio.to_thread(room.services.members.remove, "boris", actor=SYSTEM)
        await room.begin("bakery")
        assert await stream.end() == ""
    # Where they were is remembered for a moment, but not believed.
    async with Stream(room.app, "boris") as stream:
        assert stream.status == 200
        assert (await stream.end()).startswith("retry: ")
    room.services.directory.forget()
    async with Stream(room.app, "boris") as refused:
        assert refused.status == 404
        assert "do not belong" in (await refused.body())["detail"]


async def test_last_event_id_leaves_out_what_is_known(room: Room) -> None:
    async with Stream(room.app, "anna") as stream:
        known = (await stream.event())["id"]
    async with Stream(room.app, "anna", headers={"Last-Event-ID": known}) as stream:
        await room.begin("bakery")
        # The first event is the change already.
        event = await stream.event()
        assert '"pending_requests":1' in event["data"]
        assert int(event["id"].partition("-")[0]) > int(known.partition("-")[0])
    async with Stream(room.app, "anna", headers={"Last-Event-ID": known}) as stream:
        # Missed meanwhile: told at once.
        assert '"pending_requests":1' in (await stream.event())["data"]


async def test_an_id_that_means_nothing_is_as_none(room: Room) -> None:
    for last_id in ("", "nonsense", "1-2-3", "9" * 9000, "\xe9"):
        async with Stream(room.app, "anna", headers={"Last-Event-ID": last_id}) as stream:
            assert (await stream.data())["success"] is True


async def test_a_client_that_goes_leaves_nothing_behind(room: Room) -> None:
    tasks = asyncio.all_tasks()
    stream = Stream(room.app, "anna")
    async with stream, Stream(room.app, "boris") as other:
        await stream.data()
        await other.data()
        await stream.go_away()
        # The other one's go on.
        assert room.live.listening == 1
    assert room.live.listening == 0
    left = asyncio.all_tasks() - tasks
    await asyncio.wait_for(asyncio.gather(*left, return_exceptions=True), 20)


async def test_a_server_that_cannot_write_is_a_client_that_went(room: Room) -> None:
    async with Stream(room.app, "anna", send_error=OSError("gone")):
        pass
    assert room.live.listening == 0


async def test_an_app_that_is_cancelled_lets_go(room: Room) -> None:
    stream = Stream(room.app, "anna")
    async with stream:
        await stream.data()
        stream._task.cancel()
        await asyncio.wait([stream._task])
        assert room.live.listening == 0
        stream._task = asyncio.create_task(asyncio.sleep(0))


async def test_a_user_may_have_ten_streams(room: Room) -> None:
    opened = [Stream(room.app, "anna") for _ in range(MOST_PER_USER)]
    for stream in opened:
        await stream.__aenter__()
        assert stream.status == 200
    async with Stream(room.app, "anna") as refused:
        assert refused.status == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert "10 open streams" in (await refused.body())["detail"]
    async with Stream(room.app, "boris") as other:
        assert other.status == 200
    await opened.pop().go_away()
    async with Stream(room.app, "anna") as again:
        assert again.status == 200
    for stream in opened:
        await stream.go_away()


async def test_a_meter_that_stops_ends_its_streams(room: Room) -> None:
    async with Stream(room.app, "anna") as stream:
        await stream.data()
        await asyncio.to_thread(room.live.close)
        assert await stream.end() == ""
    async with Stream(room.app, "anna") as refused:
        assert refused.status == 503


async def test_the_rate_limit_counts_the_connection_once(room: Room) -> None:
    app = FastAPI()
    limiter = RateLimiter(limit=lambda: 2)
    app.include_router(
        usage_router(lambda: room.services, verified_user=host_user, limiter=limiter)
    )
    async with Stream(app, "anna") as stream:
        assert stream.headers["ratelimit-remaining"] == "1"
        for _ in range(3):
            await stream.data()
            await room.begin("bakery")
        async with Stream(app, "anna") as second:
            assert (second.status, second.headers["ratelimit-remaining"]) == (200, "0")
            async with Stream(app, "anna") as third:
                assert third.status == 429
                assert int(third.headers["retry-after"]) > 0
        # Who is in stays in.
        await stream.data()


def test_who_wants_something_else_is_told_so(furnished: Office) -> None:
    for accept, status in (
        ("text/event-stream", 200),
        ("*/*", 200),
        ("application/json, Text/*;q=0.5", 200),
        ("", 200),
        ("application/json", 406),
        ("text/html,application/xhtml+xml", 406),
    ):
        answer = furnished.ask(
            "anna", "GET", "/usage/my-organization/events", headers={"accept": accept}
        )
        assert answer.status_code == status, accept
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            assert "text/event-stream" in answer.json()["detail"]


def test_other_methods_are_not_there(furnished: Office) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = furnished.ask("anna", method, "/usage/my-organization/events")
        assert (answer.status_code, answer.json()["status"]) == (404, 404)


async def test_a_meter_that_does_not_run_says_why() -> None:
    def provide() -> ApiServices:
        raise NotRunning("the database is away")

    async with Stream(make_app(provide), "anna") as refused:
        assert (refused.status, EVENTS.startswith(PREFIX)) == (503, True)
        assert "away" in (await refused.body())["detail"]

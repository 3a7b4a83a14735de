"""Slow receivers, several processes, kills, a database that is away: nothing gets lost."""

import asyncio
import threading
from typing import Any

import pytest
from aiohttp import web
from peewee import Database

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.ports.webhooks import DeliveryState
from mai_usage_ext.storage.sessions import transaction
from mai_usage_ext.storage.webhook_deliveries import DeliveryRows
from tests.channels.receiver import local_sender, open_receiver
from tests.services.webhook_rig import ADMIN, AWAY, MINUTE, URL, Scripted, WebhookRig, script


@pytest.fixture
def rig(db: Database) -> WebhookRig:
    """With a channel that answers 200 unless told otherwise."""
    return WebhookRig(db, channel=Scripted())


async def test_a_slow_endpoint_delays_no_other_and_has_its_own_places(db: Database) -> None:
    async with open_receiver() as slow, open_receiver() as quick:
        release = asyncio.Event()

        async def wait(_request: web.Request) -> web.StreamResponse:
            await release.wait()
            return web.Response()

        slow.manner = wait
        rig = WebhookRig(db)
        first, second = rig.endpoint(slow.url), rig.endpoint(quick.url)
        for number in range(10):
            rig.happens(f"{number}")
        rig.deliveries.spread_events()
        running = asyncio.create_task(rig.deliveries.run_once())
        await quick.until(10)
        assert set(rig.states(first)) == {"waiting"}
        # What comes later is not delayed by a round that is still at work.
        rig.happens("later")
        rig.deliveries.spread_events()
        await quick.until(11)
        assert not running.done()
        assert slow.most_at_once == 4
        release.set()
        assert await running == 22
    assert rig.states(first) == rig.states(second) == ["delivered"] * 11
    assert slow.most_at_once == 4


async def test_two_processes_send_each_delivery_once(db: Database) -> None:
    async with open_receiver() as receiver:
        rig = WebhookRig(db)
        endpoints = [rig.endpoint(f"{receiver.url}/{number}") for number in range(3)]
        for number in range(15):
            rig.happens(f"{number}")
        others = [rig, rig.another(local_sender())]
        barrier = threading.Barrier(2)

        def spread(one: WebhookRig) -> int:
            barrier.wait()
            return one.deliveries.spread_events()

        spread_by = await asyncio.gather(*(asyncio.to_thread(spread, one) for one in others))
        assert sum(spread_by) == 15
        counts = await asyncio.gather(*(one.deliveries.run_once() for one in others))
    assert sum(counts) == 45
    assert len(receiver.got) == 45
    for endpoint in endpoints:
        assert rig.states(endpoint) == ["delivered"] * 15


async def test_who_was_killed_while_sending_sends_again(rig: WebhookRig) -> None:
    """Between sending and noting: the claim runs out, and the same id goes out again."""
    endpoint = rig.endpoint()
    rig.happens("x")
    rig.deliveries.spread_events()
    [due] = rig.rows.claim(
        now_ms=rig.clock.at_ms, until_ms=rig.clock.at_ms + MINUTE, per_endpoint=4
    )
    rig.pass_time(MINUTE - 1)
    assert await rig.round() == 0
    rig.pass_time(1)
    assert await rig.round() == 1
    assert script(rig).sent == [(URL, due.message.id)]
    [delivery] = rig.log(endpoint)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 2)


async def test_a_late_answer_does_not_undo_another(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    rig.happens("x")
    rig.deliveries.spread_events()
    [late] = rig.rows.claim(now_ms=rig.clock.at_ms, until_ms=rig.clock.at_ms, per_endpoint=4)
    assert await rig.round() == 1
    rig.deliveries._note(late, AWAY)
    assert rig.states(endpoint) == ["delivered"]
    assert rig.again(endpoint).failing_since_ms is None


async def test_a_transaction_that_ends_late_is_not_forgotten(rig: WebhookRig) -> None:
    """Events get their numbers before they are committed, so a lower one may appear last."""
    endpoint = rig.endpoint()
    rig.happens("gives way")
    rig.happens("higher number")
    event_row = rig.events.after(0, limit=2)[0]
    hidden: Any = "UPDATE usage_events SET number = number + 1000 WHERE subject = 'gives way'"
    back: Any = f"UPDATE usage_events SET number = {event_row.number} WHERE number > 1000"
    run: Any = rig.db.execute_sql
    with transaction(rig.db):
        run(hidden)
    first, second = rig.events.after(0, limit=2)
    assert (first.subject, second.number) == ("higher number", event_row.number + 1000)
    assert rig.rows.spread(first, "{}", to=[endpoint], now_ms=rig.clock.at_ms)
    with transaction(rig.db):
        run(back)
    rig.pass_time(MINUTE)
    rig.deliveries.prune()
    await rig.round()
    assert [d.message.subject for d in rig.log(endpoint)] == ["higher number", "gives way"]


async def test_the_database_is_away_while_an_answer_is_noted(
    rig: WebhookRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = rig.endpoint()
    for number in range(3):
        rig.happens(f"{number}")
    real = DeliveryRows.note
    failing = iter([True])

    def note(self: DeliveryRows, *args: Any) -> bool:
        if next(failing, False):
            raise StorageUnavailable("the server is restarting")
        return real(self, *args)

    monkeypatch.setattr(DeliveryRows, "note", note)
    with pytest.raises(StorageUnavailable):
        await rig.round()
    assert sorted(rig.states(endpoint)) == ["delivered", "delivered", "waiting"]
    rig.pass_time(MINUTE)
    assert await rig.round() == 1
    assert rig.states(endpoint) == ["delivered"] * 3


async def test_stopping_leaves_what_is_under_way_to_others(db: Database) -> None:
    async with open_receiver() as receiver:

        async def wait(_request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            return web.Response()

        receiver.manner = wait
        rig = WebhookRig(db)
        endpoint = rig.endpoint(receiver.url)
        rig.happens("x")
        rig.deliveries.spread_events()
        running = asyncio.create_task(rig.deliveries.run_once())
        await receiver.until(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert rig.states(endpoint) == ["waiting"]
        receiver.says(200)
        rig.pass_time(MINUTE)
        assert await rig.round() == 1
        assert receiver.ids == [receiver.ids[0]] * 2


async def test_an_endpoint_that_is_deleted_meanwhile(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    rig.happens("x")
    rig.deliveries.spread_events()
    [due] = rig.rows.claim(now_ms=rig.clock.at_ms, until_ms=rig.clock.at_ms, per_endpoint=1)
    rig.webhooks.delete(endpoint.id, actor=ADMIN)
    rig.deliveries._note(due, AWAY)
    rig.happens("y")
    [event] = rig.rows.unspread(limit=9)
    assert rig.rows.spread(event, "{}", to=[endpoint], now_ms=rig.clock.at_ms)
    assert not rig.rows.spread(event, "{}", to=[endpoint], now_ms=rig.clock.at_ms)
    assert await rig.round() == 0

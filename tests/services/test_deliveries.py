"""Each event reaches each endpoint that wants it, at least once and whatever happens meanwhile."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from peewee import Database
from standardwebhooks.webhooks import Webhook

from mai_usage_ext import guard
from mai_usage_ext.errors import NotFound
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.ports.webhooks import Answered, DeliveryState
from mai_usage_ext.services.webhook_schedule import DELAYS_MS
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.webhook_models import WebhookEndpoint
from tests.channels.receiver import open_receiver
from tests.services.webhook_rig import (
    ADMIN,
    AWAY,
    DAY,
    HOUR,
    SECOND,
    URL,
    Scripted,
    WebhookRig,
    script,
)


@pytest.fixture
def rig(db: Database) -> WebhookRig:
    """With a channel that answers 200 unless told otherwise."""
    return WebhookRig(db, channel=Scripted())


async def test_an_event_becomes_a_cloud_event(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    rig.happens("o/2026-06-14", day="2026-06-14", cost="0.000000000001", name="Żółw 🦆")
    assert await rig.round() == 1
    [delivery] = rig.log(endpoint)
    assert delivery.state is DeliveryState.DELIVERED
    assert (delivery.attempts, delivery.status, delivery.next_attempt_ms) == (1, 200, None)
    assert delivery.finished_at_ms == rig.clock.at_ms
    envelope = json.loads(delivery.message.body)
    assert envelope.pop("id") == delivery.message.id
    assert envelope == {
        "specversion": "1.0",
        "source": "urn:test",
        "type": "usage.day_sealed",
        "subject": "o/2026-06-14",
        "time": "2026-06-15T12:00:00.000Z",
        "datacontenttype": "application/json",
        "data": {"day": "2026-06-14", "cost": "0.000000000001", "name": "Żółw 🦆"},
    }


async def test_everybody_gets_what_they_asked_for(rig: WebhookRig) -> None:
    rig.organizations.ensure_builtin(
        default_name=None, time_zone="UTC", rate_micro=1, billing_currency="USD", now_ms=0
    )
    acme = rig.organizations.create(
        name="Acme", time_zone="UTC", rate_micro=1, billing_currency="USD", now_ms=0
    ).id
    rig.happens("before")
    rig.pass_time(1)
    everything = rig.endpoint("https://a.example.com/")
    keys = rig.endpoint("https://b.example.com/", events=["key.created", "key.rotated"])
    theirs = rig.endpoint("https://c.example.com/", client_id=acme)
    rig.happens("sealed", organization_id=acme)
    rig.happens("made", EventKind.KEY_CREATED, organization_id="other")
    rig.happens("gap", EventKind.RECONCILIATION_GAP)
    await rig.round()

    def subjects(endpoint: Any) -> list[str]:
        return [delivery.message.subject for delivery in rig.log(endpoint)]

    assert subjects(everything) == ["sealed", "made", "gap"]
    assert subjects(keys) == ["made"]
    assert subjects(theirs) == ["sealed"]
    rig.pass_time(DAY)
    assert await rig.round() == 0


async def test_a_receiver_that_is_down_for_hours_gets_each_event_once(db: Database) -> None:
    """Over real HTTP: nobody listens at first, then somebody does."""
    async with open_receiver() as receiver:
        url = receiver.url
    rig = WebhookRig(db)
    endpoint = rig.endpoint(url)
    for hour in range(8):
        rig.happens(f"event of hour {hour}")
        await rig.round()
        rig.pass_time(HOUR)
    assert set(rig.states(endpoint)) == {"failed"}
    port = int(url.split(":")[2].split("/")[0])

    got: list[str] = []

    async def thanks(request: web.Request) -> web.Response:
        got.append(request.headers["webhook-id"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", thanks)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    for _ in range(8):
        await rig.round()
        rig.pass_time(HOUR)
    await runner.cleanup()

    log = rig.log(endpoint)
    assert {delivery.state for delivery in log} == {DeliveryState.DELIVERED}
    assert sorted(got) == sorted(delivery.message.id for delivery in log)
    assert len(set(got)) == 8
    again = rig.again(endpoint)
    assert again.is_enabled
    assert again.failing_since_ms is None


async def test_ten_attempts_in_about_75_hours_then_it_is_dead(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    script(rig).says[URL] = AWAY
    rig.happens("x")
    begun = rig.clock.at_ms
    gaps: list[int] = []
    await rig.round()
    while (delivery := rig.log(endpoint)[0]).next_attempt_ms is not None:
        assert (delivery.state, delivery.problem) == (DeliveryState.FAILED, AWAY.problem)
        wait = delivery.next_attempt_ms - rig.clock.at_ms
        gaps.append(wait)
        rig.pass_time(wait - 1)
        assert await rig.round() == 0
        rig.pass_time(1)
        assert await rig.round() == 1
    assert (delivery.state, delivery.attempts) == (DeliveryState.DEAD, len(DELAYS_MS) + 1)
    for gap, delay in zip(gaps, DELAYS_MS, strict=True):
        assert 0.9 * delay <= gap <= 1.1 * delay
    assert 68 * HOUR < rig.clock.at_ms - begun < 84 * HOUR
    rig.pass_time(30 * DAY)
    assert await rig.round() == 0


async def test_what_failed_together_is_not_tried_together(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    script(rig).says[URL] = AWAY
    for number in range(20):
        rig.happens(f"{number}")
    await rig.round()
    rig.pass_time(10 * SECOND)
    await rig.round()
    assert len({delivery.next_attempt_ms for delivery in rig.log(endpoint)}) > 15


@pytest.mark.parametrize("status", [429, 503])
async def test_who_is_busy_is_left_alone_as_long_as_it_asks(rig: WebhookRig, status: int) -> None:
    endpoint = rig.endpoint()
    script(rig).says[URL] = Answered(status=status, duration_ms=1, retry_after_s=3600)
    rig.happens("first")
    await rig.round()
    rig.happens("second")
    rig.pass_time(HOUR - 1)
    assert await rig.round() == 0, "not for another event either"
    script(rig).says.clear()
    rig.pass_time(1)
    assert await rig.round() == 2
    assert rig.states(endpoint) == ["delivered", "delivered"]


async def test_nobody_is_left_alone_for_longer_than_a_day(rig: WebhookRig) -> None:
    rig.endpoint()
    script(rig).says[URL] = Answered(status=503, duration_ms=1, retry_after_s=10**9)
    rig.happens("x")
    await rig.round()
    rig.pass_time(DAY)
    assert await rig.round() == 1


async def test_retry_after_means_nothing_with_another_status(rig: WebhookRig) -> None:
    rig.endpoint()
    script(rig).says[URL] = Answered(status=500, duration_ms=1, retry_after_s=3600)
    rig.happens("x")
    await rig.round()
    rig.pass_time(6 * SECOND)
    assert await rig.round() == 1


async def test_gone_disables_the_endpoint(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    script(rig).says[URL] = AWAY
    rig.happens("waits")
    await rig.round()
    script(rig).says[URL] = Answered(status=410, duration_ms=1)
    rig.happens("meets it")
    await rig.round()
    again = rig.again(endpoint)
    assert (again.is_enabled, again.disabled_reason) == (False, "it answered 410 Gone")
    assert rig.states(endpoint) == ["dead", "dead"]
    assert "disabled" in rig.log(endpoint)[0].problem
    [*_, record] = rig.trail()
    assert (record.action, record.actor.kind) == ("webhook.disabled", "system")
    assert record.after == {"enabled": False, "reason": "it answered 410 Gone"}
    assert guard.tally["webhooks disabled"] == 1

    script(rig).says.clear()
    rig.happens("too late")
    assert await rig.round() == 0
    assert rig.states(endpoint) == ["dead", "dead", "dead"]
    rig.webhooks.change(endpoint.id, {"enabled": True}, actor=ADMIN)
    assert await rig.round() == 0, "nobody asked for it"
    assert rig.webhooks.replay_undelivered(endpoint.id, since_ms=0, actor=ADMIN) == 3
    assert await rig.round() == 3
    assert rig.states(endpoint) == ["dead"] * 3 + ["delivered"] * 3


async def test_nothing_but_failures_for_five_days_disables_it(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    script(rig).says[URL] = Answered(status=500, duration_ms=1)
    for day in range(7):
        rig.happens(f"{day}")
        await rig.round()
        if not rig.again(endpoint).is_enabled:
            break
        rig.pass_time(DAY)
    assert rig.again(endpoint).disabled_reason == "nothing but failures for 5 days"
    assert day == 5


async def test_a_success_in_between_keeps_it(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    for day in range(12):
        says = {} if day % 4 == 3 else {URL: Answered(status=500, duration_ms=1)}
        script(rig).says = says
        rig.happens(f"{day}")
        await rig.round()
        rig.pass_time(DAY)
    assert rig.again(endpoint).is_enabled


async def test_failures_with_long_silence_between_them_are_no_unbroken_row(
    rig: WebhookRig,
) -> None:
    endpoint = rig.endpoint()
    script(rig).says[URL] = Answered(status=500, duration_ms=1)
    for month in range(3):
        rig.happens(f"{month}")
        await rig.round()
        rig.pass_time(20 * DAY)
    assert rig.again(endpoint).is_enabled


async def test_two_signatures_until_the_old_secret_ends(db: Database) -> None:
    async with open_receiver() as receiver:
        rig = WebhookRig(db)
        made = rig.new(receiver.url)
        bodies = []
        for step in range(3):
            rig.happens(f"{step}")
            await rig.round()
            bodies.append(receiver.got[-1])
            if step == 0:
                new = rig.webhooks.rotate_secret(made.endpoint.id, overlap_hours=2, actor=ADMIN)
                assert new.endpoint.previous_secret_until_ms == rig.clock.at_ms + 2 * HOUR
            else:
                rig.pass_time(2 * HOUR)

    def signers(got: tuple[dict[str, str], str]) -> list[str]:
        headers, body = got
        found = []
        for name, secret in (("old", made.secret), ("new", new.secret)):
            signature = headers["webhook-signature"].split(" ")
            moment = moment_of(headers)
            if Webhook(secret).sign(headers["webhook-id"], moment, body) in signature:
                found.append(name)
        return found

    assert [signers(got) for got in bodies] == [["old"], ["old", "new"], ["new"]]


def moment_of(headers: dict[str, str]) -> datetime:
    """The library's own check compares with the real clock, and this one is set by hand."""
    return datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)


async def test_a_secret_that_cannot_be_opened(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    with transaction(rig.db):
        write(rig.db, WebhookEndpoint.update(secret_ciphertext="v1.gone.x.y"))
    rig.happens("x")
    await rig.round()
    [delivery] = rig.log(endpoint)
    assert delivery.state is DeliveryState.FAILED
    assert "rotate it" in delivery.problem
    assert script(rig).sent == []
    rig.webhooks.rotate_secret(endpoint.id, actor=ADMIN)
    rig.pass_time(6 * SECOND)
    await rig.round()
    assert rig.states(endpoint) == ["delivered"]


async def test_a_test_is_sent_once_and_says_what_came_of_it(rig: WebhookRig) -> None:
    endpoint = rig.endpoint(enabled=False)
    took = await rig.deliveries.ping(endpoint.id)
    assert (took.state, took.status, took.message.kind) == (
        DeliveryState.DELIVERED,
        200,
        "webhook.ping",
    )
    script(rig).says[URL] = Answered(status=410, duration_ms=1)
    refused = await rig.deliveries.ping(endpoint.id)
    assert (refused.state, refused.status) == (DeliveryState.DEAD, 410)
    rig.webhooks.change(endpoint.id, {"enabled": True}, actor=ADMIN)
    refused = await rig.deliveries.ping(endpoint.id)
    assert rig.again(endpoint).is_enabled, "a test decides nothing"
    assert rig.again(endpoint).failing_since_ms is None
    assert rig.webhooks.replay_undelivered(endpoint.id, since_ms=0, actor=ADMIN) == 0
    with pytest.raises(NotFound):
        await rig.deliveries.ping("wh_nobody")


async def test_old_events_and_deliveries_go(rig: WebhookRig) -> None:
    endpoint = rig.endpoint()
    rig.happens("old")
    await rig.round()
    rig.pass_time(35 * DAY)
    rig.happens("new")
    await rig.round()
    assert rig.deliveries.prune() == 0
    rig.pass_time(1)
    assert rig.deliveries.prune() == 2
    assert [delivery.message.subject for delivery in rig.log(endpoint)] == ["new"]
    assert [event.subject for event in rig.events.after(0, limit=9)] == ["new"]
    rig.happens("newest")
    assert await rig.round() == 1

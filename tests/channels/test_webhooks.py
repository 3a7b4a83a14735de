"""One attempt at a time: signed, and unharmed by whatever the receiver does."""

import asyncio
import gzip
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from mai_usage_ext.channels.addresses import AddressRules
from mai_usage_ext.channels.webhooks import WebhookSender
from mai_usage_ext.guard import traffic_is_ours
from mai_usage_ext.ports.webhooks import Answered, Message
from tests.channels.receiver import local_sender, open_receiver, raw_receiver

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
MESSAGE = Message(
    id="evt_1",
    kind="usage.day_sealed",
    subject="o/1",
    body='{"id":"evt_1","data":{"name":"Żółw 🦆"}}',
)
SHORT_S = 0.3


async def sent(
    url: str, *, secrets: tuple[str, ...] = (NEW,), sender: WebhookSender | None = None
) -> Answered:
    return await (sender or local_sender()).send(
        url, MESSAGE, secrets=secrets, at_ms=time.time_ns() // 1_000_000
    )


async def test_the_library_verifies_what_was_sent() -> None:
    async with open_receiver() as receiver:
        answered = await sent(receiver.url)
    assert (answered.status, answered.answer, answered.problem) == (200, "thanks", "")
    assert 0 <= answered.duration_ms < 15_000
    [(headers, body)] = receiver.got
    assert body == MESSAGE.body
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["webhook-id"] == "evt_1"
    assert headers["user-agent"].startswith("mai-usage/")
    assert Webhook(NEW).verify(body, headers) == {"id": "evt_1", "data": {"name": "Żółw 🦆"}}
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(body.replace("Żółw", "Wąż"), headers)


async def test_while_a_secret_is_replaced_either_verifies() -> None:
    async with open_receiver() as receiver:
        await sent(receiver.url, secrets=(NEW, OLD))
    [(headers, body)] = receiver.got
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (OLD, NEW):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with open_receiver() as receiver, open_receiver() as inside:
        receiver.says(status, Location=inside.url)
        answered = await sent(receiver.url)
    assert answered.status == status
    assert "redirects are not followed" in answered.problem
    assert inside.got == []


async def test_an_address_is_looked_at_again_when_it_is_sent_to() -> None:
    """A name that was public when it was saved leads to this machine now."""
    async with open_receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        lookups: list[str] = []

        def rebound(host: str, _port: int) -> list[str]:
            lookups.append(host)
            return ["93.184.215.14"] if len(lookups) == 1 else ["127.0.0.1"]

        rules = AddressRules((), allows_http=True, lookup=rebound)
        url = f"http://hooks.example.com:{port}"
        rules.check(url)
        answered = await sent(url, sender=WebhookSender(rules, lookup=rebound))
        assert answered.status is None
        assert "127.0.0.1 is a loopback address" in answered.problem
        assert lookups == ["hooks.example.com", "hooks.example.com"]
        assert receiver.got == []


async def test_the_address_that_passed_is_the_one_that_is_connected_to() -> None:
    """The name is asked for once, so there is no second answer that could differ."""
    async with open_receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        lookups: list[str] = []

        def lookup(host: str, _port: int) -> list[str]:
            lookups.append(host)
            return ["127.0.0.1"]

        rules = AddressRules(["127.0.0.1"], allows_http=True)
        sender = WebhookSender(rules, lookup=lookup)
        answered = await sent(f"http://hooks.example.com:{port}", sender=sender)
    assert answered.status == 200
    assert lookups == ["hooks.example.com"]
    assert receiver.got[0][0]["host"].startswith("hooks.example.com")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "0x7f000001", "2130706433", "localhost"])
async def test_an_address_in_the_url_is_looked_at_too(host: str) -> None:
    """aiohttp asks no resolver for those."""
    async with open_receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        sender = WebhookSender(AddressRules((), allows_http=True))
        answered = await sent(f"http://{host}:{port}", sender=sender)
    assert answered.status is None
    assert "expected an https URL of a host on the public internet" in answered.problem
    assert receiver.got == []


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_receiver() as receiver, open_receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert (await sent(receiver.url)).status == 200
    assert (len(receiver.got), proxy.got) == (1, [])


async def test_html_is_an_answer_like_any_other() -> None:
    async with open_receiver() as receiver:
        receiver.says(404, "<!doctype html><title>Not found</title>\0\x1b[31m")
        answered = await sent(receiver.url)
    assert answered.status == 404
    assert answered.answer.startswith("<!doctype html>")
    assert "\0" not in answered.answer
    assert "\x1b" not in answered.answer


async def test_who_never_answers_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async with raw_receiver(silent) as url:
        answered = await sent(url, sender=local_sender(total_s=SHORT_S))
    assert (answered.status, answered.problem) == (None, "no answer in time")


async def test_headers_that_drip_are_given_up() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw_receiver(drip) as url:
        answered = await sent(url, sender=local_sender(total_s=SHORT_S))
    assert answered.status is None
    assert answered.problem


async def test_a_body_that_drips_delays_nobody_and_the_status_counts() -> None:
    async def manner(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=202)
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.02)

    async with open_receiver() as receiver:
        receiver.manner = manner
        answered = await sent(receiver.url, sender=local_sender(total_s=SHORT_S))
    assert (answered.status, answered.problem) == (202, "")
    assert answered.answer.startswith("xx")


async def test_a_huge_body_is_not_read() -> None:
    written = 0

    async def manner(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(headers={"Content-Length": "1000000000"})
        await response.prepare(request)
        while True:
            await response.write(b"x" * 100_000)
            written += 100_000

    async with open_receiver() as receiver:
        receiver.manner = manner
        answered = await sent(receiver.url)
    assert (answered.status, len(answered.answer)) == (200, 500)
    assert written < 50_000_000


async def test_a_bomb_stays_packed() -> None:
    async def manner(_request: web.Request) -> web.StreamResponse:
        bomb = gzip.compress(b"x" * 5_000_000)
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with open_receiver() as receiver:
        receiver.manner = manner
        answered = await sent(receiver.url)
    assert answered.status == 200
    assert len(answered.answer) <= 500
    assert "xxx" not in answered.answer


@pytest.mark.parametrize(
    "answer",
    [b"", b"SMTP ready\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 99_999],
)
async def test_what_is_not_http_is_no_answer(answer: bytes) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async with raw_receiver(talk) as url:
        answered = await sent(url)
    assert answered.status is None
    assert answered.problem.startswith("no answer: ")


async def test_nobody_listens() -> None:
    async with open_receiver() as receiver:
        url = receiver.url
    answered = await sent(url)
    assert answered.status is None
    assert answered.problem.startswith("no answer: ")


async def test_a_certificate_that_nobody_vouches_for() -> None:
    """Plain HTTP behind an https URL is the shortest way to no certificate at all."""
    async with open_receiver() as receiver:
        answered = await sent(receiver.url.replace("http:", "https:"))
    assert answered.status is None
    assert answered.problem.startswith("no answer: ")
    assert receiver.got == []


def in_a_minute() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", (30, 30)),
        (" 0 ", (0, 0)),
        ("date", (55, 60)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", (0, 0)),
        ("soon", None),
        ("-5", None),
        ("Wed, 21 Oct 2015 07:28:00 -0000", None),
        ("9" * 400, (999_999_999, 999_999_999)),
    ],
)
async def test_retry_after(text: str, seconds: tuple[int, int] | None) -> None:
    async with open_receiver() as receiver:
        receiver.says(503, Retry_After=in_a_minute() if text == "date" else text)
        answered = await sent(receiver.url)
    found = answered.retry_after_s
    if seconds is None:
        assert found is None
    else:
        assert found is not None
        assert seconds[0] <= found <= seconds[1]


async def test_our_own_meter_stays_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    real = aiohttp.ClientSession._request

    async def watched(self: aiohttp.ClientSession, *args: object, **options: object) -> object:
        seen.append(traffic_is_ours())
        return await real(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(aiohttp.ClientSession, "_request", watched)
    async with open_receiver() as receiver:
        await sent(receiver.url)
    assert seen == [True]
    assert not traffic_is_ours()

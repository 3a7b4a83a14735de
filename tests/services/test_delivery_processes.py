"""Real processes over one database, one of them killed at the worst moment."""

import asyncio
import signal
import sys
import time
from collections import Counter

import pytest
from aiohttp import web
from peewee import Database

from mai_usage_ext.ports.webhooks import DeliveryState
from tests.channels.receiver import open_receiver
from tests.services.webhook_rig import MINUTE, HandClock, WebhookRig
from tests.workshop.shell import ROOT


@pytest.fixture
def rig(db: Database) -> WebhookRig:
    """By the real clock, as it is when the test begins."""
    return WebhookRig(db, clock=HandClock(time.time_ns() // 1_000_000))


async def started(url: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.services.webhook_program",
        url,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


def begin(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")


async def test_two_processes_send_each_delivery_once(rig: WebhookRig, database_url: str) -> None:
    async with open_receiver() as receiver:
        endpoints = [rig.endpoint(f"{receiver.url}/{number}") for number in range(2)]
        for number in range(40):
            rig.happens(f"{number}")
        processes = [await started(database_url) for _ in range(2)]
        for process in processes:
            begin(process)
        results = [(await process.communicate())[0].split() for process in processes]
    assert sum(int(spread) for spread, _ in results) == 40
    assert sum(int(sent) for _, sent in results) == 80
    assert set(Counter(receiver.ids).values()) == {2}
    assert len(receiver.got) == 80
    for endpoint in endpoints:
        assert rig.states(endpoint) == ["delivered"] * 40


async def test_a_process_that_is_killed_between_sending_and_noting(
    rig: WebhookRig, database_url: str
) -> None:
    async with open_receiver() as receiver:
        endpoint = rig.endpoint(receiver.url)
        rig.happens("x")
        process = await started(database_url)

        async def kill(_request: web.Request) -> web.StreamResponse:
            process.send_signal(signal.SIGKILL)
            return web.Response()

        receiver.manner = kill
        begin(process)
        assert await process.wait() == -signal.SIGKILL
        assert rig.states(endpoint) == ["waiting"]
        receiver.says(200)
        assert await rig.round() == 0, "it may still be sending, as far as anybody knows"
        rig.pass_time(2 * MINUTE)
        assert await rig.round() == 1
    first, second = receiver.ids
    assert first == second
    [delivery] = rig.log(endpoint)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 2)

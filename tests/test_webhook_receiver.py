"""The receiver of the page on webhooks, run as it stands there, hears of what a real meter does."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks.webhooks import Webhook

from mai_usage_ext.bootstrap import Workbench, metering, open_workbench
from mai_usage_ext.bootstrap.webhooks import wire_webhooks
from mai_usage_ext.ports import Actor
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.services.webhook_schedule import DELAYS_MS
from mai_usage_ext.settings import Settings
from mai_usage_ext.simulator.server import SimulatorThread
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import make_entry, make_hold
from tests.workshop.shell import ROOT

PAGE = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
ADMIN = Actor(kind="user", id="grace", address="")
DAY = datetime.now(UTC).date() - timedelta(days=3)


def program() -> str:
    [found] = re.findall(r"<!-- receiver -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@dataclass
class Running:
    """``heard`` is what the receiver has stored, by id."""

    process: "subprocess.Popen[str]"
    url: str
    database: Path

    def heard(self) -> dict[str, dict[str, Any]]:
        with closing(sqlite3.connect(self.database)) as database:
            rows = database.execute("SELECT id, body FROM events").fetchall()
        return {event_id: json.loads(body) for event_id, body in rows}

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def settings(database_url: str) -> Iterator[Settings]:
    with SimulatorThread() as simulator:
        yield Settings.from_env(
            {
                "MAI_USAGE_DATABASE_URL": database_url,
                "OPENROUTER_BASE_URL": simulator.url,
                "WEBUI_SECRET_KEY": "the secret of the host",
                "MAI_USAGE_WEBHOOK_ALLOW": "127.0.0.1",
                "MAI_USAGE_WEBHOOK_HTTP": "true",
            }
        )


@pytest.fixture
def bench(settings: Settings) -> Iterator[Workbench]:
    opened = open_workbench(settings)
    yield opened
    opened.close()


def run_receiver(folder: Path, secret: str) -> Running:
    file = folder / "receiver.py"
    file.write_text(program(), "utf-8")
    database = folder / "events.db"
    process = subprocess.Popen(
        [sys.executable, str(file)],
        env={
            **os.environ,
            "WEBHOOK_SECRET": secret,
            "WEBHOOK_DATABASE": str(database),
            "PORT": "0",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    port = process.stdout.readline().split()[-1]
    return Running(process, f"http://127.0.0.1:{port}/", database)


def stop(running: Running) -> None:
    running.process.kill()
    running.process.communicate()


def book(database_url: str, organization_id: str) -> None:
    """A call of a day that is over, so that the meter seals it."""
    at_ms = int(datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC).timestamp() * 1000)
    hold = make_hold(organization_id, day=DAY, month=f"{DAY:%Y-%m}", at_ms=at_ms)
    database = open_database(database_url, owned=True)
    writer = LedgerWriter(database, owner="the past")
    writer.start()
    writer.place(hold).result(10)
    writer.settle(hold, make_entry(hold)).result(10)
    writer.stop(5)
    close_database(database)


async def test_it_hears_of_a_day_that_a_meter_sealed(
    database_url: str, settings: Settings, bench: Workbench, tmp_path: Path
) -> None:
    webhooks, deliveries = wire_webhooks(bench, settings)
    # The receiver starts with the secret, and only then there is a port to send to.
    made = webhooks.create({"url": "http://127.0.0.1:9/", "enabled": False}, actor=ADMIN)
    running = run_receiver(tmp_path, made.secret)
    try:
        change = {"url": running.url, "enabled": True}
        webhooks.change(made.endpoint.id, change, actor=ADMIN)
        pinged = await deliveries.ping(made.endpoint.id)
        assert (pinged.status, pinged.problem) == (204, "")
        assert running.line().startswith("webhook.ping")
        assert bench.default_id is not None
        book(database_url, bench.default_id)
        async with metering(settings):
            told = await asyncio.to_thread(running.line)
        assert told.startswith(f"usage.day_sealed {bench.default_id}/{DAY}/")
        [event] = [e for e in running.heard().values() if e["type"] == "usage.day_sealed"]
        assert event["source"] == "urn:mai-usage"
        assert event["data"]["day"] == DAY.isoformat()
        assert (event["data"]["requests"], event["data"]["is_reseal"]) == (1, False)
        assert event["data"]["cost"] == "0.000425048001"
        assert "raw" not in str(event)
    finally:
        stop(running)


async def test_it_keeps_an_event_once_and_takes_none_that_is_not_ours(tmp_path: Path) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    running = run_receiver(tmp_path, secret)
    body = json.dumps({"type": "t", "subject": "s", "data": {}})
    now = datetime.now(UTC)

    def signed(event_id: str, **changes: str) -> dict[str, str]:
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(event_id, now, body),
            **changes,
        }

    forged = Webhook("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").sign("evt_2", now, body)
    try:
        async with aiohttp.ClientSession() as session:
            for headers, status in (
                (signed("evt_1"), 204),
                (signed("evt_1"), 204),
                (signed("evt_2", **{"webhook-signature": forged}), 401),
                (signed("evt_2", **{"webhook-signature": "nonsense"}), 401),
                (signed("evt_2", **{"webhook-timestamp": "1"}), 401),
                ({}, 401),
            ):
                async with session.post(running.url, data=body, headers=headers) as answer:
                    assert answer.status == status
        assert set(running.heard()) == {"evt_1"}
        assert running.line() == "t s {}\n"
    finally:
        stop(running)


def test_the_page_names_every_type_of_event() -> None:
    table = re.findall(r"^\| `([a-z_.]+)` \|", PAGE, re.MULTILINE)
    assert sorted(table) == sorted(kind.value for kind in EventKind)


def test_the_page_says_when_it_is_tried_again() -> None:
    minutes = [delay // 60_000 for delay in DELAYS_MS]
    assert minutes == [0, 5, 30, 120, 300, 600, 840, 1200, 1440]
    words = "5 seconds, then 5 and 30 minutes, 2, 5,\n10, 14, 20 and 24 hours"
    assert words in PAGE

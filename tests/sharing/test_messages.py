"""Messages through a real Redis: heard at once, and given up and found again without anybody."""

from __future__ import annotations

import logging
import queue
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mai_usage_ext.guard import tally
from mai_usage_ext.ports.messages import NoMessages, RedisPlace, Topic
from mai_usage_ext.services.absence import Absence
from mai_usage_ext.sharing import RedisMessages
from tests.conftest import Swallowed
from tests.workshop.ports import LOOPBACK, free_port
from tests.workshop.redis import RedisCluster, RedisServer, Sentinel

PULSE_S = 0.1
LONG_S = 20.0
ANY: frozenset[str] = frozenset()
Heard = tuple[Topic, frozenset[str]]


class Process:
    """What one process has of the messages, and all it heard."""

    def __init__(self, place: RedisPlace) -> None:
        self.heard: queue.Queue[Heard] = queue.Queue()
        self.absence = Absence(
            "redis messages", without="others poll", first_s=0.01, longest_s=0.05
        )
        self.messages = RedisMessages(place, pulse_s=PULSE_S, absence=self.absence)

    def start(self) -> None:
        hear: dict[Topic, Callable[[frozenset[str]], None]] = {
            topic: lambda names, topic=topic: self.heard.put((topic, names))  # type: ignore[misc]
            for topic in Topic
        }
        self.messages.start(hear)

    def open(self) -> None:
        """Wait for the way to be open, and hear that anything may have been missed."""
        assert self.messages.wait_open(LONG_S), self.messages.trouble
        self.hears((Topic.CHANGES, ANY), (Topic.USAGE, ANY))

    def hears(self, *wanted: Heard) -> None:
        """Wait until it has heard all of these, among others and in any order."""
        missing = set(wanted)
        while missing:
            missing.discard(self.next())

    def next(self) -> Heard:
        return self.heard.get(timeout=LONG_S)

    def until(self, is_true: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + LONG_S
        while not is_true():
            assert time.monotonic() < give_up_at
            time.sleep(0.01)


Make = Callable[..., Process]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Process] = []

    def start(url: str, *, wait: bool = True, **options: Any) -> Process:
        process = Process(RedisPlace(url=url, **options))
        made.append(process)
        process.start()
        if wait:
            process.open()
        return process

    yield start
    for process in made:
        process.messages.stop()


def test_everybody_hears_at_once(redis: RedisServer, make: Make) -> None:
    here, there = make(redis.url), make(redis.url)
    began = time.monotonic()
    here.messages.tell(Topic.CHANGES)
    assert there.next() == (Topic.CHANGES, ANY)
    assert time.monotonic() - began < 1
    assert here.next() == (Topic.CHANGES, ANY)
    there.messages.tell(Topic.USAGE, ["bakery", "studio"])
    assert here.next() == (Topic.USAGE, {"bakery", "studio"})
    assert (here.messages.trouble, there.messages.trouble) == (None, None)


def test_many_ended_calls_are_few_messages(redis: RedisServer, make: Make) -> None:
    here = make(redis.url)
    began = time.monotonic()
    for _ in range(2_000):
        here.messages.tell(Topic.USAGE, ["bakery"])
    here.messages.tell(Topic.USAGE, ["studio"])
    took_s = time.monotonic() - began
    names: set[str] = set()
    count = 0
    while "studio" not in names:
        names |= here.next()[1]
        count += 1
    # One at once, and one for each twentieth of a second that the telling took.
    assert count <= 2 + took_s / 0.05
    assert took_s < 1


def test_a_message_of_very_many_names_says_that_it_may_be_anybody(
    redis: RedisServer, make: Make
) -> None:
    here = make(redis.url)
    here.messages.tell(Topic.USAGE, [f"organization-{n}" for n in range(1_000)])
    assert here.next() == (Topic.USAGE, ANY)


@pytest.mark.parametrize("data", ["", "not json", "7", '{"a":', "[[1]]", "null"])
def test_a_strangers_message_is_a_reason_to_look(redis: RedisServer, make: Make, data: str) -> None:
    here = make(redis.url)
    with redis.client() as client:
        client.publish("open-webui:mai_usage:usage", data)
    topic, names = here.next()
    assert topic == Topic.USAGE
    assert names in (ANY, {"[1]"})


def test_who_fails_at_a_message_hears_the_next(
    redis: RedisServer, make: Make, swallowed: Swallowed
) -> None:
    heard: queue.Queue[frozenset[str]] = queue.Queue()

    def hear(names: frozenset[str]) -> None:
        heard.put(names)
        if names == {"bakery"}:
            raise RuntimeError("the database hiccups")

    messages = RedisMessages(RedisPlace(url=redis.url))
    messages.start({Topic.USAGE: hear})
    try:
        assert heard.get(timeout=LONG_S) == ANY
        messages.tell(Topic.USAGE, ["bakery"])
        assert heard.get(timeout=LONG_S) == {"bakery"}
        messages.tell(Topic.USAGE, ["studio"])
        assert heard.get(timeout=LONG_S) == {"studio"}
    finally:
        messages.stop()
    assert str(swallowed.expect("hearing a message")) == "the database hiccups"


def test_other_prefixes_are_other_people(redis: RedisServer, make: Make) -> None:
    here, other = make(redis.url), make(redis.url, prefix="their-webui:mai_usage")
    here.messages.tell(Topic.CHANGES)
    assert here.next() == (Topic.CHANGES, ANY)
    other.messages.tell(Topic.USAGE, ["studio"])
    assert other.next() == (Topic.USAGE, {"studio"})


def test_a_killed_redis_is_said_once_and_found_again(
    redis: RedisServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = make(redis.url), make(redis.url)
    with caplog.at_level(logging.INFO, logger="mai_usage_ext"):
        redis.kill()
        here.until(lambda: tally["redis messages away"] >= 5)
        here.messages.tell(Topic.USAGE, ["bakery"])
        assert here.messages.trouble is not None
        assert "REDIS_URL" in here.messages.trouble
        assert "others poll" in here.messages.trouble
        there.until(lambda: there.messages.trouble is not None)
        redis.start()
        # What was missed is made good, and what could not be told is told now.
        here.hears(*((topic, ANY) for topic in Topic), (Topic.USAGE, frozenset({"bakery"})))
        there.open()
    assert (here.messages.trouble, there.messages.trouble) == (None, None)
    said = [record.message for record in caplog.records]
    assert len([line for line in said if "others poll" in line]) == 2
    assert said.count("redis messages: back again") == 2


def test_a_redis_that_hangs_is_noticed_and_holds_nobody_up(redis: RedisServer, make: Make) -> None:
    here = make(redis.url)
    with redis.paused():
        began = time.monotonic()
        here.messages.tell(Topic.USAGE, ["bakery"])
        assert time.monotonic() - began < 0.1
        here.until(lambda: here.messages.trouble is not None)
    here.until(lambda: here.messages.trouble is None)
    here.hears((Topic.USAGE, frozenset({"bakery"})))


def test_stopping_does_not_wait_for_a_redis_that_hangs(redis: RedisServer, make: Make) -> None:
    here = make(redis.url)
    with redis.paused():
        began = time.monotonic()
        here.messages.stop()
        assert time.monotonic() - began < 5


def test_stopping_is_no_trouble(
    redis: RedisServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        here = make(redis.url)
        here.messages.tell(Topic.CHANGES)
        here.messages.stop()
        assert here.messages.trouble is None
    assert caplog.records == []


def test_a_flush_changes_nothing(redis: RedisServer, make: Make) -> None:
    here = make(redis.url)
    with redis.client() as client:
        client.flushall()
    here.messages.tell(Topic.USAGE, ["bakery"])
    assert here.next() == (Topic.USAGE, {"bakery"})


def test_nothing_is_kept_in_redis(redis: RedisServer, make: Make) -> None:
    here = make(redis.url)
    here.messages.tell(Topic.USAGE, ["bakery"])
    here.next()
    with redis.client() as client:
        assert client.keys() == []


@pytest.mark.parametrize("password", ["wrong-hush", ""])
def test_a_wrong_password_is_said_without_it(tmp_path: Path, make: Make, password: str) -> None:
    server = RedisServer(tmp_path, requirepass="right-hush")
    server.start()
    try:
        here = make(f"redis://:{password}@{LOOPBACK}:{server.port}/0", wait=False)
        here.until(lambda: here.messages.trouble is not None)
        trouble = here.messages.trouble or ""
        assert "password" in trouble.lower() or "auth" in trouble.lower()
        assert "hush" not in trouble
        make(server.url)
    finally:
        server.kill()


def test_who_may_hear_but_not_tell_is_told(redis: RedisServer, make: Make) -> None:
    with redis.client() as client:
        client.execute_command(
            "ACL", "SETUSER", "deaf", "on", ">hush", "allchannels", "+@all", "-publish"
        )
    here = make(f"redis://deaf:hush@{LOOPBACK}:{redis.port}/0", wait=False)
    here.until(lambda: "publish" in (here.messages.trouble or ""))
    assert "hush" not in (here.messages.trouble or "")
    assert not here.messages.wait_open(0)


def test_a_redis_that_is_not_there_yet_is_waited_for(tmp_path: Path, make: Make) -> None:
    server = RedisServer(tmp_path)
    here = make(server.url, wait=False)
    here.until(lambda: here.messages.trouble is not None)
    server.start()
    here.open()
    server.kill()


def test_without_the_package_we_go_on_without(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    here = make(f"redis://{LOOPBACK}:{free_port()}/0", wait=False)
    here.until(lambda: here.messages.trouble is not None)
    assert "pip install 'mai-usage-ext[redis]'" in (here.messages.trouble or "")
    here.messages.tell(Topic.CHANGES)


def test_a_sentinel_says_where_the_master_is(tmp_path: Path, make: Make) -> None:
    master = RedisServer(tmp_path, requirepass="hush")
    master.start()
    sentinel = Sentinel(tmp_path, master, name="Orders")
    sentinel.start()
    try:
        place = {"sentinels": ((LOOPBACK, sentinel.port),)}
        url = "redis://:hush@Orders:1/0"
        here, there = make(url, **place), make(url, **place)
        here.messages.tell(Topic.USAGE, ["bakery"])
        assert there.next() == (Topic.USAGE, {"bakery"})
        # The names of masters tell small letters from capital ones.
        lost = make("redis://:hush@orders:1/0", wait=False, **place)
        lost.until(lambda: "orders" in (lost.messages.trouble or ""))
    finally:
        sentinel.kill()
        master.kill()


def test_one_server_of_a_cluster_is_enough(tmp_path: Path, make: Make) -> None:
    cluster = RedisCluster(tmp_path)
    cluster.start()
    try:
        here, there = (make(cluster.url, is_cluster=True) for _ in range(2))
        here.messages.tell(Topic.USAGE, ["bakery"])
        assert there.next() == (Topic.USAGE, {"bakery"})
        cluster.kill()
        here.until(lambda: here.messages.trouble is not None)
    finally:
        cluster.kill()


def test_nobody_is_told_where_there_is_no_redis() -> None:
    messages = NoMessages()
    messages.start({Topic.CHANGES: lambda _names: pytest.fail("heard")})
    messages.tell(Topic.CHANGES)
    messages.stop()
    assert messages.trouble is None

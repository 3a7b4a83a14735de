"""A shelf in a real Redis: shared, forgotten in time, and done without while it is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mai_usage_ext.bootstrap.sharing import shelf_of
from mai_usage_ext.ports.messages import RedisPlace
from mai_usage_ext.services.absence import Absence
from mai_usage_ext.settings import Settings
from mai_usage_ext.sharing import RedisShelf
from tests.workshop.ports import LOOPBACK, free_port
from tests.workshop.redis import RedisServer

PREFIX = "open-webui:mai_usage"


def shelf_at(url: str) -> RedisShelf:
    """One that tries again at once."""
    absence = Absence("redis shelf", without="each keeps its own", first_s=0.0, longest_s=0.0)
    return RedisShelf(RedisPlace(url=url, prefix=PREFIX), absence=absence)


@pytest.fixture
def shelves(redis: RedisServer) -> Iterator[tuple[RedisShelf, RedisShelf]]:
    here, there = shelf_at(redis.url), shelf_at(redis.url)
    yield here, there
    here.close()
    there.close()


def test_what_lies_there_is_everybodys(
    redis: RedisServer, shelves: tuple[RedisShelf, RedisShelf]
) -> None:
    here, there = shelves
    assert there.get("a") is None
    here.put("a", "Zażółć 🦆", seconds=60)
    assert there.get("a") == "Zażółć 🦆"
    with redis.client() as client:
        assert client.keys() == [f"{PREFIX}:a"]
        assert 0 < client.ttl(f"{PREFIX}:a") <= 60
        client.flushall()
    assert there.get("a") is None
    assert here.trouble is None


def test_a_server_that_goes_and_comes_back(
    redis: RedisServer, shelves: tuple[RedisShelf, RedisShelf]
) -> None:
    here, _ = shelves
    here.put("a", "1", seconds=60)
    redis.kill()
    assert here.get("a") is None
    here.put("a", "2", seconds=60)
    assert here.trouble is not None
    assert "REDIS_URL" in here.trouble
    redis.start()
    assert here.get("a") is None
    assert here.trouble is None
    here.put("a", "3", seconds=60)
    assert here.get("a") == "3"


def test_a_server_that_hangs_is_not_waited_for_twice(redis: RedisServer) -> None:
    absence = Absence("redis shelf", without="each keeps its own", first_s=60, longest_s=60)
    shelf = RedisShelf(RedisPlace(url=redis.url, prefix=PREFIX), absence=absence)
    shelf.put("a", "1", seconds=60)
    with redis.paused():
        assert shelf.get("a") is None
        assert not absence.may_try()
        assert shelf.get("a") is None
    shelf.close()


def test_nobody_is_there() -> None:
    shelf = shelf_at(f"redis://{LOOPBACK}:{free_port()}/0")
    assert shelf.get("a") is None
    assert shelf.trouble is not None
    shelf.close()


def test_it_is_there_where_the_host_has_a_redis(redis: RedisServer) -> None:
    assert shelf_of(Settings.from_env({})) is None
    shelf = shelf_of(Settings.from_env({"REDIS_URL": redis.url}))
    assert shelf is not None
    shelf.put("a", "1", seconds=60)
    assert shelf.get("a") == "1"
    shelf.close()

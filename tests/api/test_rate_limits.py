"""Rate limits of our routes: counted before the host signs anybody in, shared through Redis."""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request

from mai_usage_ext.api.counts import MemoryCounts
from mai_usage_ext.api.problems import problem_route
from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.bootstrap.sharing import shared_counts
from mai_usage_ext.errors import NotFound
from mai_usage_ext.guard import tally
from mai_usage_ext.services.absence import Absence
from mai_usage_ext.settings import Settings
from tests.conftest import Swallowed
from tests.workshop.ports import LOOPBACK, free_port
from tests.workshop.redis import RedisCluster, RedisServer, Sentinel

LIMIT = 5
AWAY = "redis rate limits"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.s = 1_768_903_200.0

    def __call__(self) -> float:
        return self.s


class Host:
    """A host with a route of its own, one of ours, and a door that counts who knocks."""

    def __init__(self, limiter: RateLimiter) -> None:
        self.signed_in = 0
        self.app = FastAPI()
        router = APIRouter(prefix="/ours", route_class=problem_route(limiter))

        def user(request: Request) -> str:
            self.signed_in += 1
            header = request.headers.get("authorization", "").removeprefix("Bearer ")
            token = header or request.cookies.get("token", "")
            if not token.startswith("good"):
                raise HTTPException(401, "Not authenticated", headers={"WWW-Authenticate": "x"})
            return token

        @router.get("")
        async def ours(user: str = Depends(user)) -> dict[str, str]:
            return {"user": user}

        @router.get("/nothing")
        async def nothing(_user: str = Depends(user)) -> None:
            raise NotFound("there is no such thing")

        @router.get("/number/{number}")
        async def show(number: int) -> int:
            return number

        @self.app.get("/theirs")
        async def theirs() -> dict[str, str]:
            return {}

        self.app.include_router(router)

    async def get(
        self,
        path: str = "/ours",
        *,
        token: str = "",
        cookie: str = "",
        address: str = "192.0.2.1",
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        cookies = {"token": cookie} if cookie else {}
        transport = httpx.ASGITransport(self.app, client=(address, 40_000))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://host", headers=headers, cookies=cookies
        ) as client:
            return await client.get(path)


def remaining(response: httpx.Response) -> int:
    return int(response.headers["RateLimit-Remaining"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host(clock: Clock) -> Host:
    return Host(RateLimiter(limit=lambda: LIMIT, now=clock))


async def test_answers_count_down_and_then_refuse(host: Host, clock: Clock) -> None:
    answers = [await host.get(token="good") for _ in range(LIMIT + 2)]
    assert [answer.status_code for answer in answers] == [200] * LIMIT + [429] * 2
    assert [remaining(answer) for answer in answers] == [4, 3, 2, 1, 0, 0, 0]
    assert answers[0].headers["RateLimit-Limit"] == "5"
    assert answers[0].headers["RateLimit-Reset"] == "60"
    assert "Retry-After" not in answers[0].headers
    refused = answers[-1]
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"] == "60"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == 429
    assert "5 requests" in refused.json()["detail"]
    assert host.signed_in == LIMIT
    clock.s += 45.5
    assert (await host.get(token="good")).headers["Retry-After"] == "15"
    clock.s += 14.5
    again = await host.get(token="good")
    assert (again.status_code, remaining(again)) == (200, 4)


async def test_an_unsigned_flood_never_reaches_the_hosts_door(host: Host) -> None:
    answers = [await host.get() for _ in range(LIMIT + 20)]
    assert [answer.status_code for answer in answers] == [401] * LIMIT + [429] * 20
    assert host.signed_in == LIMIT
    # The host's own refusal keeps its headers and gets ours.
    assert answers[0].headers["WWW-Authenticate"] == "x"
    assert remaining(answers[0]) == 4
    assert (await host.get(address="192.0.2.2")).status_code == 401
    assert (await host.get(token="good")).status_code == 200


async def test_one_flood_from_a_whole_ipv6_network_is_one_caller(host: Host) -> None:
    codes = [(await host.get(address=f"2001:db8::{n:x}")).status_code for n in range(LIMIT + 1)]
    assert codes == [401] * LIMIT + [429]
    assert (await host.get(address="2001:db8:0:1::1")).status_code == 401


async def test_a_credential_is_the_same_in_a_header_and_in_a_cookie(host: Host) -> None:
    await host.get(token="good-1")
    assert remaining(await host.get(cookie="good-1", address="192.0.2.2")) == 3
    assert remaining(await host.get(token="good-2")) == 4


async def test_made_up_credentials_share_a_bucket_of_their_address(host: Host) -> None:
    assert (await host.get(token="good")).status_code == 200
    codes = [(await host.get(token=f"bad-{n}")).status_code for n in range(10 * LIMIT)]
    assert codes == [401] * (10 * LIMIT - 1) + [429]
    # Whom the host has accepted before is not kept out by them, and neither are others.
    assert (await host.get(token="good")).status_code == 200
    assert (await host.get(token="good-2")).status_code == 429
    assert (await host.get(token="good-2", address="192.0.2.2")).status_code == 200


async def test_an_error_of_an_open_route_proves_no_credential(host: Host) -> None:
    for n in range(10 * LIMIT):
        await host.get("/ours/number/x", token=f"bad-{n}")
    assert (await host.get("/ours/number/x", token="bad-1")).status_code == 429


async def test_the_hosts_own_routes_are_not_counted(host: Host) -> None:
    for _ in range(LIMIT + 5):
        answer = await host.get("/theirs")
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("ratelimit")]


@pytest.mark.parametrize(
    ("path", "status"), [("/ours/nothing", 404), ("/ours/number/x", 422), ("/ours/number/1", 200)]
)
async def test_every_answer_says_where_the_caller_stands(
    host: Host, path: str, status: int
) -> None:
    answer = await host.get(path, token="good")
    assert (answer.status_code, remaining(answer)) == (status, 4)


async def test_a_changed_limit_holds_at_once(clock: Clock) -> None:
    limits = [1]
    host = Host(RateLimiter(limit=lambda: limits[0], now=clock))
    codes = [(await host.get(token="good")).status_code for _ in range(2)]
    limits[0] = 3
    codes += [(await host.get(token="good")).status_code for _ in range(4)]
    assert codes == [200, 429, 200, 200, 200, 429]


async def test_a_limiter_that_fails_lets_everybody_in(swallowed: Swallowed) -> None:
    def broken() -> int:
        raise RuntimeError("no settings yet")

    answer = await Host(RateLimiter(limit=broken)).get(token="good")
    assert answer.status_code == 200
    assert "RateLimit-Limit" not in answer.headers
    assert str(swallowed.expect("counting a request")) == "no settings yet"


def test_counting_in_memory_starts_no_thread(clock: Clock) -> None:
    before = threading.active_count()
    counts = MemoryCounts(clock)
    for n in range(1000):
        counts.incr(f"caller-{n}", 60)
    assert threading.active_count() == before


def test_many_threads_lose_no_count(clock: Clock) -> None:
    counts = MemoryCounts(clock)

    def work() -> None:
        for _ in range(2_000):
            counts.incr("caller", 60)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.get("caller") == 8_000


def test_counts_in_memory_are_forgotten_when_they_are_over(clock: Clock) -> None:
    counts = MemoryCounts(clock)
    for n in range(100):
        counts.incr(f"caller-{n}", 60)
    assert counts.get_expiry("caller-1") == clock.s + 60
    clock.s += 61
    assert counts.get("caller-1") == 0
    counts.incr("another", 60)
    assert counts.reset() == 1


def test_a_flood_of_callers_does_not_fill_the_memory(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mai_usage_ext.api.counts._MOST_COUNTS", 50)
    counts = MemoryCounts(clock)
    for n in range(1_000):
        counts.incr(f"caller-{n}", 60)
    assert counts.reset() <= 50
    assert tally["rate limits forgotten"] > 0


def redis_limiter(url: str, **absence: float) -> RateLimiter:
    """As the bootstrap makes one; ``absence`` says how long to leave a Redis alone that is away."""
    settings = Settings.from_env({"REDIS_URL": url})
    times = Absence(AWAY, without="each process counts for itself", **absence)
    return RateLimiter(limit=lambda: LIMIT, shared=shared_counts(settings), absence=times)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def replicas(redis: RedisServer) -> Iterator[tuple[Host, Host]]:
    """Two processes' worth of limiters that share one Redis and try it again at once."""
    limiters = [redis_limiter(redis.url, first_s=0) for _ in range(2)]
    yield Host(limiters[0]), Host(limiters[1])
    for limiter in limiters:
        limiter.close()


async def test_replicas_share_their_counts(replicas: tuple[Host, Host]) -> None:
    one, two = replicas
    answers = [await (one, two)[n % 2].get(token="good") for n in range(LIMIT + 2)]
    assert [answer.status_code for answer in answers] == [200] * LIMIT + [429] * 2
    assert [remaining(answer) for answer in answers] == [4, 3, 2, 1, 0, 0, 0]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert tally[f"{AWAY} away"] == 0


async def test_requests_at_once_are_counted_once_each(replicas: tuple[Host, Host]) -> None:
    one, two = replicas
    answers = await asyncio.gather(*((one, two)[n % 2].get(token="good") for n in range(20)))
    codes = [answer.status_code for answer in answers]
    assert (codes.count(200), codes.count(429)) == (LIMIT, 20 - LIMIT)


async def test_a_redis_that_dies_and_comes_back_costs_nobody_an_error(
    redis: RedisServer, replicas: tuple[Host, Host]
) -> None:
    one, two = replicas
    assert remaining(await one.get(token="good")) == 4
    redis.kill()
    begun = time.monotonic()
    codes = [(await one.get(token="good")).status_code for _ in range(LIMIT + 1)]
    assert time.monotonic() - begun < 10
    assert codes == [200] * LIMIT + [429]
    assert tally[f"{AWAY} away"] >= LIMIT
    redis.start()
    assert remaining(await one.get(token="good")) == 4
    assert remaining(await two.get(token="good")) == 3


async def test_a_redis_that_hangs_does_not_stop_the_event_loop(
    redis: RedisServer, replicas: tuple[Host, Host]
) -> None:
    one, _ = replicas
    await one.get(token="good")
    turns, done = 0, asyncio.Event()

    async def watch() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    with redis.paused():
        answer = await one.get(token="good")
    done.set()
    await watching
    assert (answer.status_code, remaining(answer)) == (200, 4)
    # It waited a quarter of a second for Redis; a loop that was stopped would turn once or twice.
    assert turns >= 5
    assert tally[f"{AWAY} away"] == 1


async def test_while_redis_is_away_it_is_not_asked_all_the_time(redis: RedisServer) -> None:
    limiter = redis_limiter(redis.url, first_s=3600, longest_s=3600)
    redis.kill()
    host = Host(limiter)
    for _ in range(3):
        assert (await host.get(token="good")).status_code == 200
    assert tally[f"{AWAY} away"] == 1
    limiter.close()


async def test_a_wrong_password_is_said_once_and_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = RedisServer(tmp_path, requirepass="right-hush")
    server.start()
    limiter = redis_limiter(f"redis://:wrong-hush@{LOOPBACK}:{server.port}/0", first_s=0)
    with caplog.at_level(logging.WARNING, logger="mai_usage_ext"):
        answers = [await Host(limiter).get(token="good") for _ in range(3)]
    assert [remaining(answer) for answer in answers] == [4, 3, 2]
    assert limiter.trouble is not None
    assert [record.message for record in caplog.records] == [limiter.trouble]
    assert "REDIS_URL" in limiter.trouble
    assert "hush" not in limiter.trouble
    limiter.close()
    server.kill()


async def test_a_flushed_redis_counts_anew(redis: RedisServer, replicas: tuple[Host, Host]) -> None:
    one, two = replicas
    assert remaining(await one.get(token="good")) == 4
    with redis.client() as client:
        client.flushall()
    assert remaining(await two.get(token="good")) == 4


async def test_what_lies_in_redis_is_ours_holds_no_secret_and_ends(
    redis: RedisServer, replicas: tuple[Host, Host]
) -> None:
    await replicas[0].get(token="good-secret")
    with redis.client() as client:
        keys = [str(key) for key in client.scan_iter()]
        assert keys
        for key in keys:
            assert key.startswith("open-webui:mai_usage:requests:")
            assert "secret" not in key
            assert 0 < client.pttl(key) <= 60_000


async def test_a_count_without_an_end_gets_one(
    redis: RedisServer, replicas: tuple[Host, Host]
) -> None:
    await replicas[0].get()
    with redis.client() as client:
        [key] = client.scan_iter()
        client.persist(key)
        await replicas[1].get()
        assert 0 < client.pttl(key) <= 60_000


async def test_a_sentinel_leads_to_the_counts(tmp_path: Path) -> None:
    master = RedisServer(tmp_path, requirepass="hush")
    sentinel = Sentinel(tmp_path, master, name="Orders")
    environ = {
        "REDIS_URL": "redis://:hush@Orders/0",
        "REDIS_SENTINEL_HOSTS": LOOPBACK,
        "REDIS_SENTINEL_PORT": str(sentinel.port),
        "REDIS_KEY_PREFIX": "house",
    }
    limiter = RateLimiter(limit=lambda: LIMIT, shared=shared_counts(Settings.from_env(environ)))
    try:
        master.start()
        sentinel.start()
        assert remaining(await Host(limiter).get()) == 4
        assert limiter.trouble is None
        with master.client() as client:
            [key] = client.scan_iter()
            assert str(key).startswith("house:mai_usage:requests:")
    finally:
        limiter.close()
        sentinel.kill()
        master.kill()


async def test_a_cluster_holds_the_counts(tmp_path: Path) -> None:
    cluster = RedisCluster(tmp_path)
    cluster.start()
    environ = {"REDIS_URL": cluster.url, "REDIS_CLUSTER": "true"}
    limiter = RateLimiter(limit=lambda: LIMIT, shared=shared_counts(Settings.from_env(environ)))
    try:
        answers = [await Host(limiter).get(token="good") for _ in range(2)]
        assert [remaining(answer) for answer in answers] == [4, 3]
        assert limiter.trouble is None
    finally:
        limiter.close()
        cluster.kill()


async def test_without_the_package_each_process_counts_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    limiter = redis_limiter(f"redis://{LOOPBACK}:{free_port()}/0")
    assert remaining(await Host(limiter).get(token="good")) == 4
    assert "pip install 'mai-usage-ext[redis]'" in (limiter.trouble or "")

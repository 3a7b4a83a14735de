"""Calls through requests, and urllib3 beneath it: metered as the host's own."""

import asyncio
import gc
import gzip
import io
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
import requests
import urllib3
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from mai_usage_ext import guard
from mai_usage_ext.host.held_call import HeldCall
from mai_usage_ext.host.outbound import Outbound
from mai_usage_ext.host.requests_calls import watch_answer
from mai_usage_ext.simulator.server import MANAGEMENT_KEY
from tests.metering.recorded import RECORDED
from tests.storage.samples import make_hold
from tests.wire.overheard import Overheard
from tests.wire.pipes import Deaf, chat_of, headers_of, in_thread, no_ids, spend_nothing
from tests.wire.rig import Rig
from tests.wire.test_organization_keys import RING, acme_of

SLOW = {"chunks": 200, "chunk_delay": 0.01}


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Overheard]:
    async with Overheard() as running:
        yield running


Reader = Callable[[requests.Response], bytes]

READERS: dict[str, Reader] = {
    "content": lambda response: response.content,
    "small pieces": lambda response: b"".join(response.iter_content(7)),
    "as it comes": lambda response: b"".join(response.iter_content(None)),
    "lines": lambda response: b"\n".join(response.iter_lines()),
    "raw": lambda response: response.raw.read(decode_content=True),
    "raw pieces": lambda response: b"".join(
        iter(lambda: response.raw.read(5, decode_content=True), b"")
    ),
    "raw stream": lambda response: b"".join(response.raw.stream(5, decode_content=True)),
    "raw lines": lambda response: b"".join(response.raw),
    "read1": lambda response: b"".join(iter(lambda: response.raw.read1(decode_content=True), b"")),
}


async def post(
    rig: Rig,
    *,
    path: str = "/chat/completions",
    user: str | None = "alice",
    switches: dict[str, Any] | None = None,
    read: Reader = READERS["content"],
    **fields: Any,
) -> tuple[int, bytes]:
    """Status and body of one call."""

    def work() -> tuple[int, bytes]:
        with requests.post(
            rig.simulator.url + path,
            json=chat_of(**fields),
            headers=headers_of(rig, switches),
            stream=True,
            timeout=30,
        ) as response:
            assert isinstance(response.raw, urllib3.HTTPResponse)
            return response.status_code, read(response)

    return await in_thread(work, user=user)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_call_is_booked_before_its_end_is_seen(rig: Rig, stream: bool) -> None:
    status, body = await post(rig, stream=stream)
    [entry] = rig.entries()
    assert status == 200
    assert entry["raw_pusd"] == rig.bill_pusd() > 0
    assert (entry["user_id"], entry["purpose"]) == ("alice", "chat")
    assert entry["source"] == ("stream" if stream else "body")
    assert rig.holds() == {"settled": 1}
    with guard.own_traffic():
        _, plain = await post(rig, stream=stream)
    assert len(rig.entries()) == 1, "what is marked as ours is not metered"
    assert no_ids(body) == no_ids(plain)


@pytest.mark.parametrize(
    ("stream", "zipped"),
    [(False, False), (True, True)],
    ids=["plain", "stream in gzip"],
)
@pytest.mark.parametrize("how", READERS)
async def test_however_it_is_read(sqlite_rig: Rig, how: str, stream: bool, zipped: bool) -> None:
    rig = sqlite_rig
    switches = {"gzip": True} if zipped else None
    _, body = await post(rig, stream=stream, read=READERS[how], switches=switches)
    await rig.until(lambda holds: holds == {"settled": 1})
    [entry] = rig.entries()
    assert entry["raw_pusd"] == rig.bill_pusd() > 0
    assert entry["source"] == ("stream" if stream else "body")
    with guard.own_traffic():
        _, plain = await post(rig, stream=stream, read=READERS[how], switches=switches)
    assert no_ids(body) == no_ids(plain)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_compressed_bytes_that_nobody_decodes(sqlite_rig: Rig, stream: bool) -> None:
    """``raw`` gives them as they came, and so they are given; the meter reads along."""
    rig = sqlite_rig
    for read in (
        lambda response: response.raw.read(),
        lambda response: b"".join(iter(lambda: response.raw.read(16), b"")),
    ):
        _, body = await post(rig, stream=stream, read=read, switches={"gzip": True})
        assert body.startswith(b"\x1f\x8b")
        assert no_ids(gzip.decompress(body))
    assert [entry["source"] for entry in rig.entries()] == ["stream" if stream else "body"] * 2
    assert rig.ledger_pusd() == rig.bill_pusd() > 0


async def test_an_answer_that_is_not_streamed_by_requests(sqlite_rig: Rig) -> None:
    """Embeddings as retrieval asks for them."""
    rig = sqlite_rig

    def embed() -> Any:
        session = requests.Session()
        with session:
            response = session.post(
                rig.simulator.url + "/embeddings",
                headers={**headers_of(rig), "Content-Type": "application/json"},
                data=json.dumps({"model": "openai/text-embedding-3-small", "input": ["a", "b"]}),
                timeout=30,
            )
            response.raise_for_status()
            return response.json()

    answer = await in_thread(embed)
    assert len(answer["data"]) == 2
    [entry] = rig.entries()
    assert entry["raw_pusd"] == rig.bill_pusd() > 0
    assert entry["model"].startswith("openai/text-embedding-3-small")


async def test_a_stream_left_half_way(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    await post(
        rig, stream=True, switches=SLOW, read=lambda response: next(response.iter_content(10))
    )
    await rig.until(lambda holds: holds == {"pending": 1})
    await rig.all_settled()
    [entry] = rig.entries()
    assert (entry["outcome"], entry["source"]) == ("cancelled", "generation")
    assert rig.ledger_pusd() == rig.bill_pusd()


async def test_an_answer_dropped_without_being_closed(sqlite_rig: Rig) -> None:
    rig = sqlite_rig

    def work() -> None:
        session = requests.Session()
        url = rig.simulator.url + "/chat/completions"
        options: Any = {"json": chat_of(stream=True), "headers": headers_of(rig, SLOW)}
        response = session.post(url, stream=True, timeout=30, **options)
        next(response.iter_content(10))
        del response
        session.close()

    await in_thread(work)
    gc.collect()
    await rig.all_settled()
    assert rig.ledger_pusd() == rig.bill_pusd()


async def test_a_long_stream_has_its_id_written_down(sqlite_rig: Rig) -> None:
    switches = {"chunks": 4, "chunk_delay": 0.5}
    call = asyncio.create_task(post(sqlite_rig, stream=True, switches=switches))
    await sqlite_rig.eventually(
        "SELECT COUNT(*) = 1 FROM usage_holds WHERE state = 'open' AND generation_id IS NOT NULL"
    )
    assert (await call)[0] == 200
    assert sqlite_rig.holds() == {"settled": 1}


@pytest.mark.parametrize("how", [how for how in READERS if how != "read1"])
async def test_a_refusal_is_an_answer(sqlite_rig: Rig, how: str) -> None:
    await spend_nothing(sqlite_rig)
    status, body = await post(sqlite_rig, stream=True, read=READERS[how])
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (402, 402)
    assert "Acme GmbH" in error["message"]
    assert sqlite_rig.simulator.bill.records == []


async def test_a_refusal_raises_as_its_client_does(sqlite_rig: Rig) -> None:
    await spend_nothing(sqlite_rig)

    def work() -> requests.Response:
        url = sqlite_rig.simulator.url + "/chat/completions"
        return requests.post(url, json=chat_of(), headers=headers_of(sqlite_rig), timeout=30)

    response = await in_thread(work)
    assert "Acme GmbH" in response.json()["error"]["message"]
    assert response.reason == "Payment Required"
    with pytest.raises(requests.HTTPError, match="402"):
        response.raise_for_status()


@pytest.mark.parametrize("bill_anyway", [False, True], ids=["free", "billed"])
async def test_an_error_answer(sqlite_rig: Rig, bill_anyway: bool) -> None:
    rig = sqlite_rig
    switches = {"status": 502, "bill_anyway": bill_anyway}
    status, body = await post(rig, switches=switches)
    assert (status, b'"error"' in body) == (502, True)
    await rig.all_settled()
    assert rig.holds() == {"settled" if bill_anyway else "void": 1}
    assert rig.ledger_pusd() == rig.bill_pusd()


async def test_a_connection_that_never_was(sqlite_rig: Rig) -> None:
    await sqlite_rig.simulator.stop()
    with pytest.raises(requests.ConnectionError):
        await post(sqlite_rig)
    await sqlite_rig.until(lambda holds: holds == {"void": 1})


async def test_a_connection_cut_before_the_headers(sqlite_rig: Rig) -> None:
    with pytest.raises(requests.ConnectionError):
        await post(sqlite_rig, stream=True, switches={"cut_after": -1})
    await sqlite_rig.until(lambda holds: holds == {"unidentified": 1})


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_connection_cut_half_way(sqlite_rig: Rig, stream: bool) -> None:
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        await post(sqlite_rig, stream=stream, switches={"cut_after": 2})
    await sqlite_rig.all_settled()
    assert sqlite_rig.ledger_pusd() == sqlite_rig.bill_pusd()


class TestTryingAgain:
    """urllib3 tries again by itself where it is told to; each time is a call of its own."""

    @staticmethod
    def work(rig: Rig, switches: dict[str, Any], **retry: Any) -> requests.Response:
        rule = urllib3.Retry(allowed_methods=None, backoff_factor=0, **retry)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=rule))
            url = rig.simulator.url + "/chat/completions"
            return session.post(url, json=chat_of(), headers=headers_of(rig, switches), timeout=30)

    @pytest.mark.parametrize("bill_anyway", [False, True], ids=["free", "billed"])
    async def test_after_an_error(self, sqlite_rig: Rig, bill_anyway: bool) -> None:
        rig = sqlite_rig
        switches = {"status": 502, "bill_anyway": bill_anyway}
        rule = {"total": 2, "status_forcelist": [502], "raise_on_status": False}
        response = await in_thread(lambda: self.work(rig, switches, **rule))
        assert response.status_code == 502
        assert len(rig.simulator.sent()) == 3  # type: ignore[attr-defined]
        await rig.all_settled()
        assert rig.holds() == {"settled" if bill_anyway else "void": 3}
        assert rig.ledger_pusd() == rig.bill_pusd()

    async def test_until_it_gives_up(self, sqlite_rig: Rig) -> None:
        rule = {"total": 1, "status_forcelist": [502]}
        with pytest.raises(requests.exceptions.RetryError):
            await in_thread(lambda: self.work(sqlite_rig, {"status": 502}, **rule))
        await sqlite_rig.until(lambda holds: holds == {"void": 2})

    async def test_after_a_lost_connection(self, sqlite_rig: Rig) -> None:
        """Nobody can tell whether the first was billed."""
        rig = sqlite_rig
        with pytest.raises(requests.ConnectionError):
            await in_thread(lambda: self.work(rig, {"cut_after": -1}, total=1))
        await rig.until(lambda holds: holds == {"unidentified": 2})

    async def test_without_a_connection(self, sqlite_rig: Rig) -> None:
        await sqlite_rig.simulator.stop()
        with pytest.raises(requests.ConnectionError):
            await in_thread(lambda: self.work(sqlite_rig, {}, total=2))
        await sqlite_rig.until(lambda holds: holds == {"void": 3})


class TestKeys:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return {"OPENROUTER_PROVISIONING_KEY": MANAGEMENT_KEY, "MAI_USAGE_ENCRYPTION_KEYS": RING}

    async def test_are_the_organizations(self, sqlite_rig: Rig) -> None:
        acme = await acme_of(sqlite_rig)
        status, _ = await post(sqlite_rig, user="bob", text="zażółć")
        assert status == 200
        [sent] = acme.simulator.sent()
        assert sent.bearer == acme.secret
        assert sent.json == {**chat_of(text="zażółć"), "user": sent.json["user"]}
        assert sent.headers["content-length"] == str(len(sent.body))
        assert sqlite_rig.ledger_pusd() == sqlite_rig.bill_pusd() > 0

    async def test_of_ours_are_never_seen_by_the_caller(self, sqlite_rig: Rig) -> None:
        await acme_of(sqlite_rig)

        def work() -> requests.Response:
            url = sqlite_rig.simulator.url + "/chat/completions"
            headers = headers_of(sqlite_rig)
            return requests.post(url, json=chat_of(), headers=headers, timeout=30)

        response = await in_thread(work, user="bob")
        assert response.status_code == 200
        own = headers_of(sqlite_rig)["Authorization"]
        assert response.request.headers["Authorization"] == own
        assert json.loads(response.request.body or b"") == chat_of()

    async def test_do_not_follow_to_another_place(self, sqlite_rig: Rig) -> None:
        """A redirect is no call to a model; where it leads is somebody else's business."""
        acme = await acme_of(sqlite_rig)
        seen: list[str | None] = []

        async def elsewhere(request: web.Request) -> web.Response:
            seen.append(request.headers.get("Authorization"))
            return web.json_response({})

        app = web.Application()
        app.router.add_post("/elsewhere", elsewhere)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]

        async def away(request: web.Request) -> web.Response:
            raise web.HTTPTemporaryRedirect(f"http://localhost:{port}/elsewhere")

        front = web.Application()
        front.router.add_post("/api/v1/chat/completions", away)
        front_runner = web.AppRunner(front)
        await front_runner.setup()
        await web.TCPSite(front_runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{front_runner.addresses[0][1]}/api/v1"
        outbound = Outbound((url,), on_start_failure="block")
        outbound.gate = sqlite_rig.meter.gate
        outbound.install()
        try:
            response = await in_thread(
                lambda: requests.post(
                    url + "/chat/completions",
                    json=chat_of(),
                    headers=headers_of(sqlite_rig),
                    timeout=30,
                ),
                user="bob",
            )
        finally:
            outbound.remove()
            await front_runner.cleanup()
            await runner.cleanup()
        assert response.status_code == 200
        assert seen == [None]
        assert acme.secret not in str(response.request.headers)
        await sqlite_rig.until(lambda holds: holds == {"void": 1})


class TestUrllib3:
    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
    @pytest.mark.parametrize("zipped", [False, True], ids=["bare", "gzip"])
    async def test_that_reads_all_at_once(
        self, sqlite_rig: Rig, stream: bool, zipped: bool
    ) -> None:
        rig = sqlite_rig

        def work() -> urllib3.BaseHTTPResponse:
            with urllib3.PoolManager() as pools:
                return pools.request(
                    "POST",
                    rig.simulator.url + "/chat/completions",
                    json=chat_of(stream=stream),
                    headers=headers_of(rig, {"gzip": zipped}),
                )

        response = await in_thread(work)
        assert no_ids(response.data)
        [entry] = rig.entries()
        assert entry["raw_pusd"] == rig.bill_pusd() > 0

    async def test_that_is_refused(self, sqlite_rig: Rig) -> None:
        await spend_nothing(sqlite_rig)

        def work() -> urllib3.BaseHTTPResponse:
            with urllib3.PoolManager(headers=headers_of(sqlite_rig)) as pools:
                url = sqlite_rig.simulator.url + "/chat/completions"
                return pools.request("POST", url, json=chat_of())

        response = await in_thread(work)
        assert response.status == 402
        assert "Acme GmbH" in response.json()["error"]["message"]


async def test_a_proxy_does_not_hide_a_call(sqlite_rig: Rig) -> None:
    """A plain http proxy gets the whole URL. This one answers by itself."""
    rig = sqlite_rig
    asked: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    url = rig.simulator.url + "/chat/completions"
    proxies = {"http": address}
    async with server:
        response = await in_thread(
            lambda: requests.post(url, json=chat_of(), timeout=30, proxies=proxies)
        )
    assert response.status_code == 503
    assert asked[0].startswith(f"POST {url} ")
    await rig.until(lambda holds: holds == {"void": 1})


async def test_on_the_event_loop_itself_it_is_held_all_the_same(sqlite_rig: Rig) -> None:
    """A pipe that blocks the loop blocks the simulator too, so nothing can answer it."""
    rig = sqlite_rig
    await rig.read()
    url = rig.simulator.url + "/chat/completions"
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, json=chat_of(), timeout=0.2)  # noqa: ASYNC210 - what is tested
    await rig.until(lambda holds: holds == {"settled": 1, "unidentified": 1})


async def test_other_calls_pass(sqlite_rig: Rig) -> None:
    origin, url = sqlite_rig.simulator.origin, sqlite_rig.simulator.url

    def work() -> list[int]:
        models = requests.get(url + "/models", timeout=30)
        control = requests.post(origin + "/__control/switches", json={}, timeout=30)
        return [models.status_code, control.status_code]

    assert await in_thread(work) == [200, 200]
    assert sqlite_rig.holds() == {}


async def test_many_at_once_keep_apart(rig: Rig) -> None:
    users = [f"user-{number}" for number in range(8)]
    await asyncio.gather(*(post(rig, user=user, text=user, stream=True) for user in users))
    assert sorted(entry["user_id"] for entry in rig.entries()) == users
    assert rig.ledger_pusd() == rig.bill_pusd()


class TestSwitchedOff:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return {"MAI_USAGE_METER_REQUESTS": "false"}

    async def test_nothing_is_metered_or_touched(self, sqlite_rig: Rig) -> None:
        assert not hasattr(urllib3.HTTPConnectionPool.urlopen, "__wrapped__")
        assert (await post(sqlite_rig))[0] == 200
        assert sqlite_rig.holds() == {}
        assert "user" not in sqlite_rig.simulator.sent()[-1].json  # type: ignore[attr-defined]


def test_installing_twice_and_removing_leaves_the_original() -> None:
    original = urllib3.HTTPConnectionPool.urlopen
    outbound = Outbound(("http://x/api",), on_start_failure="block")
    outbound.install()
    wrapped = urllib3.HTTPConnectionPool.urlopen
    outbound.install()
    assert urllib3.HTTPConnectionPool.urlopen is wrapped is not original
    outbound.remove()
    outbound.remove()
    assert urllib3.HTTPConnectionPool.urlopen is original


async def test_the_plainest_spelling_of_a_base_url_is_metered_too(simulator: Overheard) -> None:
    """Clients leave out a port that goes without saying; the setting may say it."""
    outbound = Outbound(("http://LOCALHOST:80/api/v1",), on_start_failure="block")
    outbound.failure = "no meter"
    outbound.install()
    try:
        url = "http://localhost/api/v1/chat/completions"
        response = await in_thread(lambda: requests.post(url, json={}, timeout=5))
    finally:
        outbound.remove()
    assert response.status_code == 503
    assert "no meter" in response.json()["error"]["message"]


class Pieces(io.RawIOBase):
    """A connection on which a body comes in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def read(self, size: int | None = -1) -> bytes:
        if not self._pieces:
            self.close()
            return b""
        piece = self._pieces.pop(0)
        if size is not None and 0 <= size < len(piece):
            self._pieces.insert(0, piece[size:])
            piece = piece[:size]
        elif size is None or size < 0:
            piece += b"".join(self._pieces)
            self._pieces.clear()
        return piece


@settings(max_examples=60, deadline=None)
@given(data=st.data(), zipped=st.booleans(), decode=st.booleans())
def test_any_split_reaches_the_reader_as_it_was(
    data: st.DataObject, zipped: bool, decode: bool
) -> None:
    recorded = data.draw(st.sampled_from(RECORDED))
    body = gzip.compress(recorded.body) if zipped else recorded.body
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=20)) | {0, len(body)})
    pieces = [body[a:b] for a, b in itertools.pairwise(cuts)]
    amount = data.draw(st.integers(1, 300))
    headers = {"Content-Type": "text/event-stream"}
    if zipped:
        headers["Content-Encoding"] = "gzip"

    def answer() -> urllib3.HTTPResponse:
        return urllib3.HTTPResponse(
            Pieces(pieces), headers=headers, status=200, preload_content=False
        )

    gate: Any = Deaf()
    metered = answer()
    watch_answer(HeldCall(gate, make_hold("acme")), metered, preload_content=False)
    assert list(metered.stream(amount, decode_content=decode)) == list(
        answer().stream(amount, decode_content=decode)
    )
    [seen] = gate.answers
    assert (seen.usage, seen.ending) == (recorded.usage, recorded.ending)

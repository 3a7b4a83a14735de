"""Calls through httpx and its successor: metered as the host's own, and left as they are."""

import asyncio
import gc
import gzip
import itertools
import json
import zlib
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import brotli
import httpx
import pytest
import pytest_asyncio
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mai_usage_ext import guard
from mai_usage_ext.host.caller import Caller, current_caller
from mai_usage_ext.host.decoding import decoder_of
from mai_usage_ext.host.httpx_calls import MeteredAsyncBytes, MeteredBytes
from mai_usage_ext.host.outbound import Outbound
from mai_usage_ext.host.watch import Watch
from mai_usage_ext.simulator.server import MANAGEMENT_KEY
from tests.conftest import Swallowed
from tests.metering.recorded import RECORDED
from tests.storage.samples import make_hold
from tests.wire.overheard import Overheard
from tests.wire.pipes import Deaf, chat_of, headers_of, in_thread, no_ids, spend_nothing
from tests.wire.rig import Rig
from tests.wire.test_faults import locked
from tests.wire.test_organization_keys import RING, acme_of

SLOW = {"chunks": 200, "chunk_delay": 0.01}


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Overheard]:
    async with Overheard() as running:
        yield running


@pytest.fixture
def package(request: pytest.FixtureRequest) -> Any:
    """httpx; its successor too, where a test says so."""
    return import_module(getattr(request, "param", "httpx"))


both = pytest.mark.parametrize("package", ["httpx", "httpx2"], indirect=True)


@pytest.fixture(params=["thread", "task"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def post(
    package: Any,
    way: str,
    rig: Rig,
    *,
    path: str = "/chat/completions",
    user: str | None = "alice",
    switches: dict[str, Any] | None = None,
    raw: bool = False,
    **fields: Any,
) -> tuple[int, bytes]:
    """Status and body of one call, read to its end by the pieces in which it comes."""
    options = {"json": chat_of(**fields), "headers": headers_of(rig, switches)}
    url = rig.simulator.url + path
    if way == "thread":

        def work() -> tuple[int, bytes]:
            with package.Client() as client, client.stream("POST", url, **options) as response:
                pieces = response.iter_raw() if raw else response.iter_bytes()
                return response.status_code, b"".join(pieces)

        return await in_thread(work, user=user)
    current_caller.set(Caller(user_id=user, purpose="chat") if user else None)
    async with (
        package.AsyncClient() as client,
        client.stream("POST", url, **options) as response,
    ):
        pieces = response.aiter_raw() if raw else response.aiter_bytes()
        return response.status_code, b"".join([piece async for piece in pieces])


@both
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_call_is_booked_before_its_end_is_seen(
    rig: Rig, package: Any, way: str, stream: bool
) -> None:
    status, body = await post(package, way, rig, stream=stream)
    [entry] = rig.entries()
    assert status == 200
    assert entry["raw_pusd"] == rig.bill_pusd() > 0
    assert (entry["user_id"], entry["purpose"]) == ("alice", "chat")
    assert entry["source"] == ("stream" if stream else "body")
    assert rig.holds() == {"settled": 1}
    with guard.own_traffic():
        _, plain = await post(package, way, rig, stream=stream)
    assert len(rig.entries()) == 1, "what is marked as ours is not metered"
    assert no_ids(body) == no_ids(plain)


@both
@pytest.mark.parametrize("raw", [False, True], ids=["decoded", "raw"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_compressed_answer(
    sqlite_rig: Rig, package: Any, way: str, stream: bool, raw: bool
) -> None:
    rig = sqlite_rig
    _, body = await post(package, way, rig, stream=stream, raw=raw, switches={"gzip": True})
    assert body.startswith(b"\x1f\x8b") == raw
    [entry] = rig.entries()
    assert entry["raw_pusd"] == rig.bill_pusd() > 0
    assert entry["source"] == ("stream" if stream else "body")


@both
async def test_a_stream_left_half_way(sqlite_rig: Rig, package: Any, way: str) -> None:
    rig = sqlite_rig
    options: Any = {"json": chat_of(stream=True), "headers": headers_of(rig, SLOW)}
    url = rig.simulator.url + "/chat/completions"
    current_caller.set(Caller(user_id="alice"))
    if way == "thread":

        def work() -> None:
            with package.Client() as client, client.stream("POST", url, **options) as response:
                next(response.iter_bytes())

        await asyncio.to_thread(work)
    else:
        async with (
            package.AsyncClient() as client,
            client.stream("POST", url, **options) as response,
        ):
            pieces = response.aiter_bytes()
            await anext(pieces)
            await pieces.aclose()
    await rig.until(lambda holds: holds == {"pending": 1})
    await rig.all_settled()
    [entry] = rig.entries()
    assert (entry["outcome"], entry["source"]) == ("cancelled", "generation")
    assert rig.ledger_pusd() == rig.bill_pusd()


async def test_an_answer_dropped_without_being_closed(sqlite_rig: Rig, package: Any) -> None:
    rig = sqlite_rig
    url = rig.simulator.url + "/chat/completions"

    def work() -> None:
        client = package.Client()
        body = chat_of(stream=True)
        request = client.build_request("POST", url, json=body, headers=headers_of(rig, SLOW))
        response = client.send(request, stream=True)
        next(response.iter_bytes())
        del response
        client.close()

    await in_thread(work)
    gc.collect()
    await rig.all_settled()
    assert rig.ledger_pusd() == rig.bill_pusd()


async def test_a_crash_in_a_long_stream_knows_its_id(sqlite_rig: Rig, package: Any) -> None:
    rig = sqlite_rig
    switches = {"chunks": 4, "chunk_delay": 0.5}
    call = asyncio.create_task(post(package, "thread", rig, stream=True, switches=switches))
    await rig.eventually(
        "SELECT COUNT(*) = 1 FROM usage_holds WHERE state = 'open' AND generation_id IS NOT NULL"
    )
    assert (await call)[0] == 200
    assert rig.holds() == {"settled": 1}


async def test_a_cancelled_task(sqlite_rig: Rig, package: Any) -> None:
    rig = sqlite_rig
    task = asyncio.create_task(post(package, "task", rig, stream=True, switches=SLOW))
    await rig.until(lambda holds: holds == {"open": 1})
    await rig.eventually("SELECT COUNT(*) = 1 FROM usage_holds WHERE generation_id IS NOT NULL")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await rig.all_settled()
    assert rig.ledger_pusd() == rig.bill_pusd()


@both
async def test_a_refusal_is_an_answer(sqlite_rig: Rig, package: Any, way: str) -> None:
    await spend_nothing(sqlite_rig)
    for stream, raw in ((False, False), (True, False), (True, True)):
        status, body = await post(package, way, sqlite_rig, stream=stream, raw=raw)
        error = json.loads(body)["error"]
        assert (status, error["code"]) == (402, 402)
        assert "Acme GmbH" in error["message"]
    assert sqlite_rig.simulator.bill.records == []
    assert guard.tally["calls refused"] == 3


async def test_a_refusal_raises_as_its_client_does(sqlite_rig: Rig, package: Any) -> None:
    await spend_nothing(sqlite_rig)
    current_caller.set(Caller(user_id="alice"))
    async with package.AsyncClient() as client:
        url = sqlite_rig.simulator.url + "/chat/completions"
        response = await client.post(url, json=chat_of(), headers=headers_of(sqlite_rig))
    with pytest.raises(package.HTTPStatusError) as raised:
        response.raise_for_status()
    assert "Acme GmbH" in raised.value.response.json()["error"]["message"]


@pytest.mark.parametrize("bill_anyway", [False, True], ids=["free", "billed"])
async def test_an_error_answer(sqlite_rig: Rig, package: Any, way: str, bill_anyway: bool) -> None:
    rig = sqlite_rig
    status, body = await post(
        package, way, rig, switches={"status": 502, "bill_anyway": bill_anyway}
    )
    assert status == 502
    assert b'"error"' in body
    await rig.all_settled()
    assert rig.holds() == {"settled" if bill_anyway else "void": 1}
    assert rig.ledger_pusd() == rig.bill_pusd()
    assert (rig.bill_pusd() > 0) == bill_anyway


@both
async def test_a_connection_that_never_was(sqlite_rig: Rig, package: Any, way: str) -> None:
    await sqlite_rig.simulator.stop()
    with pytest.raises(package.ConnectError):
        await post(package, way, sqlite_rig)
    await sqlite_rig.until(lambda holds: holds == {"void": 1})


async def test_a_connection_cut_before_the_headers(sqlite_rig: Rig, package: Any, way: str) -> None:
    with pytest.raises(package.RemoteProtocolError):
        await post(package, way, sqlite_rig, stream=True, switches={"cut_after": -1})
    await sqlite_rig.until(lambda holds: holds == {"unidentified": 1})


@both
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_connection_cut_half_way(
    sqlite_rig: Rig, package: Any, way: str, stream: bool
) -> None:
    with pytest.raises(package.RemoteProtocolError):
        await post(package, way, sqlite_rig, stream=stream, switches={"cut_after": 2})
    await sqlite_rig.all_settled()
    assert sqlite_rig.ledger_pusd() == sqlite_rig.bill_pusd()


class TestRequest:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return {"OPENROUTER_PROVISIONING_KEY": MANAGEMENT_KEY, "MAI_USAGE_ENCRYPTION_KEYS": RING}

    @both
    async def test_carries_the_organizations_key_and_the_users_name(
        self, sqlite_rig: Rig, package: Any, way: str
    ) -> None:
        acme = await acme_of(sqlite_rig)
        for stream in (False, True):
            status, _ = await post(package, way, sqlite_rig, user="bob", stream=stream)
            assert status == 200
        assert acme.bearers() == [acme.secret, acme.secret]
        sent = acme.simulator.sent()[-1]
        assert sent.json == {**chat_of(stream=True), "user": sent.json["user"]}
        assert sent.headers["content-length"] == str(len(sent.body))
        assert sqlite_rig.ledger_pusd() == sqlite_rig.bill_pusd() > 0

    async def test_of_the_caller_never_holds_our_key(self, sqlite_rig: Rig, package: Any) -> None:
        await acme_of(sqlite_rig)
        current_caller.set(Caller(user_id="bob"))
        async with package.AsyncClient() as client:
            url = sqlite_rig.simulator.url + "/chat/completions"
            response = await client.post(url, json=chat_of(), headers=headers_of(sqlite_rig))
        assert response.status_code == 200
        assert response.request.headers["authorization"] == headers_of(sqlite_rig)["Authorization"]
        assert json.loads(response.request.content) == chat_of()

    async def test_that_is_still_to_be_produced_goes_on_byte_by_byte(
        self, sqlite_rig: Rig, package: Any
    ) -> None:
        acme = await acme_of(sqlite_rig)
        body = json.dumps(chat_of()).encode()

        async def pieces() -> AsyncIterator[bytes]:
            yield body[:9]
            yield body[9:]

        current_caller.set(Caller(user_id="bob"))
        async with package.AsyncClient() as client:
            url = sqlite_rig.simulator.url + "/chat/completions"
            response = await client.post(url, content=pieces(), headers=headers_of(sqlite_rig))
        assert response.status_code == 200
        [sent] = acme.simulator.sent()
        assert (sent.body, sent.bearer) == (body, acme.secret)
        assert sqlite_rig.ledger_pusd() == sqlite_rig.bill_pusd() > 0


async def test_on_the_event_loop_itself_it_waits_for_a_bounded_time(
    sqlite_rig: Rig, package: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that blocks the loop blocks the simulator too, so its answer is made up here."""
    rig = sqlite_rig
    await rig.read()
    current_caller.set(Caller(user_id="newcomer"))
    loop = asyncio.get_running_loop()
    with locked(tmp_path / "usage.db"):
        started = loop.time()
        with package.Client(timeout=0.2) as client, pytest.raises(package.ReadTimeout):
            client.post(rig.simulator.url + "/chat/completions", json=chat_of())
        assert loop.time() - started < 5
    await rig.until(lambda holds: holds == {"settled": 1, "unidentified": 1})


async def test_other_calls_pass(sqlite_rig: Rig, package: Any) -> None:
    rig = sqlite_rig
    async with package.AsyncClient() as client:
        models = await client.get(rig.simulator.url + "/models")
        assert models.status_code == 200
        control = await client.post(rig.simulator.origin + "/__control/switches", json={})
        assert control.status_code == 200
    assert rig.holds() == {}


async def test_a_mock_is_no_call(sqlite_rig: Rig, package: Any) -> None:
    transport = package.MockTransport(lambda request: package.Response(200, json={}))
    async with package.AsyncClient(transport=transport) as client:
        await client.post(sqlite_rig.simulator.url + "/chat/completions", json=chat_of())
    assert sqlite_rig.holds() == {}


async def test_many_at_once_keep_apart(rig: Rig, package: Any) -> None:
    users = [f"user-{number}" for number in range(6)]
    for way in ("thread", "task"):
        await asyncio.gather(
            *(post(package, way, rig, user=user, text=user, stream=True) for user in users)
        )
    entries = rig.entries()
    assert sorted(entry["user_id"] for entry in entries) == sorted(users * 2)
    assert rig.ledger_pusd() == rig.bill_pusd()


class TestSwitchedOff:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return {"MAI_USAGE_METER_HTTPX": "false"}

    @both
    async def test_nothing_is_metered_or_touched(
        self, sqlite_rig: Rig, package: Any, way: str
    ) -> None:
        assert not hasattr(package.HTTPTransport.handle_request, "__wrapped__")
        assert not hasattr(package.AsyncHTTPTransport.handle_async_request, "__wrapped__")
        status, _ = await post(package, way, sqlite_rig)
        assert status == 200
        assert sqlite_rig.holds() == {}
        assert "user" not in sqlite_rig.simulator.sent()[-1].json  # type: ignore[attr-defined]


@both
def test_installing_twice_and_removing_leaves_the_originals(package: Any) -> None:
    originals = (
        package.HTTPTransport.handle_request,
        package.AsyncHTTPTransport.handle_async_request,
    )
    outbound = Outbound(("http://x/api",), on_start_failure="block")
    outbound.install()
    wrapped = package.HTTPTransport.handle_request
    outbound.install()
    assert package.HTTPTransport.handle_request is wrapped is not originals[0]
    outbound.remove()
    outbound.remove()
    assert package.HTTPTransport.handle_request is originals[0]
    assert package.AsyncHTTPTransport.handle_async_request is originals[1]


def test_a_host_without_such_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    find = "mai_usage_ext.host.httpx_calls.importlib.util.find_spec"
    monkeypatch.setattr(find, lambda name: None)
    outbound = Outbound(("http://x/api",), on_start_failure="block")
    outbound.install()
    assert not hasattr(httpx.HTTPTransport.handle_request, "__wrapped__")
    outbound.remove()


async def test_a_meter_that_does_not_run_blocks(simulator: Overheard, package: Any) -> None:
    outbound = Outbound((simulator.url,), on_start_failure="block")
    outbound.failure = "the database is gone"
    outbound.install()
    try:
        async with package.AsyncClient() as client:
            response = await client.post(simulator.url + "/chat/completions", json={})
    finally:
        outbound.remove()
    assert response.status_code == 503
    assert "the database is gone" in response.json()["error"]["message"]


async def test_our_own_bug_never_costs_a_call(
    sqlite_rig: Rig, package: Any, way: str, monkeypatch: pytest.MonkeyPatch, swallowed: Swallowed
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("mai_usage_ext.host.gate.Gate._admission_of", broken)
    status, _ = await post(package, way, sqlite_rig)
    assert status == 200
    swallowed.expect("admitting a call")
    assert guard.tally["calls unmetered"] == 1


COMPRESSED = {
    "": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity, gzip": gzip.compress,
    "deflate, gzip": lambda data: gzip.compress(zlib.compress(data)),
}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), encoding=st.sampled_from(sorted(COMPRESSED)))
def test_any_split_reaches_the_reader_as_it_was(data: st.DataObject, encoding: str) -> None:
    recorded = data.draw(st.sampled_from(RECORDED))
    body = COMPRESSED[encoding](recorded.body)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=20)) | {0, len(body)})
    pieces = [body[a:b] for a, b in itertools.pairwise(cuts)]
    gate: Any = Deaf()

    def watch() -> Watch:
        return Watch(
            make_hold("acme"), gate, status=200, header_id=None, is_stream=True,
            started_at=0.0, later=gate.later, decode=decoder_of(encoding),
        )  # fmt: skip

    async def one_by_one() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def read() -> list[bytes]:
        return [piece async for piece in MeteredAsyncBytes(one_by_one(), watch(), gate)]

    assert list(MeteredBytes(iter(pieces), watch(), gate)) == pieces
    assert asyncio.run(read()) == pieces
    for answer in gate.answers:
        assert (answer.usage, answer.ending) == (recorded.usage, recorded.ending)
    assert len(gate.answers) == 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x-unheard-of"])
def test_what_cannot_be_decoded_is_nothing_and_no_error(encoding: str) -> None:
    decode = decoder_of(encoding)
    assert decode is not None
    assert decode(b"this is no such thing at all") == b""
    assert decode(b"nor is this") == b""


def test_deflate_without_a_frame() -> None:
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    decode = decoder_of("deflate")
    assert decode is not None
    packed = bare.compress(b"hello" * 100) + bare.flush()
    assert decode(packed[:5]) + decode(packed[5:]) == b"hello" * 100

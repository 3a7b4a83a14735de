"""Calls that end without a price: nothing is booked at zero, nothing is lost."""

import asyncio
import gc
from typing import Any

import aiohttp
import pytest

from mai_usage_ext import guard
from mai_usage_ext.simulator import Simulator
from tests.wire.rig import Rig

# A stopped stream, a broken answer and a slow /generation are everyday; each is settled later.
SLOW = {"chunks": 200, "chunk_delay": 0.01}


async def first_bytes(rig: Rig, **kwargs: Any) -> None:
    async with rig.call(stream=True, **kwargs) as response:
        await response.content.readany()


@pytest.mark.parametrize("billing", ["none", "partial", "full"])
async def test_a_stopped_stream(rig: Rig, billing: str) -> None:
    await first_bytes(rig, switches={**SLOW, "cancel_billing": billing})
    await rig.until(lambda holds: holds == {"pending": 1})
    await rig.all_settled()
    [entry] = rig.entries()
    assert entry["raw_pusd"] == rig.bill_pusd()
    assert (entry["outcome"], entry["source"]) == ("cancelled", "generation")
    assert (entry["raw_pusd"] == 0) == (billing == "none")


async def test_a_cancelled_reader(sqlite_rig: Rig) -> None:
    task = asyncio.create_task(sqlite_rig.read(stream=True, switches=SLOW))
    await sqlite_rig.until(lambda holds: holds == {"open": 1})
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await sqlite_rig.all_settled()
    assert sqlite_rig.ledger_pusd() == sqlite_rig.bill_pusd()


async def test_a_read_that_times_out_and_comes_back(sqlite_rig: Rig) -> None:
    """A reader that gives up on one read has not given up on the answer."""
    rig = sqlite_rig
    async with rig.call(stream=True, switches={"chunks": 3, "chunk_delay": 0.3}) as response:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.content.readany(), 0.05)
        await response.read()
    [entry] = rig.entries()
    assert entry["source"] == "stream"
    assert rig.ledger_pusd() == rig.bill_pusd()


# aiohttp warns of the very thing this test does on purpose, whenever it notices in time.
@pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning")
async def test_an_answer_dropped_without_being_closed(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    session = aiohttp.ClientSession()
    response = await rig.call(stream=True, switches=SLOW, session=session)
    await response.content.readany()
    # A live connection keeps its answer alive; closing the session is what lets go of it.
    await session.close()
    del response
    gc.collect()
    await rig.all_settled()
    assert rig.ledger_pusd() == rig.bill_pusd()


async def test_an_answer_left_unread_without_being_closed(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection lives, so nothing drops it; and who comes back still gets every byte."""
    rig = sqlite_rig
    monkeypatch.setattr("mai_usage_ext.host.body.LEFT_AFTER_S", 0.2)
    response = await rig.call(stream=True, switches={"chunks": 3})
    first = await response.content.readany()
    await rig.all_settled()
    [entry] = rig.entries()
    assert entry["source"] == "generation"
    assert rig.ledger_pusd() == rig.bill_pusd() > 0
    assert guard.tally["answers left unread"] == 1
    assert first + await response.read() != first
    response.close()
    assert len(rig.entries()) == 1


async def test_an_answer_that_is_waited_for_is_not_left(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = sqlite_rig
    monkeypatch.setattr("mai_usage_ext.host.body.LEFT_AFTER_S", 0.05)
    await rig.read(stream=True, switches={"chunks": 2, "chunk_delay": 0.4})
    [entry] = rig.entries()
    assert entry["source"] == "stream"
    assert guard.tally["answers left unread"] == 0


@pytest.mark.parametrize(
    ("stream", "switches"),
    [
        (True, {"usage": "missing"}),
        (True, {"cost_null": True}),
        (True, {"stream_error": "without_usage"}),
        (True, {"cut_after": 3}),
        (True, {"cut_after": 3, "running_totals": True}),
        (False, {"usage": "missing"}),
        (False, {"cost_null": True}),
        (True, {"usage": "missing", "no_id_header": True}),
        (True, {"cost_null": True, "generation_delay": 2}),
        (False, {"cost_null": True, "byok": True}),
        (False, {"status": 502, "bill_anyway": True}),
    ],
    ids=str,
)
async def test_settled_from_generation(rig: Rig, stream: bool, switches: dict[str, Any]) -> None:
    try:
        await rig.read(stream=stream, switches=switches)
    except aiohttp.ClientPayloadError:
        assert "cut_after" in switches
    await rig.all_settled()
    [entry] = rig.entries()
    assert entry["raw_pusd"] == rig.bill_pusd() > 0
    assert entry["source"] == "generation"


BAD_ANSWERS: dict[str, dict[str, Any]] = {
    "HTML": {"raw_body": "<html>oops</html>", "content_type": "text/html"},
    "an empty body": {"raw_body": "", "content_type": "application/json"},
    "half a JSON": {"raw_body": '{"id": "gen-', "content_type": "application/json"},
    "gzip that is not announced": {"gzip_lie": True},
    "cost is a string": {"cost_override": "0.1"},
    "cost is negative": {"cost_override": -1},
    "cost is absurd": {"cost_override": 1e30},
    "cost is an object": {"cost_override": {"usd": 1}},
    "tokens are strings": {
        "usage_override": {"prompt_tokens": "5", "completion_tokens": 1, "cost": 0.1}
    },
    "tokens are negative": {
        "usage_override": {"prompt_tokens": -5, "completion_tokens": 1, "cost": 0.1}
    },
    "usage is a list": {"usage_override": [1, 2]},
    "usage is absurd": {"usage_override": {"prompt_tokens": 10**30, "cost": 0.1}},
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_bad_answer_is_never_zero_and_never_an_exception(
    sqlite_rig: Rig, name: str, stream: bool
) -> None:
    rig = sqlite_rig
    body = await rig.read(stream=stream, switches=BAD_ANSWERS[name])
    if "raw_body" in BAD_ANSWERS[name]:
        assert body.decode() == BAD_ANSWERS[name]["raw_body"]
    assert guard.tally["answers without usable usage"] == 1
    assert sum(rig.holds().values()) == 1
    await rig.all_settled()
    assert rig.ledger_pusd() == rig.bill_pusd() > 0, "the header's id led to the real cost"


async def test_nan_in_the_answer(sqlite_rig: Rig) -> None:
    body = '{"id": "x", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": NaN}}'
    switches = {"raw_body": body, "content_type": "application/json", "no_id_header": True}
    assert await sqlite_rig.read(switches=switches) == body.encode()
    assert sqlite_rig.holds() == {"unidentified": 1}
    assert sqlite_rig.entries() == []


async def test_no_id_and_no_usage_stays_visible_with_its_money_held(rig: Rig) -> None:
    await rig.read(stream=True, switches={"usage": "missing", "no_id_anywhere": True})
    await rig.until(lambda holds: holds == {"unidentified": 1})
    [(held,)] = rig.query("SELECT held_pusd FROM client_month_totals WHERE user_id = ''")
    assert held > 0
    assert rig.entries() == []


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
async def test_messages_carry_no_cost(sqlite_rig: Rig, stream: bool) -> None:
    """The shape of Anthropic's API names tokens only, so the generation is asked for the cost."""
    await sqlite_rig.read("/messages", stream=stream)
    await sqlite_rig.all_settled()
    assert sqlite_rig.ledger_pusd() == sqlite_rig.bill_pusd() > 0
    assert sqlite_rig.entries()[0]["purpose"] == "chat"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 429, 500, 503])
async def test_an_error_answer_was_not_billed(rig: Rig, status: int) -> None:
    body = await rig.read(switches={"status": status})
    assert b'"error"' in body
    await rig.all_settled()
    assert rig.holds() == {"void": 1}
    assert rig.query("SELECT SUM(held_pusd), SUM(spent_pusd) FROM client_month_totals") == [(0, 0)]


async def test_a_session_that_raises_for_status(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        with pytest.raises(aiohttp.ClientResponseError):
            await rig.read(session=session, switches={"status": 402})
        assert (await asyncio.to_thread(rig.holds)).get("settled") is None
        with pytest.raises(aiohttp.ClientResponseError):
            await rig.read(session=session, switches={"status": 502, "bill_anyway": True})
    await rig.all_settled()
    assert rig.holds() == {"void": 1, "settled": 1}
    assert rig.ledger_pusd() == rig.bill_pusd() > 0


async def test_a_connection_that_never_was(sqlite_rig: Rig, simulator: Simulator) -> None:
    await simulator.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await sqlite_rig.read()
    await sqlite_rig.until(lambda holds: holds == {"void": 1})


async def test_a_connection_cut_before_the_headers(sqlite_rig: Rig) -> None:
    with pytest.raises(aiohttp.ClientError):
        await sqlite_rig.read(stream=True, switches={"cut_after": -1})
    await sqlite_rig.until(lambda holds: holds == {"unidentified": 1})


async def test_the_provider_without_a_price_is_unpriced(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mai_usage_ext.services.backoff._LONGEST_EARLY_MS", 500)
    rig = sqlite_rig
    rig.simulator.switch(generation_override={"total_cost": -1})
    await rig.read(switches={"cost_null": True})
    await rig.until(lambda holds: holds == {"unpriced": 1}, seconds=30)
    assert rig.entries() == []
    assert guard.tally["generations without usable cost"] == 8


async def test_a_key_that_was_deleted_meanwhile(simulator: Simulator, database_url: str) -> None:
    """The call's own key is told 401, so the management key asks."""
    from tests.wire.conftest import start_rig

    environ = {"OPENROUTER_PROVISIONING_KEY": simulator.management_key}
    async for rig in start_rig(database_url, simulator, environ):
        headers = {"Authorization": f"Bearer {simulator.management_key}"}
        async with rig.session.post(
            simulator.url + "/keys", json={"name": "short-lived"}, headers=headers
        ) as response:
            made = await response.json()
        await rig.read(key=made["key"], switches={"cost_null": True, "generation_delay": 1})
        async with rig.session.delete(
            f"{simulator.url}/keys/{made['data']['hash']}", headers=headers
        ) as response:
            assert response.status == 200
        await rig.all_settled()
        assert rig.ledger_pusd() == rig.bill_pusd() > 0

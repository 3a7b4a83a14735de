"""The database locked, the queue full, the meter broken or not running: what the chat feels."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from mai_usage_ext import guard
from mai_usage_ext.errors import Refused
from mai_usage_ext.host.gate import Gate
from mai_usage_ext.host.outbound import Outbound
from mai_usage_ext.host.refusal import RefusedResponse
from mai_usage_ext.simulator import Simulator
from tests.conftest import Swallowed
from tests.wire.rig import Rig


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else may write to the SQLite file meanwhile."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("COMMIT")
        connection.close()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
async def test_a_locked_database_delays_nothing_but_the_books(
    sqlite_rig: Rig, tmp_path: Path, stream: bool
) -> None:
    rig = sqlite_rig
    await rig.read(stream=stream)
    with locked(tmp_path / "usage.db"):
        bodies = await asyncio.gather(*(rig.read(stream=stream) for _ in range(5)))
        assert all(b'"usage"' in body for body in bodies)
        assert guard.tally["calls admitted unchecked"] == 5
        assert guard.tally["settlements not waited for"] == 5
    await rig.until(lambda holds: holds == {"settled": 6})
    assert rig.ledger_pusd() == rig.bill_pusd()


class TestFullQueue:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return {"MAI_USAGE_QUEUE_SIZE": "4", "MAI_USAGE_COMMIT_WAIT_MS": "20"}

    async def test_new_holds_are_refused_and_counted_yet_every_call_is_booked(
        self, sqlite_rig: Rig, tmp_path: Path
    ) -> None:
        rig = sqlite_rig
        with locked(tmp_path / "usage.db"):
            for _ in range(6):
                assert b'"usage"' in await rig.read()
        await rig.until(lambda holds: holds == {"settled": 2})
        assert guard.tally["queue full: place"] == 4
        assert len(rig.entries()) == 6
        assert rig.ledger_pusd() == rig.bill_pusd()

    async def test_memory_stays_bounded_and_what_it_cost_is_counted(
        self, sqlite_rig: Rig, tmp_path: Path, swallowed: Swallowed
    ) -> None:
        rig = sqlite_rig
        with locked(tmp_path / "usage.db"):
            for _ in range(20):
                assert b'"usage"' in await rig.read()
        lost = guard.tally["queue full: settle"]
        assert lost == len([1 for doing, _ in swallowed if doing == "recording a call"]) > 0
        swallowed.clear()
        await rig.until(lambda holds: holds == {"settled": 2})
        assert len(rig.entries()) + lost == 20


class TestLimitedOrganization:
    async def test_it_does_not_spend_unchecked(self, sqlite_rig: Rig, tmp_path: Path) -> None:
        rig = sqlite_rig
        database = tmp_path / "usage.db"
        with sqlite3.connect(database) as connection:
            connection.execute(
                "UPDATE client_organizations SET monthly_limit_pusd = 1000000000000 "
                "WHERE id = 'default'"
            )
        connection.close()
        await rig.read()
        with locked(database):
            async with rig.call() as response:
                assert response.status == 503
                error = (await response.json())["error"]
            assert error["code"] == 503
            assert "does not spend unchecked" in error["message"]
        await rig.until(lambda holds: holds == {"settled": 1, "void": 1})
        assert guard.tally["calls refused: meter unavailable"] == 1
        assert rig.ledger_pusd() == rig.bill_pusd()


async def test_our_own_bug_never_costs_a_chat(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch, swallowed: Swallowed
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(Gate, "admit", broken)
    assert b'"usage"' in await sqlite_rig.read()
    assert isinstance(swallowed.expect("admitting a call"), RuntimeError)
    assert guard.tally["calls unmetered"] == 1


@pytest.mark.parametrize("policy", ["block", "allow"])
async def test_a_meter_that_did_not_start(simulator: Simulator, policy: str) -> None:
    outbound = Outbound((simulator.url,), on_start_failure=policy)
    outbound.failure = "MAI_USAGE_QUEUE_SIZE is 'x'; expected a whole number"
    outbound.install()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(simulator.url + "/chat/completions", json={}) as response,
        ):
            if policy == "block":
                assert response.status == 503
                assert "MAI_USAGE_QUEUE_SIZE" in (await response.json())["error"]["message"]
            else:
                assert response.status == 401, "it reached the simulator"
    finally:
        outbound.remove()
    assert guard.tally["calls unmetered"] == (policy == "allow")


async def test_a_refusal_reads_like_an_answer() -> None:
    refused = RefusedResponse(Refused("Acme: no more", code=402), method="POST", url="http://x/y")
    assert (refused.status, refused.ok, refused.reason) == (402, False, "Payment Required")
    assert await refused.json() == {"error": {"code": 402, "message": "Acme: no more"}}
    assert await refused.text() == (await refused.read()).decode()
    assert await refused.content.read() == await refused.read()
    assert refused.headers["content-type"] == "application/json"
    with pytest.raises(aiohttp.ClientResponseError, match="Acme: no more") as raised:
        refused.raise_for_status()
    assert raised.value.status == 402
    async with refused as entered:
        assert entered is refused
    assert refused.closed


async def test_cancelled_while_it_waits_for_its_hold(sqlite_rig: Rig, tmp_path: Path) -> None:
    """Nothing was sent, so nothing may stay held."""
    rig = sqlite_rig
    await rig.read()
    with locked(tmp_path / "usage.db"):
        task = asyncio.create_task(rig.read())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await rig.until(lambda holds: holds == {"settled": 1, "void": 1})
    assert len(rig.simulator.bill.records) == 1


def test_threads_of_the_meter_end_with_it() -> None:
    names = {thread.name for thread in threading.enumerate()}
    assert not {name for name in names if name.startswith("mai-usage")}

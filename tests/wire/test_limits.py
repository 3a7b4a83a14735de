"""Limits on the wire: what is refused, what is made smaller, and what the upstream gets to see."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mai_usage_ext import guard
from mai_usage_ext.api.services import ApiServices
from mai_usage_ext.host.caller import Caller, current_caller
from mai_usage_ext.metering.limits import LimitEventKind
from mai_usage_ext.metering.money import PICO, usd_from_pusd
from mai_usage_ext.ports import SYSTEM, LimitEventRecord
from tests.wire.overheard import Overheard
from tests.wire.rig import MODEL, Rig
from tests.wire.test_faults import locked

DEFAULT_HOLD = Decimal("0.05") * Decimal("1.3")
UNPRICED = "meta/nobody-knows-its-price"


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Overheard]:
    async with Overheard() as running:
        yield running


@pytest_asyncio.fixture
async def rig(rig: Rig) -> Rig:
    return await priced(rig)


@pytest_asyncio.fixture
async def sqlite_rig(sqlite_rig: Rig) -> Rig:
    return await priced(sqlite_rig)


async def priced(rig: Rig) -> Rig:
    """Once the price list has been read; it is stored a moment after it is known."""
    await rig.eventually("SELECT COUNT(*) > 5 FROM model_prices")
    return rig


def services(rig: Rig) -> ApiServices:
    assert rig.meter.services is not None
    return rig.meter.services


async def organization(rig: Rig, **changes: object) -> None:
    """Change the default organization, where everybody is who is nowhere else."""
    await asyncio.to_thread(services(rig).organizations.change, "default", changes, actor=SYSTEM)
    services(rig).directory.forget()


async def member(rig: Rig, user: str, **changes: Any) -> None:
    await asyncio.to_thread(services(rig).members.assign, user, "default", actor=SYSTEM, **changes)


async def events(rig: Rig) -> list[LimitEventRecord]:
    page = services(rig).limit_events.page
    found, _ = await asyncio.to_thread(page, organization_id="default", offset=0, limit=50)
    return list(found)[::-1]


async def answer(rig: Rig, **options: Any) -> tuple[int, dict[str, Any]]:
    """Status and body of one call."""
    async with rig.call(**options) as response:
        return response.status, await response.json()


async def post(
    rig: Rig, body: Mapping[str, Any], *, path: str = "/chat/completions", user: str = "alice"
) -> tuple[int, dict[str, Any]]:
    current_caller.set(Caller(user_id=user, purpose="chat"))
    headers = {"Authorization": f"Bearer {rig.simulator.inference_key}"}
    async with rig.session.post(
        rig.simulator.url + path, data=json.dumps(body), headers=headers
    ) as response:
        return response.status, await response.json()


def chat(model: str = MODEL, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **fields}


def spent_and_held(rig: Rig, user: str = "") -> tuple[int, int]:
    rows = rig.query(
        "SELECT spent_pusd, held_pusd FROM client_month_totals"
        f" WHERE organization_id = 'default' AND user_id = '{user}'"
    )
    return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)


class TestRefusal:
    async def test_its_text_says_who_how_much_and_until_when(self, rig: Rig) -> None:
        await organization(rig, name="Acme GmbH", monthly_limit="0.001234", timezone="UTC")
        status, body = await post(rig, chat(max_tokens=16_384))
        assert status == 402
        assert set(body) == {"error"}
        assert body["error"]["code"] == 402
        text = body["error"]["message"]
        next_month = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).replace(day=1)
        begins = next_month.date().isoformat()
        for words in ("Acme GmbH", "limit of $0.001234", "$0.00 spent", begins, "(UTC)"):
            assert words in text
        assert rig.holds() == {}
        assert rig.simulator.bill.records == []
        assert guard.tally["calls refused by a limit"] == 1

    async def test_a_stream_is_refused_alike(self, sqlite_rig: Rig) -> None:
        await organization(sqlite_rig, monthly_limit="0")
        async with sqlite_rig.call(stream=True) as response:
            assert response.status == 402
            assert response.headers["Content-Type"] == "application/json"
            lines = [line async for line in response.content]
        assert b"does not allow this call" in b"".join(lines)

    async def test_after_the_limit_is_raised_the_next_call_goes_through(self, rig: Rig) -> None:
        await organization(rig, monthly_limit="0")
        assert (await answer(rig))[0] == 402
        await organization(rig, monthly_limit="10")
        assert (await answer(rig))[0] == 200
        assert rig.holds() == {"settled": 1}

    @pytest.mark.parametrize("purpose", ["title", "tags", "follow_up"])
    async def test_of_a_background_task_is_counted_quietly(
        self, sqlite_rig: Rig, purpose: str
    ) -> None:
        await organization(sqlite_rig, monthly_limit="0")
        status, _ = await answer(sqlite_rig, purpose=purpose)
        assert status == 402
        assert guard.tally["background tasks refused by a limit"] == 1
        assert guard.tally["calls refused by a limit"] == 0

    async def test_of_a_deactivated_organization(self, sqlite_rig: Rig) -> None:
        rig = sqlite_rig
        create = services(rig).organizations.create
        made = await asyncio.to_thread(create, {"name": "Gone Ltd"}, actor=SYSTEM)
        await asyncio.to_thread(services(rig).members.assign, "bob", made.id, actor=SYSTEM)
        assert (await answer(rig, user="bob"))[0] == 200
        await asyncio.to_thread(services(rig).organizations.deactivate, made.id, actor=SYSTEM)
        services(rig).directory.forget()
        status, body = await answer(rig, user="bob")
        assert status == 403
        assert "Gone Ltd: this organization is deactivated" in body["error"]["message"]
        assert (await answer(rig, user="alice"))[0] == 200
        assert len(rig.simulator.bill.records) == 2

    async def test_never_of_an_organization_that_only_wants_to_know(self, sqlite_rig: Rig) -> None:
        rig = sqlite_rig
        await organization(rig, monthly_limit="0.000001", on_limit="alert")
        for _ in range(3):
            assert (await answer(rig))[0] == 200
        assert [(event.kind, event.percent) for event in await events(rig)] == [
            (LimitEventKind.THRESHOLD, percent) for percent in (80, 90, 100)
        ]


async def test_forty_at_once_spend_no_more_than_the_limit(rig: Rig) -> None:
    """Whoever asks first is served; the limit is never passed, not even for a moment."""
    hold = await hold_of(rig, chat(max_tokens=2000))
    spent, _ = spent_and_held(rig)
    await organization(rig, monthly_limit=usd_from_pusd(spent + 10 * hold))
    # Nobody's money is free again before the last one has asked.
    rig.simulator.switch(first_delay=3)
    answers = await asyncio.gather(*(post(rig, chat(max_tokens=2000)) for _ in range(40)))
    statuses = [status for status, _ in answers]
    assert (statuses.count(200), statuses.count(402)) == (10, 30)
    await rig.all_settled()
    assert spent_and_held(rig) == (spent + sum(e["billed_pusd"] for e in rig.entries()[1:]), 0)
    assert spent_and_held(rig)[0] <= spent + 10 * hold
    assert rig.ledger_pusd() == rig.bill_pusd()


async def hold_of(rig: Rig, body: Mapping[str, Any]) -> int:
    """What such a call holds, by making it once."""
    assert (await post(rig, body))[0] == 200
    [(estimate,)] = rig.query("SELECT estimate_pusd FROM usage_holds")
    return int(estimate)


class TestLongestAnswer:
    """A model's own maximum is far more than most answers: a hold for it is made to fit."""

    # gpt-4o-mini: 0.15 and 0.60 USD a million tokens, times 1.3; a maximum of 16,384 tokens.
    LIMIT = "0.002"

    async def test_is_what_is_left(self, sqlite_rig: Rig, simulator: Overheard) -> None:
        rig = sqlite_rig
        await organization(rig, monthly_limit=self.LIMIT)
        assert (await post(rig, chat()))[0] == 200
        [sent] = [heard.json for heard in simulator.sent()]
        [(estimate,)] = rig.query("SELECT estimate_pusd FROM usage_holds")
        assert estimate == Decimal(self.LIMIT) * PICO
        assert 2_400 < sent["max_tokens"] < 2_564
        assert sent["max_tokens"] * 600_000 * 1.3 <= estimate
        assert {**sent, "max_tokens": None, "user": None} == {
            **chat(), "max_tokens": None, "user": None
        }  # fmt: skip
        assert guard.tally["holds made smaller to fit a limit"] == 1

    async def test_of_a_request_that_says_its_own_is_never_cut(self, sqlite_rig: Rig) -> None:
        await organization(sqlite_rig, monthly_limit=self.LIMIT)
        status, _ = await post(sqlite_rig, chat(max_tokens=16_384))
        assert status == 402
        assert (await post(sqlite_rig, chat(max_completion_tokens=16_384)))[0] == 402
        assert (await post(sqlite_rig, chat(max_tokens=2_000)))[0] == 200

    async def test_has_another_name_for_responses(
        self, sqlite_rig: Rig, simulator: Overheard
    ) -> None:
        rig = sqlite_rig
        await organization(rig, monthly_limit=self.LIMIT)
        body = {"model": MODEL, "input": "hello"}
        assert (await post(rig, body, path="/responses"))[0] == 200
        [sent] = [heard.json for heard in simulator.sent("/responses")]
        assert 2_400 < sent["max_output_tokens"] < 2_564
        assert "max_tokens" not in sent

    async def test_is_refused_where_next_to_nothing_is_left(self, sqlite_rig: Rig) -> None:
        await organization(sqlite_rig, monthly_limit="0.00001")
        assert (await post(sqlite_rig, chat()))[0] == 402

    async def test_of_what_cannot_be_told_to_be_short(self, sqlite_rig: Rig) -> None:
        """A path nobody knows takes no bound of ours, so its hold is whole or none."""
        await organization(sqlite_rig, monthly_limit=self.LIMIT)
        assert (await post(sqlite_rig, chat(), path="/brand/new"))[0] == 402
        assert sqlite_rig.holds() == {}


class TestEstimate:
    async def test_of_embeddings_has_no_answer(self, sqlite_rig: Rig) -> None:
        """Such models stand in no list of ``/models``; one that does shows the estimate."""
        rig = sqlite_rig
        await post(rig, {"model": MODEL, "input": "x" * 3_000}, path="/embeddings")
        [(estimate,)] = rig.query("SELECT estimate_pusd FROM usage_holds")
        assert 1_000 * 150_000 * 1.3 <= estimate <= 1_020 * 150_000 * 1.3

    @pytest.mark.parametrize("model", ["openrouter/auto", UNPRICED])
    async def test_without_a_price_is_the_default(self, sqlite_rig: Rig, model: str) -> None:
        """The router's price is -1 in the list, which is a mark and no price."""
        rig = sqlite_rig
        await post(rig, chat(model))
        [(estimate,)] = rig.query("SELECT estimate_pusd FROM usage_holds")
        assert estimate == DEFAULT_HOLD * PICO

    async def test_is_no_bound_for_a_web_search(self, rig: Rig) -> None:
        """It is booked in full and counted; the next call meets the limit."""
        hold = await hold_of(rig, chat(max_tokens=2_000))
        spent, _ = spent_and_held(rig)
        await organization(rig, monthly_limit=usd_from_pusd(spent + hold))
        rig.simulator.switch(web_search=1)
        assert (await post(rig, chat(max_tokens=2_000)))[0] == 200
        assert guard.tally["calls that cost more than was held"] == 1
        assert rig.ledger_pusd() == rig.bill_pusd()
        after, held = spent_and_held(rig)
        assert (after > spent + hold, held) == (True, 0)
        assert (await post(rig, chat(max_tokens=100)))[0] == 402


class TestUsersLimit:
    async def test_is_told_as_theirs_and_nobody_elses(self, rig: Rig) -> None:
        await organization(rig, monthly_limit="10")
        await member(rig, "alice", monthly_limit="0")
        status, body = await answer(rig, user="alice")
        assert status == 402
        assert "Your own monthly limit of $0.00" in body["error"]["message"]
        assert (await answer(rig, user="bob"))[0] == 200
        await member(rig, "alice", monthly_limit="1")
        assert (await answer(rig, user="alice"))[0] == 200
        assert spent_and_held(rig, "alice")[0] == rig.entries()[-1]["billed_pusd"]

    async def test_has_events_of_its_own(self, rig: Rig) -> None:
        hold = await hold_of(rig, chat(max_tokens=2_000))
        spent = rig.entries()[0]["billed_pusd"]
        await member(rig, "alice", monthly_limit=usd_from_pusd(spent + hold))
        rig.simulator.switch(web_search=1)
        assert (await post(rig, chat(max_tokens=2_000)))[0] == 200
        assert (await post(rig, chat(max_tokens=2_000)))[0] == 402
        assert [(event.user_id, event.kind, event.percent) for event in await events(rig)] == [
            *[("alice", LimitEventKind.THRESHOLD, percent) for percent in (80, 90, 100)],
            ("alice", LimitEventKind.REACHED, 100),
        ]


async def test_marks_of_an_organization_appear_as_they_are_passed(rig: Rig) -> None:
    await post(rig, chat(max_tokens=100))
    cost = rig.entries()[0]["billed_pusd"]
    await organization(rig, monthly_limit=usd_from_pusd(cost * 100 // 85))
    assert [event.percent for event in await events(rig)] == [80], "passed when it was set"
    assert (await post(rig, chat(max_tokens=2_000)))[0] == 402
    assert [(event.kind, event.percent) for event in await events(rig)] == [
        (LimitEventKind.THRESHOLD, 80),
        (LimitEventKind.REACHED, 100),
    ]


async def all_booked(rig: Rig) -> None:
    """What was written while nobody could write is written once somebody can."""
    await rig.eventually(f"SELECT SUM(raw_pusd) = {rig.bill_pusd()} FROM usage_ledger")
    await rig.all_settled()


class TestDatabaseAway:
    """A limited organization does not spend unchecked, unless it says that it does."""

    @pytest.mark.parametrize(
        ("policy", "status"), [(None, 503), ("block", 503), ("allow", 200)], ids=str
    )
    async def test_while_it_is_locked(
        self, sqlite_rig: Rig, tmp_path: Path, policy: str | None, status: int
    ) -> None:
        rig = sqlite_rig
        await organization(rig, monthly_limit="10", on_meter_failure=policy)
        await rig.read()
        with locked(tmp_path / "usage.db"):
            assert (await answer(rig))[0] == status
        await all_booked(rig)

    async def test_a_user_with_a_limit_is_as_careful(self, sqlite_rig: Rig, tmp_path: Path) -> None:
        rig = sqlite_rig
        await member(rig, "alice", monthly_limit="5")
        await rig.read()
        with locked(tmp_path / "usage.db"):
            assert (await answer(rig))[0] == 503
        await organization(rig, on_meter_failure="allow")
        await rig.read()
        with locked(tmp_path / "usage.db"):
            assert (await answer(rig))[0] == 200
        await all_booked(rig)

    async def test_a_limit_that_nobody_could_check_is_owed_all_the_same(
        self, sqlite_rig: Rig, tmp_path: Path
    ) -> None:
        rig = sqlite_rig
        await rig.read()
        await organization(rig, monthly_limit="0", on_meter_failure="allow")
        with locked(tmp_path / "usage.db"):
            assert (await answer(rig))[0] == 200
        await all_booked(rig)
        assert (await answer(rig))[0] == 402

    async def test_what_goes_on_unchecked_is_held_before_it_ends(
        self, sqlite_rig: Rig, tmp_path: Path
    ) -> None:
        """A crash in the middle of such a call leaves a hold, although the limit had refused it."""
        rig = sqlite_rig
        await rig.read()
        await organization(rig, monthly_limit="0", on_meter_failure="allow")
        rig.simulator.switch(first_delay=1.5)
        with locked(tmp_path / "usage.db"):
            call = asyncio.create_task(answer(rig))
            await asyncio.sleep(0.5)
        await rig.until(lambda holds: holds == {"settled": 1, "open": 1})
        assert (await call)[0] == 200
        await all_booked(rig)

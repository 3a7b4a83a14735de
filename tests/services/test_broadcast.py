"""OpenRouter tells of its calls over HTTP: what the ledger lacks is booked, once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio
from peewee import Database

from mai_usage_ext.guard import tally
from mai_usage_ext.metering.money import billed_pusd
from mai_usage_ext.ports import UNASSIGNED, HoldState, Outcome
from mai_usage_ext.ports.broadcast import BroadcastFinding
from mai_usage_ext.ports.reconciliation import Finding
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.auth import ApiKey, new_secret
from mai_usage_ext.simulator.charge import picodollars
from mai_usage_ext.storage.models import ImportedGeneration
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.services.broadcast_rig import MINUTE_MS, BroadcastRig, listening
from tests.services.reconciliation_rig import (
    DAY,
    HOUR_MS,
    MODEL,
    OTHER_MODEL,
    RATE,
    HandClock,
    at,
    open_rig,
)
from tests.storage.books import read_books, state_of


@pytest_asyncio.fixture
async def rig(db: Database) -> AsyncIterator[BroadcastRig]:
    clock = HandClock()
    ledger = LedgerWriter(db, owner="rig", clock=clock)
    ledger.start()
    async with Simulator(clock=clock.now) as simulator:
        opened = open_rig(db, simulator, clock, ledger)
        async with listening(opened) as broadcasting:
            yield broadcasting
        for client in opened.clients:
            await client.close()
    ledger.stop(5)


async def test_what_the_ledger_lacks_is_booked_once(rig: BroadcastRig) -> None:
    acme = rig.rig.organization("Acme", time_zone="Pacific/Kiritimati")
    rig.rig.member("ada", acme)
    key = rig.rig.key_of(acme)
    record = rig.bill(key, at(11), broadcast_copies=3, broadcast_gzip=True, byok=True)
    assert await rig.heard() == [{"partialSuccess": {"rejectedSpans": 0, "errorMessage": ""}}] * 3
    assert rig.entries() == [], "its own answer may still be on its way"
    assert await rig.judged(is_sent=True) == 1
    [entry] = rig.entries()
    raw = picodollars(record.spend)
    assert (entry.generation_id, entry.sequence) == (record.generation_id, 0)
    assert (entry.organization_id, entry.user_id, entry.key_hash) == (acme, "ada", key)
    assert (entry.source, entry.purpose, entry.provider) == (
        "broadcast",
        "broadcast",
        record.provider,
    )
    assert entry.day == DAY + timedelta(days=1), "in the organization's zone"
    assert (entry.raw_pusd, entry.billed_pusd) == (raw, billed_pusd(raw, rate_micro=RATE))
    assert (entry.prompt_tokens, entry.completion_tokens) == (1000, 100)
    read_books(rig.rig.db, acme).assert_balanced()
    [found] = rig.found()
    assert (found.finding, found.call.usage.raw_pusd) == (BroadcastFinding.BOOKED, raw)

    rig.resend(record)
    assert await rig.judged() == 0, "what was judged is not judged again"
    assert len(rig.entries()) == 1


async def test_what_the_ledger_has_is_no_news(rig: BroadcastRig) -> None:
    acme = rig.rig.organization("Acme")
    record = rig.bill(rig.rig.key_of(acme), at(9))
    rig.rig.book(acme, record)
    assert await rig.judged() == 0
    assert (len(rig.entries()), rig.found()) == (1, [])


async def test_what_differs_is_said_and_not_overwritten(rig: BroadcastRig) -> None:
    acme = rig.rig.organization("Acme")
    key = rig.rig.key_of(acme)
    dear = rig.bill(key, at(9))
    rig.rig.book(acme, dear, raw_pusd=1_000_000)
    long = rig.bill(key, at(10), broadcast_override={"gen_ai.usage.output_tokens": 101})
    rig.rig.book(acme, long)
    before = [entry.__data__ for entry in rig.entries()]
    assert await rig.judged() == 2
    assert [entry.__data__ for entry in rig.entries()] == before
    reasons = {one.call.generation_id: one.reason for one in rig.found(BroadcastFinding.DIFFERS)}
    assert reasons == {
        dear.generation_id: f"raw picodollars: 1000000 booked, {picodollars(dear.spend)} told",
        long.generation_id: "completion tokens: 100 booked, 101 told",
    }


async def test_the_answer_that_comes_later_is_a_no_op(rig: BroadcastRig) -> None:
    """The ledger was told of the call by OpenRouter before the call itself came to its end."""
    acme = rig.rig.organization("Acme")
    record = rig.bill(rig.rig.key_of(acme), at(9))
    assert await rig.judged() == 1
    hold = rig.rig.hold(acme, record)
    rig.rig.ledger.defer(
        hold,
        state=HoldState.PENDING,
        outcome=Outcome.CANCELLED,
        generation_id=record.generation_id,
        reason="cut",
    ).result(10)
    await rig.rig.settlement.run_once()
    assert state_of(rig.rig.db, hold.id) is HoldState.DUPLICATE
    assert len(rig.entries()) == 1
    books = read_books(rig.rig.db, acme)
    books.assert_balanced()
    assert books.held == 0


async def test_settlement_goes_first(rig: BroadcastRig) -> None:
    acme = rig.rig.organization("Acme")
    record = rig.bill(rig.rig.key_of(acme), at(9))
    hold = rig.rig.hold(acme, record, rate_micro=2_000_000)
    rig.rig.ledger.defer(
        hold,
        state=HoldState.PENDING,
        outcome=Outcome.CANCELLED,
        generation_id=record.generation_id,
        reason="cut",
    ).result(10)
    assert await rig.judged() == 0
    assert (rig.entries(), state_of(rig.rig.db, hold.id)) == ([], HoldState.PENDING)
    # OpenRouter's /generation never knows it, so what it told by itself has to do.
    rig.rig.clock.at_ms += 10 * MINUTE_MS
    assert await rig.broadcast.run_once() == 1
    [entry] = rig.entries()
    assert (entry.rate_micro, entry.outcome, entry.source) == (2_000_000, "cancelled", "broadcast")
    assert state_of(rig.rig.db, hold.id) is HoldState.SETTLED


async def test_a_call_in_flight_is_waited_for(rig: BroadcastRig) -> None:
    """With its id known, and without: nobody else may book what its own answer will bring."""
    acme = rig.rig.organization("Acme")
    rig.rig.member("ada", acme)
    key = rig.rig.key_of(acme)
    named, nameless = rig.bill(key, at(9)), rig.bill(key, at(10))
    holds = [rig.rig.hold(acme, record) for record in (named, nameless)]
    rig.rig.ledger.identify(holds[0], named.generation_id)
    assert await rig.judged() == 0
    rig.rig.clock.at_ms += 30 * MINUTE_MS
    assert await rig.broadcast.run_once() == 0
    assert rig.entries() == []
    rig.rig.ledger.identify(holds[1], nameless.generation_id)
    for hold, record in zip(holds, (named, nameless), strict=True):
        rig.settle(hold, record)
    rig.rig.clock.at_ms += MINUTE_MS
    await rig.broadcast.run_once()
    assert (len(rig.entries()), rig.found()) == (2, [])


async def test_a_lost_call_is_found_by_what_was_told(rig: BroadcastRig) -> None:
    """The hold knew no generation; its user, model and time say that it was this one."""
    acme = rig.rig.organization("Acme")
    rig.rig.member("ada", acme)
    rig.rig.member("ben", acme)
    key = rig.rig.key_of(acme)
    record = rig.bill(key, at(9))
    others = [
        rig.rig.lose(acme, record, user_id="ben"),
        rig.rig.lose(acme, record, model=OTHER_MODEL),
        rig.rig.lose(acme, record, at_ms=at(8, 57)),
        rig.rig.lose(acme, record, key_hash="another key"),
    ]
    hold = rig.rig.lose(acme, record, at_ms=at(8, 59, 50), rate_micro=1_731_003)
    assert await rig.judged() == 1
    [entry] = rig.entries()
    assert (entry.user_id, entry.rate_micro, entry.purpose) == ("ada", 1_731_003, hold.purpose)
    assert state_of(rig.rig.db, hold.id) is HoldState.SETTLED
    assert {state_of(rig.rig.db, one.id) for one in others} == {HoldState.UNIDENTIFIED}


async def test_two_lost_calls_of_one_user_are_two_entries(rig: BroadcastRig) -> None:
    acme = rig.rig.organization("Acme")
    rig.rig.member("ada", acme)
    records = [rig.bill(rig.rig.key_of(acme), at(9, 0, second)) for second in (0, 5)]
    holds = [rig.rig.lose(acme, record) for record in records]
    assert await rig.judged() == 2
    assert {entry.generation_id for entry in rig.entries()} == {
        record.generation_id for record in records
    }
    assert {state_of(rig.rig.db, hold.id) for hold in holds} == {HoldState.SETTLED}
    assert read_books(rig.rig.db, acme).held == 0


async def test_whose_it_is(rig: BroadcastRig) -> None:
    """By the key, else by the user, else nobody's."""
    acme, other = rig.rig.organization("Acme"), rig.rig.organization("Other", own_key=False)
    rig.rig.member("ada", acme)
    rig.rig.member("ben", other)
    foreign = rig.rig.simulator.service.keys.add(
        ApiKey(secret=new_secret(), name="of somebody", created_at=rig.rig.clock.now())
    )
    expected: dict[str, tuple[str, str, str]] = {}

    def told(place: tuple[str, str, str], *args: Any, **more: Any) -> None:
        expected[rig.bill(*args, **more).generation_id] = place

    key = rig.rig.key_of(acme)
    told((acme, "ada", key), key, at(1), user="or-ada")
    told((acme, "", key), key, at(2), user="or-ben")
    told((acme, "", key), key, at(3), user=None)
    told((other, "ben", foreign.hash), foreign.hash, at(4), user="or-ben")
    told((UNASSIGNED, "", foreign.hash), foreign.hash, at(5), user="or-nobody")
    nameless = {"trace.metadata.openrouter.api_key_name": None}
    told((acme, "ada", ""), key, at(6), user="or-ada", broadcast_override=nameless)
    unknown = {"trace.metadata.openrouter.api_key_name": "gone"}
    told((UNASSIGNED, "", ""), key, at(7), user=None, broadcast_override=unknown)
    assert await rig.judged() == len(expected)
    assert {
        entry.generation_id: (entry.organization_id, entry.user_id, entry.key_hash)
        for entry in rig.entries()
    } == expected


async def test_a_key_is_not_asked_for_in_vain(rig: BroadcastRig) -> None:
    """While OpenRouter cannot be asked whose key it is, the call waits rather than be nobody's."""
    acme = rig.rig.organization("Acme")
    rig.bill(rig.rig.key_of(acme), at(9))
    rig.rig.simulator.switch(management_status=503)
    assert await rig.judged() == 0
    assert (rig.entries(), tally.snapshot()["broadcasts postponed"]) == ([], 1)
    rig.rig.simulator.switch(management_status=None)
    assert await rig.broadcast.run_once() == 1
    assert rig.entries()[0].organization_id == acme


async def test_an_imported_generation_is_not_booked_again(rig: BroadcastRig) -> None:
    acme = rig.rig.organization("Acme")
    record = rig.bill(rig.rig.key_of(acme), at(9))
    row = ImportedGeneration.insert(
        generation_id=record.generation_id, organization_id=acme, day=DAY, cost_pusd=1, tokens=1
    )
    with transaction(rig.rig.db):
        write(rig.rig.db, row)
    assert await rig.judged() == 0
    assert (rig.entries(), rig.found()) == ([], [])


async def test_with_the_days_reconciliation_nothing_is_booked_twice(rig: BroadcastRig) -> None:
    """One call is told of in time, one when the day was compared: both are in the books once."""
    acme = rig.rig.organization("Acme")
    key = rig.rig.key_of(acme)
    first = rig.bill(key, at(9))
    assert await rig.judged() == 1
    late = rig.rig.bill(key, at(10))
    rig.rig.clock.at_ms = at(12, day=DAY + timedelta(days=1))
    [line] = (await rig.rig.reconciliation.run_day(DAY)).lines
    assert (line.finding, line.adjusted_pusd) == (Finding.ADJUSTED, picodollars(late.spend))
    assert line.captured.raw_pusd == picodollars(first.spend)
    rig.resend(late)
    assert await rig.judged() == 1
    assert [one.call.generation_id for one in rig.found(BroadcastFinding.LATE)] == [
        late.generation_id
    ]
    assert sum(entry.raw_pusd for entry in rig.entries()) == line.provider.raw_pusd
    [again] = (await rig.rig.reconciliation.run_day(DAY)).lines
    assert (again.difference_pusd, again.finding) == (0, Finding.ADJUSTED)


async def test_with_lag_and_copies_beside_settlement(rig: BroadcastRig) -> None:
    """Thirty calls, of which the meter saw a third, lost a third and never heard of a third."""
    acme = rig.rig.organization("Acme")
    rig.rig.member("ada", acme)
    key = rig.rig.key_of(acme)
    records = [
        rig.bill(
            key,
            at(9, minute),
            tokens=100 + minute,
            broadcast_copies=1 + minute % 3,
            broadcast_lag=(minute % 5) / 100,
            model=(MODEL, OTHER_MODEL)[minute % 2],
        )
        for minute in range(30)
    ]
    for number, record in enumerate(records):
        if number % 3 == 0:
            rig.rig.book(acme, record)
        elif number % 3 == 1:
            rig.rig.lose(acme, record)
    await rig.heard()
    rig.rig.clock.at_ms += MINUTE_MS
    await asyncio.gather(*(rig.broadcast.run_once() for _ in range(3)))
    rig.rig.clock.at_ms += MINUTE_MS
    await rig.broadcast.run_once()
    entries = rig.entries()
    assert {entry.generation_id for entry in entries} == {one.generation_id for one in records}
    bill = sum(picodollars(record.spend) for record in records)
    assert (len(entries), sum(entry.raw_pusd for entry in entries)) == (30, bill)
    books = read_books(rig.rig.db, acme)
    books.assert_balanced()
    assert books.held == 0


async def test_what_was_found_is_forgotten_with_the_ledger(rig: BroadcastRig) -> None:
    acme = rig.rig.organization("Acme")
    rig.bill(rig.rig.key_of(acme), at(9))
    await rig.judged()
    rig.rig.clock.at_ms += 35 * 24 * HOUR_MS - MINUTE_MS
    await rig.broadcast.run_once()
    assert len(rig.found()) == 1
    rig.rig.clock.at_ms += 1
    await rig.broadcast.run_once()
    assert rig.found() == []

"""Our figures beside the simulated OpenRouter's: what is booked, once, and what is only said."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
import pytest_asyncio
from peewee import Database

from mai_usage_ext.errors import BadInput, ConfigurationError, Conflict, UpstreamError
from mai_usage_ext.guard import tally
from mai_usage_ext.metering.money import billed_pusd
from mai_usage_ext.ports import UNASSIGNED, HoldState, Outcome
from mai_usage_ext.ports.reconciliation import Finding, Midnight
from mai_usage_ext.services.reconciliation import Reconciliation
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.charge import picodollars
from mai_usage_ext.storage.limit_events import LimitEventRows
from mai_usage_ext.storage.models import ImportedGeneration
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.services.reconciliation_rig import (
    DAY,
    HOUR_MS,
    MODEL,
    OTHER_MODEL,
    RATE,
    HandClock,
    Rig,
    at,
    open_rig,
)
from tests.storage.books import hold_row, read_books, state_of

NEXT = DAY + timedelta(days=1)


@pytest_asyncio.fixture
async def rig(db: Database) -> AsyncIterator[Rig]:
    clock = HandClock()
    ledger = LedgerWriter(db, owner="rig", clock=clock)
    ledger.start()
    async with Simulator(clock=clock.now) as simulator:
        opened = open_rig(db, simulator, clock, ledger)
        yield opened
        for client in opened.clients:
            await client.close()
    ledger.stop(5)


async def test_an_exact_day(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    total = sum(rig.book(acme, rig.bill(key, at(hour), tokens=1007 * hour)) for hour in (1, 9, 23))
    total += rig.book(acme, rig.bill(key, at(12), model=OTHER_MODEL, byok=True))
    result = await rig.reconciliation.run_day(DAY)
    [line] = result.lines
    assert (line.finding, line.reason, line.models) == (Finding.EXACT, "", ())
    assert line.captured.raw_pusd == line.provider.raw_pusd == total > 0
    assert (line.difference_pusd, line.is_below, line.organization_id) == (0, False, acme)
    assert rig.lines()[key].captured.requests == line.provider.requests == 4
    assert rig.adjustments() == []


async def test_a_lost_call_is_booked_to_the_picodollar_and_once(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.book(acme, rig.bill(key, at(8)))
    rig.simulator.switch(analytics=False)
    lost = rig.bill(key, at(9), tokens=4321)
    hold = rig.lose(acme, lost, rate_micro=1_731_003, fee_pusd=77)
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.finding, line.difference_pusd, line.closed_holds) == (Finding.ADJUSTED, 0, 1)
    assert line.is_below
    raw = picodollars(lost.spend)
    assert line.adjusted_pusd == raw
    [entry] = rig.adjustments()
    assert (entry.generation_id, entry.sequence) == (f"reconciliation:{key[:16]}:{DAY}", 1)
    assert (entry.organization_id, entry.user_id, entry.model) == (acme, "ada", MODEL)
    assert (entry.day, entry.raw_pusd, entry.rate_micro, entry.fee_pusd) == (
        DAY,
        raw,
        1_731_003,
        77,
    )
    assert entry.billed_pusd == billed_pusd(raw, rate_micro=1_731_003, fee_pusd=77)
    assert (entry.prompt_tokens, entry.completion_tokens) == (4321, 432)
    assert state_of(rig.db, hold.id) is HoldState.VOID
    row = hold_row(rig.db, hold.id)
    assert row is not None
    assert row.reason == f"closed by the reconciliation of {DAY}"
    books = read_books(rig.db, acme)
    books.assert_balanced()
    assert books.held == 0

    [again] = (await rig.reconciliation.run_day(DAY)).lines
    assert (again.finding, again.adjusted_pusd, again.closed_holds) == (Finding.ADJUSTED, raw, 0)
    assert len(rig.adjustments()) == 1
    assert rig.lines()[key].closed_holds == 1, "what the first run closed stays said"


async def test_what_comes_later_is_the_next_sequence(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    first = rig.bill(key, at(9))
    await rig.reconciliation.run_day(DAY)
    second = rig.bill(key, at(10), tokens=17)
    await rig.reconciliation.run_day(DAY)
    entries = [(entry.sequence, entry.raw_pusd) for entry in rig.adjustments()]
    assert entries == [(1, picodollars(first.spend)), (2, picodollars(second.spend))]
    assert rig.lines()[key].difference_pusd == 0


async def test_two_processes_at_once_book_once(rig: Rig) -> None:
    acme = rig.organization("Acme")
    rig.bill(rig.key_of(acme), at(9))
    results = await asyncio.gather(
        *(rig.reconciliation.run_day(DAY) for _ in range(3)), return_exceptions=True
    )
    assert all(not isinstance(one, BaseException) or isinstance(one, Conflict) for one in results)
    assert len(rig.adjustments()) == 1


async def test_a_claim_that_fails_is_no_double_booking(rig: Rig) -> None:
    """Both have read the same before either books."""
    acme = rig.organization("Acme")
    rig.bill(rig.key_of(acme), at(9))
    rig.store.claim = lambda *_args, **_named: True  # type: ignore[method-assign]
    both = asyncio.Barrier(2)

    def meeting(one: Reconciliation) -> Reconciliation:
        asked = one._activity.day

        async def day(*args: object, **named: object) -> object:
            await both.wait()
            return await asked(*args, **named)  # type: ignore[arg-type]

        one._activity.day = day  # type: ignore[method-assign,assignment]
        return one

    results = await asyncio.gather(
        *(meeting(rig.reconciliation).run_day(DAY) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results) == ["Conflict", "DayResult"]
    assert len(rig.adjustments()) == 1


async def test_two_users_fit_so_it_is_nobodys(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.simulator.switch(analytics=False)
    lost = [rig.bill(key, at(9)), rig.bill(key, at(10))]
    holds = [
        rig.lose(acme, record, user_id=user)
        for record, user in zip(lost, ("ada", "ben"), strict=True)
    ]
    await rig.reconciliation.run_day(DAY)
    [entry] = rig.adjustments()
    assert (entry.organization_id, entry.user_id) == (acme, "")
    assert entry.raw_pusd == sum(picodollars(record.spend) for record in lost)
    assert {state_of(rig.db, hold.id) for hold in holds} == {HoldState.VOID}
    assert read_books(rig.db, acme).held == 0


async def test_the_model_tells_whose_it_is(rig: Rig) -> None:
    """Ben's call was never billed: what is missing is of the model that Ada used."""
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.simulator.switch(analytics=False)
    billed = rig.bill(key, at(9))
    rig.lose(acme, billed)
    rig.lose(acme, billed, user_id="ben", model=OTHER_MODEL)
    await rig.reconciliation.run_day(DAY)
    [entry] = rig.adjustments()
    assert entry.user_id == "ada"


async def test_more_calls_than_holds_are_not_put_on_one_user(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.simulator.switch(analytics=False)
    rig.lose(acme, rig.bill(key, at(9)), rate_micro=9_000_000)
    rig.bill(key, at(10))
    await rig.reconciliation.run_day(DAY)
    [entry] = rig.adjustments()
    assert (entry.organization_id, entry.user_id, entry.rate_micro) == (acme, "", RATE)


async def test_a_hold_that_was_not_billed_is_let_go(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    record = rig.bill(key, at(8))
    rig.book(acme, record)
    hold = rig.lose(acme, record)
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.finding, line.closed_holds) == (Finding.EXACT, 1)
    assert state_of(rig.db, hold.id) is HoldState.VOID
    assert rig.adjustments() == []


async def test_less_than_is_booked_is_a_line_of_its_own(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    record = rig.bill(key, at(8))
    raw = rig.book(acme, record)
    ghost = rig.bill(rig.host_key, at(9))
    rig.book(acme, ghost, key_hash=key)
    lines = {line.key_hash: line for line in (await rig.reconciliation.run_day(DAY)).lines}
    line = lines[key]
    assert line.finding is Finding.UNEXPLAINED
    assert line.reason == "OpenRouter shows less than is booked; nothing was booked"
    assert line.difference_pusd == -picodollars(ghost.spend)
    assert line.captured.raw_pusd == raw + picodollars(ghost.spend)
    [model] = line.models
    assert (model.model, model.ours.requests, model.theirs.requests) == (MODEL, 2, 1)
    assert tally["reconciliations unexplained"] == 1


async def test_keys_are_never_mixed(rig: Rig) -> None:
    acme, zeta = rig.organization("Acme"), rig.organization("Zeta")
    plain = rig.organization("Plain", own_key=False)
    rig.book(acme, rig.bill(rig.key_of(acme), at(8)))
    rig.book(plain, rig.bill(rig.host_key, at(8)))
    lost = rig.bill(rig.key_of(zeta), at(8), tokens=31)
    strange = rig.bill(rig.host_key, at(9), tokens=77)
    result = await rig.reconciliation.run_day(DAY)
    findings = {line.organization_id: line.finding for line in result.lines}
    assert findings == {acme: Finding.EXACT, zeta: Finding.ADJUSTED, None: Finding.ADJUSTED}
    booked = {entry.organization_id: entry.raw_pusd for entry in rig.adjustments()}
    assert booked == {zeta: picodollars(lost.spend), UNASSIGNED: picodollars(strange.spend)}


async def test_the_hosts_key_is_shared_so_the_hold_says_whose_it_is(rig: Rig) -> None:
    one = rig.organization("One", own_key=False)
    rig.organization("Two", own_key=False)
    rig.simulator.switch(analytics=False)
    rig.lose(one, rig.bill(rig.host_key, at(9)))
    await rig.reconciliation.run_day(DAY)
    [entry] = rig.adjustments()
    assert (entry.organization_id, entry.user_id) == (one, "ada")


async def test_two_organizations_fit_so_it_is_unassigned(rig: Rig) -> None:
    rig.simulator.switch(analytics=False)
    for name in ("One", "Two"):
        organization = rig.organization(name, own_key=False)
        rig.lose(organization, rig.bill(rig.host_key, at(9)))
    await rig.reconciliation.run_day(DAY)
    [entry] = rig.adjustments()
    assert (entry.organization_id, entry.user_id) == (UNASSIGNED, "")


async def test_a_utc_day_is_two_billing_days(rig: Rig) -> None:
    """Auckland is ahead: its 16th begins on the 15th at noon in UTC."""
    kiwi = rig.organization("Kiwi", time_zone="Pacific/Auckland")
    key = rig.key_of(kiwi)
    rig.simulator.switch(analytics=False)
    rig.book(kiwi, rig.bill(key, at(8)))
    rig.book(kiwi, rig.bill(key, at(20)))
    rig.lose(kiwi, rig.bill(key, at(21)))
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.captured.requests, line.provider.requests) == (2, 3)
    [entry] = rig.adjustments()
    assert entry.day == NEXT, "the hold's billing day"
    read_books(rig.db, kiwi).assert_balanced()


@pytest.mark.parametrize(
    ("time_zone", "day"),
    [("Europe/Berlin", date(2026, 6, 7)), ("America/New_York", date(2026, 6, 8))],
)
async def test_an_ambiguous_billing_day_is_the_utc_day(rig: Rig, time_zone: str, day: date) -> None:
    rig.clock.at_ms = at(12, day=day + timedelta(days=1))
    organization = rig.organization("Zone", time_zone=time_zone)
    key = rig.key_of(organization)
    rig.simulator.switch(analytics=False)
    rig.lose(organization, rig.bill(key, at(1, day=day)))
    rig.lose(organization, rig.bill(key, at(23, 30, day=day)))
    await rig.reconciliation.run_day(day)
    [entry] = rig.adjustments()
    assert (entry.day, entry.user_id) == (day, "ada")


@pytest.mark.parametrize("counts", ["start", "end"])
async def test_a_call_across_midnight_is_booked_once(rig: Rig, counts: str) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.clock.at_ms += 24 * HOUR_MS
    for hour in (3, 23):
        rig.book(acme, rig.bill(key, at(hour), activity_day=counts))
    rig.book(acme, rig.bill(key, at(23, 59, 59), lasted_ms=5000, activity_day=counts))
    for day in (DAY, NEXT, DAY):
        for line in (await rig.reconciliation.run_day(day)).lines:
            assert line.finding is Finding.EXACT
    assert rig.adjustments() == []
    assert rig.store.runs(first=DAY, last=NEXT)[DAY].midnight is Midnight(counts)


async def test_what_midnight_showed_once_is_known_when_a_call_is_lost(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.clock.at_ms += 48 * HOUR_MS
    for day in (DAY, NEXT):
        rig.book(
            acme,
            rig.bill(key, at(23, 59, 59, day=day), tokens=9000, lasted_ms=5000, activity_day="end"),
        )
    await rig.reconciliation.run_day(DAY)
    lost = rig.bill(key, at(9, day=NEXT), tokens=11)
    await rig.reconciliation.run_day(NEXT)
    [entry] = rig.adjustments()
    assert entry.raw_pusd == picodollars(lost.spend)


async def test_analytics_name_the_generation_and_settlement_books_it(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    for user in ("ada", "ben"):
        rig.member(user, acme)
    rig.book(acme, rig.bill(key, at(9, 0, 10)))  # Ada's too, and in the ledger already
    rig.bill(key, at(9, 0, 20), user="or-ben")
    rig.bill(key, at(9, 5), user="or-ada", model=OTHER_MODEL)
    lost = rig.bill(key, at(9))
    hold = rig.lose(acme, lost)
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.finding, line.identified) == (Finding.WAITING, 1)
    assert line.reason == "1 calls of this day are still being settled"
    assert rig.adjustments() == [], "not before the call is settled"

    rig.clock.at_ms += 1000
    assert (await rig.settlement.run_once()).booked == 1
    assert state_of(rig.db, hold.id) is HoldState.SETTLED
    row = hold_row(rig.db, hold.id)
    assert row is not None
    assert row.generation_id == lost.generation_id
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.finding, line.captured.requests, line.identified) == (Finding.ADJUSTED, 2, 0)


async def test_two_generations_that_fit_identify_nothing(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.member("ada", acme)
    billed = [rig.bill(key, at(9)), rig.bill(key, at(9, 0, 30))]
    hold = rig.lose(acme, billed[0])
    rig.lose(acme, billed[1])
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.identified, line.closed_holds) == (0, 2)
    [entry] = rig.adjustments()
    assert (entry.user_id, entry.raw_pusd) == (
        "ada",
        sum(picodollars(record.spend) for record in billed),
    )
    assert state_of(rig.db, hold.id) is HoldState.VOID


async def test_analytics_without_generations_leave_it_to_the_day(rig: Rig) -> None:
    acme = rig.organization("Acme")
    rig.member("ada", acme)
    rig.simulator.switch(analytics_generation_id=False)
    rig.lose(acme, rig.bill(rig.key_of(acme), at(9)))
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.finding, line.identified) == (Finding.ADJUSTED, 0)


async def test_a_call_being_settled_makes_the_day_wait(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    record = rig.bill(key, at(9))
    hold = rig.hold(acme, record)
    rig.ledger.defer(
        hold,
        state=HoldState.PENDING,
        outcome=Outcome.CANCELLED,
        generation_id=record.generation_id,
        reason="cancelled",
        next_attempt_ms=rig.clock.at_ms + 10**9,
    ).result(10)
    result = await rig.reconciliation.run_day(DAY)
    assert (result.lines[0].finding, result.is_final) == (Finding.WAITING, False)
    assert rig.adjustments() == []

    rig.clock.at_ms = at(1) + 4 * 24 * HOUR_MS
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert line.finding is Finding.ADJUSTED, "OpenRouter never knew it; the day's figures do"
    assert rig.adjustments()[0].user_id == "ada"
    assert state_of(rig.db, hold.id) is HoldState.VOID


async def test_a_call_without_a_price_is_priced_by_the_day(rig: Rig) -> None:
    acme = rig.organization("Acme")
    record = rig.bill(rig.key_of(acme), at(9))
    hold = rig.hold(acme, record)
    rig.ledger.defer(
        hold,
        state=HoldState.UNPRICED,
        outcome=Outcome.COMPLETED,
        generation_id=record.generation_id,
        reason="no usable cost",
    ).result(10)
    await rig.reconciliation.run_day(DAY)
    [entry] = rig.adjustments()
    assert (entry.user_id, entry.raw_pusd) == ("ada", picodollars(record.spend))
    assert read_books(rig.db, acme).held == 0


async def test_a_call_without_its_key_counts_for_the_only_one_there_is(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.simulator.switch(analytics=False)
    rig.book(acme, rig.bill(key, at(9)), key_hash="")
    lost = rig.bill(key, at(10))
    hold = rig.lose(acme, lost, key_hash="")
    result = await rig.reconciliation.run_day(DAY)
    [line] = result.lines
    assert (line.finding, line.closed_holds, line.captured.requests) == (Finding.ADJUSTED, 1, 1)
    [entry] = rig.adjustments()
    assert (entry.user_id, entry.raw_pusd) == ("ada", picodollars(lost.spend))
    assert state_of(rig.db, hold.id) is HoldState.VOID


async def test_nothing_is_booked_where_calls_may_be_of_either_key(rig: Rig) -> None:
    """Nor is anything for a key of nobody; what others lack is booked all the same."""
    acme, other = rig.organization("Acme"), rig.organization("Other")
    key = rig.key_of(acme)
    rig.former_key(acme)
    rig.book(acme, rig.bill(key, at(9)), key_hash="")
    keyless = rig.organization("Keyless", own_key=False)
    rig.book(keyless, rig.bill(rig.host_key, at(10)))
    rig.bill(rig.host_key, at(10, 30))
    missing = rig.bill(rig.key_of(other), at(11))
    await rig.reconciliation.run_day(DAY)
    lines = rig.lines()
    for unexplained in (lines[key], lines[rig.host_key]):
        assert unexplained.finding is Finding.UNEXPLAINED
        assert "1 calls of this day were noted without their key" in unexplained.reason
    assert lines[rig.key_of(other)].finding is Finding.ADJUSTED
    [entry] = rig.adjustments()
    assert (entry.organization_id, entry.raw_pusd) == (other, picodollars(missing.spend))


async def test_a_hold_without_its_key_is_not_held_for_ever(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.former_key(acme)
    lost = rig.bill(key, at(9))
    hold = rig.lose(acme, lost, key_hash="")
    rig.clock.at_ms = at(1, day=DAY + timedelta(days=2))
    result = await rig.reconciliation.run_day(DAY)
    assert (result.lines[0].finding, result.is_final) == (Finding.UNEXPLAINED, False)
    assert state_of(rig.db, hold.id) is HoldState.UNIDENTIFIED
    rig.clock.at_ms = at(0, day=DAY + timedelta(days=4)) - 1
    assert DAY not in {done.day for done in await rig.reconciliation.run_once()}
    rig.clock.at_ms += 1
    [again] = [done for done in await rig.reconciliation.run_once() if done.day == DAY]
    assert (again.lines[0].finding, again.is_final) == (Finding.ADJUSTED, True)
    assert state_of(rig.db, hold.id) is HoldState.VOID
    [entry] = rig.adjustments()
    assert (entry.user_id, entry.raw_pusd) == ("", picodollars(lost.spend))
    books = read_books(rig.db, acme)
    books.assert_balanced()
    assert books.held == 0


async def test_what_was_imported_is_no_candidate(rig: Rig) -> None:
    """The generation fits the hold, and its money stands in an imported day already."""
    acme = rig.organization("Acme")
    rig.member("ada", acme)
    record = rig.bill(rig.key_of(acme), at(9))
    hold = rig.lose(acme, record)
    row = ImportedGeneration.insert(
        generation_id=record.generation_id, organization_id=acme, day=DAY, cost_pusd=1, tokens=1
    )
    with transaction(rig.db):
        write(rig.db, row)
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert line.identified == 0
    kept = hold_row(rig.db, hold.id)
    assert kept is not None
    assert kept.generation_id is None


async def test_too_little_captured_is_one_alert_for_each_day_and_key(rig: Rig) -> None:
    acme, other = rig.organization("Acme"), rig.organization("Other")
    keys = [rig.key_of(acme), rig.key_of(other)]
    for key in keys:
        for day in (DAY, DAY - timedelta(days=1)):
            rig.bill(key, at(9, day=day))
    for day in (DAY, DAY - timedelta(days=1), DAY):
        await rig.reconciliation.run_day(day)
    alerts = rig.alerts()
    assert {(alert.organization_id, alert.subject) for alert in alerts} == {
        (owner, f"{day} {key}")
        for owner, key in zip((acme, other), keys, strict=True)
        for day in (DAY, DAY - timedelta(days=1))
    }
    assert len(alerts) == 4
    first = alerts[0]
    assert (first.kind, first.percent, first.spent_pusd) == ("capture.below", 0, 0)
    assert first.limit_pusd == rig.lines()[keys[0]].provider.raw_pusd
    limits, _ = LimitEventRows(rig.db).page(organization_id=None, offset=0, limit=9)
    assert limits == [], "no limit was crossed"


async def test_no_alert_while_calls_are_settled_or_enough_is_captured(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    booked = rig.bill(key, at(8), tokens=199_000)
    rig.book(acme, booked)
    late = rig.bill(key, at(9))
    rig.hold(acme, late)
    assert picodollars(late.spend) * 199 == picodollars(booked.spend)
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.finding, line.is_below) == (Finding.WAITING, False)
    rig.hold(acme, rig.bill(key, at(10), tokens=2000))
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.finding, line.is_below) == (Finding.WAITING, True)
    assert rig.alerts() == []


async def test_which_days_are_reconciliations_own(rig: Rig) -> None:
    last = rig.reconciliation.comparable()[1]
    assert rig.reconciliation.has_taken(last)
    assert not rig.reconciliation.has_taken(last + timedelta(days=1))
    beginning = rig.store.beginning()
    assert not rig.reconciliation.has_taken(beginning)
    rig.clock.at_ms += 400 * 24 * HOUR_MS
    assert rig.reconciliation.has_taken(beginning + timedelta(days=1)), "also when it is too old"
    without = rig.reconciliation
    without._management_key = lambda: None
    assert not without.has_taken(last)


async def test_numbers_too_large_for_a_double_are_equal(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    record = rig.bill(key, at(9), model="openai/gpt-4o", tokens=10**10)
    raw = picodollars(record.spend)
    assert float(record.spend) > 10_000
    rig.book(acme, record, raw_pusd=raw - 3)
    [line] = (await rig.reconciliation.run_day(DAY)).lines
    assert (line.finding, line.difference_pusd) == (Finding.EXACT, 3)


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_openrouter_in_trouble_leaves_nothing_half_done(rig: Rig, status: int) -> None:
    acme = rig.organization("Acme")
    rig.simulator.switch(analytics=False)
    hold = rig.lose(acme, rig.bill(rig.key_of(acme), at(9)))
    rig.simulator.switch(management_status=status)
    with pytest.raises(UpstreamError) as raised:
        await rig.reconciliation.run_day(DAY)
    assert raised.value.status == status
    [run] = rig.reconciliation.problems()
    assert (run.day, run.finished_at_ms) == (DAY, None)
    assert str(status) in (run.problem or "")
    assert rig.adjustments() == []
    assert state_of(rig.db, hold.id) is HoldState.UNIDENTIFIED

    assert await rig.reconciliation.run_once() == []
    assert tally["reconciliations postponed"] == 1
    rig.simulator.switch(management_status=None)
    await rig.reconciliation.run_once()
    assert len(rig.adjustments()) == 1
    assert list(rig.reconciliation.problems()) == []


async def test_the_job_looks_at_what_is_not_done(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    rig.book(acme, rig.bill(key, at(9)))
    first = await rig.reconciliation.run_once()
    assert [result.day for result in first] == [
        DAY - timedelta(days=back) for back in range(13, -1, -1)
    ]
    assert [result.is_final for result in first] == [True] * 13 + [False]
    assert await rig.reconciliation.run_once() == []

    late = rig.bill(key, at(10))
    assert await rig.reconciliation.run_once() == [], "not before its second look is due"
    rig.clock.at_ms = at(0, day=DAY + timedelta(days=2))
    [again] = await rig.reconciliation.run_once()
    assert (again.day, again.is_final) == (DAY, True)
    [entry] = rig.adjustments()
    assert entry.raw_pusd == picodollars(late.spend)


async def test_days_that_cannot_be_compared_are_refused(rig: Rig) -> None:
    rig.clock.at_ms = at(5, day=NEXT)
    with pytest.raises(BadInput, match="a completed UTC day"):
        await rig.reconciliation.run_day(DAY)  # five hours after its end: figures may be late
    rig.clock.at_ms = at(6, day=NEXT)
    assert (await rig.reconciliation.run_day(DAY)).lines == []
    for day in (NEXT, DAY - timedelta(days=14), DAY - timedelta(days=40)):
        with pytest.raises(BadInput):
            await rig.reconciliation.run_day(day)


async def test_without_a_management_key_nothing_is_asked(rig: Rig) -> None:
    keyless = rig.reconciliation
    keyless._management_key = lambda: None
    assert await keyless.run_once() == ()
    with pytest.raises(ConfigurationError, match="OPENROUTER_PROVISIONING_KEY"):
        await keyless.run_day(DAY)


async def test_a_claim_of_the_dead_runs_out(rig: Rig) -> None:
    assert rig.store.claim(DAY, claim="dead", now_ms=rig.clock.at_ms, until_ms=rig.clock.at_ms + 9)
    with pytest.raises(Conflict, match="by another process"):
        await rig.reconciliation.run_day(DAY)
    rig.clock.at_ms += 9
    assert (await rig.reconciliation.run_day(DAY)).day == DAY


async def test_counters_show_what_was_added_since_the_last_look(rig: Rig) -> None:
    acme = rig.organization("Acme")
    key = rig.key_of(acme)
    first = rig.bill(key, at(9))
    await rig.reconciliation.look_at_counters()
    second = rig.bill(key, at(10), byok=True)
    rig.clock.at_ms += HOUR_MS
    await rig.reconciliation.look_at_counters()
    looks, total = rig.reconciliation.counters(offset=0, limit=10)
    assert total == 2
    look = {one.key_hash: one for one in looks}[key]
    assert (look.organization_id, look.difference_pusd) == (acme, picodollars(second.spend))
    assert look.usage_pusd == picodollars(first.spend + second.spend)
    assert look.previous_at_ms == rig.clock.at_ms - HOUR_MS

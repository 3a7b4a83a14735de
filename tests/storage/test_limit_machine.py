"""Whatever happens in whatever order, no hold is granted past a limit and no picodollar is lost.

A hypothesis state machine drives the real services, the real admission and real groups against a
model in plain Python, in several processes that may die at any moment, under a clock that it moves
over month ends. The model and the tables must agree after every step.
"""

import itertools
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from peewee import Database, fn

from mai_usage_ext.metering.estimate import ModelPrice, Request
from mai_usage_ext.metering.money import RATE_ONE, usd_from_pusd
from mai_usage_ext.metering.usage import Usage
from mai_usage_ext.ports import (
    SYSTEM,
    AnybodyIsKnown,
    Hold,
    HoldState,
    LedgerEntry,
    Membership,
    Outcome,
    Source,
    Verdict,
)
from mai_usage_ext.services.admission import Admission
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.entries import Timing, entry_of
from mai_usage_ext.services.members import Members
from mai_usage_ext.services.organizations import OrganizationDefaults, Organizations
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.changes import Change, Defer, Identify, Place, Settle, Void
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.lease import Lease
from mai_usage_ext.storage.limit_events import LimitEventRows
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.models import (
    ClientLiveCounter,
    ClientMonthTotal,
    UsageHold,
    UsageLedger,
)
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.pricing import PriceRows
from mai_usage_ext.storage.sessions import session, transaction
from tests.storage.limit_model import CLOSED, Account, Model

EVENING_MS = 1_769_810_400_000  # 2026-01-30 22:00 UTC: a month's end is near in every zone
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
LEASE_MS = 15_000
ZONES = ("UTC", "Pacific/Auckland", "America/Los_Angeles", "Europe/Warsaw")
RATES = (1_300_000, 1_000_000, 2_345_678)
# A prompt token costs 1,000 picodollars and one of the answer 10,000: see PRICE.
LIMITS = (None, 0, 1_000_000, 6_000_000, 15_000_000, 40_000_000)
MODEL = "acme/model-1"
PRICE = ModelPrice(prompt_pusd=1_000, completion_pusd=10_000, max_completion_tokens=400)
DEFAULT_HOLD = 3_000_000
PROCESSES, USERS = 3, 4

PICK = st.integers(0, 1_000)
_numbers = itertools.count()


class Clock:
    def __init__(self) -> None:
        self.at_ms = EVENING_MS

    def now_ms(self) -> int:
        return self.at_ms


class Prices:
    """One model has a price, any other has none."""

    def of(self, model: str) -> ModelPrice | None:
        return PRICE if model == MODEL else None


class Nobody:
    """Every user of the machine has a place already."""

    def place(self, user_id: str) -> Membership | None:
        raise AssertionError(f"{user_id} has no place")


@dataclass
class Process:
    """A writer's queue, and the group commit behind it; it dies with what it has not committed."""

    owner: str
    lease: Lease
    queue: list[Change] = field(default_factory=list)

    def place(
        self, hold: Hold, *, least_pusd: int | None = None, has_user_limit: bool = False
    ) -> "Future[Verdict]":
        change = Place(hold, least_pusd=least_pusd, has_user_limit=has_user_limit)
        self.queue.append(change)
        return change.future


class LimitMachine(RuleBasedStateMachine):
    """``flying`` are the holds that were granted and whose call is not over, by id."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self.db = db
        self.clock = Clock()
        self.model = Model()
        self.flying: dict[str, Hold] = {}
        self.frozen: dict[tuple[str, int], dict[str, Any]] = {}
        self.dead: set[str] = set()
        self.processes = [self._process() for _ in range(PROCESSES)]
        self.commit = GroupCommit(db, thresholds=lambda: (80, 90, 100))
        self.holds = HoldRows(db)
        self._open_services()

    def _open_services(self) -> None:
        audit = Audit(AuditRows(self.db), clock=self.clock)
        self.prices, rows = PriceRows(self.db), OrganizationRows(self.db)
        common: dict[str, Any] = {
            "audit": audit,
            "unit_of_work": lambda: transaction(self.db),
            "clock": self.clock,
        }
        self.organizations = Organizations(
            rows,
            prices=self.prices,
            events=LimitEventRows(self.db),
            defaults=lambda: OrganizationDefaults(
                rate_micro=RATES[0],
                billing_currency="USD",
                time_zone="UTC",
                alert_thresholds=(80, 90, 100),
            ),
            **common,
        )
        self.directory = Directory(rows, newcomers=Nobody(), default_id=None, clock=self.clock)
        self.members = Members(
            store=MemberRows(self.db),
            organizations=rows,
            users=AnybodyIsKnown(),
            default_id=None,
            on_change=self.directory.forget,
            **common,
        )

    def _process(self) -> Process:
        owner = f"process-{next(_numbers)}"
        lease = Lease(self.db, owner=owner, version="", clock=self.clock, lease_ms=LEASE_MS)
        lease.renew()
        return Process(owner, lease)

    # What the admins do.

    @initialize(limits=st.tuples(*[st.sampled_from(LIMITS)] * 2))
    def open_for_business(self, limits: tuple[int | None, int | None]) -> None:
        for limit, zone in zip(limits, ZONES, strict=False):
            made = self.organizations.create(
                {
                    "name": f"Acme {next(_numbers)}",
                    "timezone": zone,
                    "monthly_limit": _usd(limit),
                },
                actor=SYSTEM,
            )
            prices = {self.clock.at_ms: RATES[0]}
            self.model.accounts[made.id] = Account(limit, zone, prices)
        self.clock.at_ms += 1
        for number in range(USERS):
            user, organization = f"user-{next(_numbers)}", self._organization(number)
            self.members.assign(user, organization, actor=SYSTEM)
            self.model.members[user] = (organization, None)

    @rule(
        pick=PICK,
        what=st.sampled_from(["limit", "limit", "kind", "price", "planned price", "zone"]),
        limit=st.sampled_from(LIMITS),
        is_hard=st.sampled_from([True, True, False]),
        rate=st.sampled_from(RATES),
        hours=st.integers(1, 48),
        zone=st.sampled_from(ZONES),
    )
    def change_organization(
        self,
        pick: int,
        what: str,
        limit: int | None,
        is_hard: bool,
        rate: int,
        hours: int,
        zone: str,
    ) -> None:
        account, now_ms = self.model.accounts[self._organization(pick)], self.clock.at_ms
        match what:
            case "limit":
                self._change(pick, monthly_limit=_usd(limit))
                account.limit = limit
            case "kind":
                self._change(pick, on_limit="block" if is_hard else "alert")
                account.is_hard = is_hard
            case "price":
                self._change(pick, markup_rate=f"{rate / RATE_ONE:.6f}")
                account.set_rate(rate, now_ms)
            case "zone":
                self._change(pick, timezone=zone)
                account.set_zone(zone, now_ms)
            case _:
                self._plan_price(pick, rate, now_ms + hours * HOUR_MS)

    @rule(pick=PICK, limit=st.sampled_from(LIMITS), moves=st.sampled_from([True, False, False]))
    def change_member(self, pick: int, limit: int | None, moves: bool) -> None:
        """A limit of their own, up, down or none; or another organization."""
        user = self._user(pick)
        organization, _ = self.model.members[user]
        if moves:
            organization = next(one for one in self.model.accounts if one != organization)
            self.members.assign(user, organization, monthly_limit=_usd(limit), actor=SYSTEM)
            self.clock.at_ms += 1
        else:
            self.members.change(user, {"monthly_limit": _usd(limit)}, actor=SYSTEM)
        self.model.members[user] = (organization, limit)

    # What the clock and the machines do.

    @rule(step=st.sampled_from([5_000, MINUTE_MS, HOUR_MS, 7 * HOUR_MS, DAY_MS, 20 * DAY_MS]))
    def pass_time(self, step: int) -> None:
        self.clock.at_ms += step
        for process in self.processes:
            process.lease.renew()

    @rule(pick=PICK)
    def die(self, pick: int) -> None:
        """Nothing is said any more of the calls that this process had in flight."""
        number = pick % PROCESSES
        dead = self.processes[number]
        self.dead.add(dead.owner)
        self.flying = {
            hold_id: hold for hold_id, hold in self.flying.items() if hold.owner != dead.owner
        }
        self.processes[number] = self._process()

    @rule()
    def recover(self) -> None:
        self.clock.at_ms += LEASE_MS
        for process in self.processes:
            process.lease.renew()
        self.holds.adopt_orphans(now_ms=self.clock.at_ms)
        self.model.adopt(self.dead)

    @rule(pick=PICK)
    def flush(self, pick: int) -> None:
        """One group of one process, judged by both."""
        process = self.processes[pick % PROCESSES]
        group, process.queue = process.queue, []
        if not group:
            return
        results = self.commit.commit(group, now_ms=self.clock.at_ms)
        assert results == self.model.commit(group)
        for change, result in zip(group, results, strict=True):
            change.future.set_result(result)
            if isinstance(change, Place) and change.hold.id in self.model.holds:
                self.flying[change.hold.id] = change.hold

    # What the calls do.

    @rule(
        users=st.lists(PICK, min_size=1, max_size=4),
        pick=PICK,
        model=st.sampled_from([MODEL, "acme/unknown"]),
        max_tokens=st.sampled_from([None, None, 100, 700]),
        at_once=st.booleans(),
    )
    def ask(
        self, users: list[int], pick: int, model: str, max_tokens: int | None, at_once: bool
    ) -> None:
        """Some calls of one process, decided at once or some time later."""
        process = self.processes[pick % PROCESSES]
        request = Request(model=model, size=300, max_tokens=max_tokens, stream=True)
        for number in users:
            self._apply(process, self._user(number), request)
        if at_once:
            self.flush(pick)

    @precondition(lambda self: self.flying)
    @rule(pick=PICK)
    def see_the_id(self, pick: int) -> None:
        hold = self._flying(pick)
        self._queue(hold, Identify(hold, _generation(hold)))

    @precondition(lambda self: self.flying)
    @rule(pick=PICK, cost=st.sampled_from(["exact", "half", "searched"]), at_once=st.booleans())
    def end(self, pick: int, cost: str, at_once: bool) -> None:
        hold = self._landed(pick)
        self._queue(hold, Settle(hold, self._entry(hold, cost)))
        if at_once:
            self.flush([one.owner for one in self.processes].index(hold.owner))

    @precondition(lambda self: self.flying and self.model.ledger)
    @rule(pick=PICK, other=PICK)
    def end_as_another_did(self, pick: int, other: int) -> None:
        """An answer out of a cache, say: it carries the id of a generation that is booked."""
        hold = self._landed(pick)
        generation_id = sorted(self.model.ledger)[other % len(self.model.ledger)]
        self._queue(hold, Settle(hold, self._entry(hold, "exact", generation_id)))

    @precondition(lambda self: self.flying)
    @rule(pick=PICK)
    def be_refused_upstream(self, pick: int) -> None:
        hold = self._landed(pick)
        self._queue(hold, Void(hold, reason="upstream answered 400"))

    @precondition(lambda self: self.flying)
    @rule(
        pick=PICK,
        state=st.sampled_from([HoldState.PENDING, HoldState.UNIDENTIFIED, HoldState.UNPRICED]),
    )
    def end_without_a_price(self, pick: int, state: HoldState) -> None:
        hold = self._landed(pick)
        self._queue(hold, _deferred(hold, state))

    @rule(user=PICK, pick=PICK, is_known=st.booleans())
    def go_unchecked(self, user: int, pick: int, is_known: bool) -> None:
        """A call that the full queue let go without a hold: its money is owed all the same."""
        process = self.processes[pick % PROCESSES]
        request = Request(model=MODEL, size=300, max_tokens=100, stream=True)
        hold = self._apply(process, self._user(user), request)
        process.queue.pop()
        if is_known:
            process.queue.append(Settle(hold, self._entry(hold, "exact")))
        else:
            process.queue.append(_deferred(hold, HoldState.UNIDENTIFIED))

    @precondition(lambda self: self._waiting())
    @rule(pick=PICK, process=PICK, cost=st.sampled_from(["exact", "half", "searched"]))
    def settle_late(self, pick: int, process: int, cost: str) -> None:
        waiting = self._waiting()
        hold = waiting[pick % len(waiting)]
        settle = Settle(hold, self._entry(hold, cost))
        self.processes[process % PROCESSES].queue.append(settle)

    @precondition(lambda self: self.model.ledger)
    @rule(pick=PICK, process=PICK)
    def tell_it_again(self, pick: int, process: int) -> None:
        """A settlement that another process has made already."""
        entry = self.model.ledger[sorted(self.model.ledger)[pick % len(self.model.ledger)]]
        known = [one.hold for one in self.model.holds.values()]
        hold = next((one for one in known if _generation(one) == entry.generation_id), None)
        if hold is not None:
            self.processes[process % PROCESSES].queue.append(Settle(hold, entry))

    # What must be true.

    @invariant()
    def tables_say_what_the_model_says(self) -> None:
        organizations = list(self.model.accounts)
        with session(self.db):
            self._check_holds(organizations)
            self._check_ledger(organizations)
            self._check_months(organizations)
            self._check_cells(organizations)

    def teardown(self) -> None:
        if self.model.accounts:
            self._settle_everything()
            self._a_call_that_fits_is_granted()

    def _settle_everything(self) -> None:
        for number in range(PROCESSES):
            self.flush(number)
            self.dead.add(self.processes[number].owner)
        self.flying.clear()
        self.processes = [self._process() for _ in range(PROCESSES)]
        self.recover()
        for hold in self._waiting():
            self.processes[0].queue.append(Settle(hold, self._entry(hold, "half")))
        self.flush(0)
        self.tables_say_what_the_model_says()
        months = self.model.months()
        assert [self.model.held(*month) for month in months] == [0] * len(months)

    def _a_call_that_fits_is_granted(self) -> None:
        """The limit leaves room for just one: the second is refused."""
        user = self._user(0)
        organization = self.model.members[user][0]
        account = self.model.accounts[organization]
        request = Request(model=MODEL, size=300, max_tokens=100, stream=True)
        self.members.change(user, {"monthly_limit": None}, actor=SYSTEM)
        self.model.members[user] = (organization, None)
        hold = self._apply(self.processes[0], user, request)
        account.limit = self.model.spent(organization, hold.month) + hold.estimate_pusd
        account.is_hard = True
        usd = usd_from_pusd(account.limit)
        wanted = {"monthly_limit": usd, "on_limit": "block"}
        self.organizations.change(organization, wanted, actor=SYSTEM)
        second = self._apply(self.processes[0], user, request)
        self.flush(0)
        assert hold.id in self.model.holds
        assert second.id not in self.model.holds
        self.processes[0].queue.append(Void(hold, reason="the end"))
        self.flush(0)
        self.tables_say_what_the_model_says()

    # The rest is words.

    def _organization(self, pick: int) -> str:
        return list(self.model.accounts)[pick % len(self.model.accounts)]

    def _user(self, pick: int) -> str:
        return list(self.model.members)[pick % len(self.model.members)]

    def _change(self, pick: int, **changes: object) -> None:
        self.organizations.change(self._organization(pick), changes, actor=SYSTEM)

    def _plan_price(self, pick: int, rate: int, from_ms: int) -> None:
        prices = self.model.accounts[self._organization(pick)].prices
        if from_ms in prices:
            return
        self.prices.add(
            organization_id=self._organization(pick),
            model_pattern=None,
            effective_from_ms=from_ms,
            rate_micro=rate,
            fee_pusd=0,
            now_ms=self.clock.at_ms,
        )
        prices[from_ms] = rate

    def _flying(self, pick: int) -> Hold:
        return list(self.flying.values())[pick % len(self.flying)]

    def _landed(self, pick: int) -> Hold:
        hold = self._flying(pick)
        del self.flying[hold.id]
        return hold

    def _waiting(self) -> list[Hold]:
        """Holds whose call is over, and whose money is not known or not told yet."""
        waiting = {HoldState.PENDING, HoldState.UNIDENTIFIED, HoldState.UNPRICED}
        return [known.hold for known in self.model.holds.values() if known.state in waiting]

    def _queue(self, hold: Hold, change: Change) -> None:
        [process] = [one for one in self.processes if one.owner == hold.owner]
        process.queue.append(change)

    def _apply(self, process: Process, user: str, request: Request) -> Hold:
        """Ask for a hold as a call does, and see that its day and price are the right ones."""
        self.directory.forget()
        admission = Admission(
            process,  # type: ignore[arg-type] - nobody asks it for more
            Prices(),
            owner=process.owner,
            default_hold_pusd=lambda: DEFAULT_HOLD,
            clock=self.clock,
        )
        hold = admission.apply(self.directory.place(user), request, purpose="chat").hold
        account = self.model.accounts[self.model.members[user][0]]
        assert hold.organization_id == self.model.members[user][0]
        assert hold.rate_micro == account.rate_at(self.clock.at_ms)
        assert hold.day == account.day_at(self.clock.at_ms)
        assert hold.month == f"{hold.day:%Y-%m}"
        return hold

    def _entry(self, hold: Hold, cost: str, generation_id: str | None = None) -> LedgerEntry:
        known = self.model.holds.get(hold.id)
        held = hold.estimate_pusd if known is None else known.estimate
        raw = held * RATE_ONE // hold.rate_micro
        raw = {"exact": raw, "half": raw // 2, "searched": raw + 10_000_000}[cost]
        return entry_of(
            hold,
            generation_id=generation_id or _generation(hold),
            model=None,
            provider="Acme",
            usage=Usage(
                prompt_tokens=100,
                completion_tokens=5,
                cached_tokens=0,
                reasoning_tokens=0,
                raw_pusd=raw,
            ),
            outcome=Outcome.COMPLETED,
            source=Source.STREAM,
            timing=Timing(first_byte_ms=3, duration_ms=9),
            booked_at_ms=self.clock.at_ms,
        )

    def _check_holds(self, organizations: Sequence[str]) -> None:
        query: Any = UsageHold.select().where(UsageHold.organization_id.in_(organizations))
        found = {
            row.id: (row.estimate_pusd, row.state, row.closed_at_ms is not None)
            for row in query.bind(self.db)
        }
        # A refused call leaves no row, and a process that died nothing half-done.
        assert found == {
            hold_id: (known.estimate, known.state.value, known.state in CLOSED)
            for hold_id, known in self.model.holds.items()
        }

    def _check_ledger(self, organizations: Sequence[str]) -> None:
        query: Any = UsageLedger.select().where(UsageLedger.organization_id.in_(organizations))
        rows = {(row["generation_id"], row["sequence"]): row for row in query.dicts().bind(self.db)}
        for key, row in rows.items():
            assert self.frozen.setdefault(key, row) == row, "history has changed"
            told = self.model.ledger[key[0]]
            assert row["rate_micro"] == told.rate_micro
            assert row["billed_pusd"] == told.billed_pusd
        assert set(rows) == set(self.frozen) == {(one, 0) for one in self.model.ledger}

    def _check_months(self, organizations: Sequence[str]) -> None:
        table = ClientMonthTotal
        query: Any = table.select().where(table.organization_id.in_(organizations))
        rows = {
            (row.organization_id, row.month, row.user_id): (row.spent_pusd, row.held_pusd)
            for row in query.bind(self.db)
        }
        model = self.model
        for (organization, month, user), (spent, held) in rows.items():
            who = user or None
            assert spent == model.spent(organization, month, who)
            assert held == model.held(organization, month, who) >= 0
        months = {(organization, month, "") for organization, month in model.months()}
        assert months | model.watched <= set(rows)

    def _check_cells(self, organizations: Sequence[str]) -> None:
        table = ClientLiveCounter
        key = (table.organization_id, table.day, table.user_id)
        query: Any = (
            table.select(*key, fn.SUM(table.requests), fn.SUM(table.billed_pusd))
            .where(table.organization_id.in_(organizations))
            .group_by(*key)
        )
        rows = query.tuples().bind(self.db)
        found = {tuple(row[:3]): (int(row[3]), int(row[4])) for row in rows}
        assert found == self.model.by_cell()


def _usd(limit: int | None) -> str | None:
    return None if limit is None else usd_from_pusd(limit)


def _generation(hold: Hold) -> str:
    return f"gen-{hold.at_ms // 1000}-{hold.id}"


def _deferred(hold: Hold, state: HoldState) -> Defer:
    return Defer(
        hold,
        state=state,
        outcome=Outcome.CANCELLED,
        generation_id=None if state is HoldState.UNIDENTIFIED else _generation(hold),
        reason="no price",
        next_attempt_ms=None,
        first_byte_ms=None,
        duration_ms=None,
    )


@pytest.mark.slow
def test_no_order_of_events_breaks_a_limit(db: Database) -> None:
    examples = 60 if is_sqlite(db) else 15
    machines: list[LimitMachine] = []

    def machine() -> LimitMachine:
        machines.append(LimitMachine(db))
        return machines[-1]

    with session(db):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=50,
                derandomize=True,
                phases=[Phase.generate],
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    # It went where the limits are, and not only there.
    assert sum(made.model.grants for made in machines) > 2 * examples
    assert sum(made.model.refusals for made in machines) > examples
    assert any(known.estimate < known.hold.estimate_pusd for known in _all_holds(machines))
    assert {known.state for known in _all_holds(machines)} >= {HoldState.SETTLED, HoldState.VOID}


def _all_holds(machines: Sequence[LimitMachine]) -> list[Any]:
    return [known for made in machines for known in made.model.holds.values()]

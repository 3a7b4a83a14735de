"""The state machine: whatever admins, clocks, crashes and calls may do, in any order."""

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from peewee import Database

from mai_usage_ext.metering.estimate import Request
from mai_usage_ext.metering.money import RATE_ONE, usd_from_pusd
from mai_usage_ext.metering.usage import Usage
from mai_usage_ext.ports import SYSTEM, Hold, HoldState, LedgerEntry, Outcome, Source
from mai_usage_ext.services.entries import Timing, entry_of
from mai_usage_ext.storage.changes import Change, Defer, Identify, Place, Settle, Void
from tests.storage.limit_model import Account, Model
from tests.storage.limit_shop import LEASE_MS, MODEL, RATE, Process, Shop, unique
from tests.storage.limit_tables import Tables

__all__ = ["LimitMachine"]

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
ZONES = ("UTC", "Pacific/Auckland", "America/Los_Angeles", "Europe/Warsaw")
RATES = (RATE, 1_000_000, 2_345_678)
# A prompt token costs 1,000 picodollars and one of the answer 10,000.
LIMITS = (None, 0, 1_000_000, 6_000_000, 15_000_000, 40_000_000)
PROCESSES, USERS = 3, 4
# Of what was held; a web search comes on top of it.
COSTS = ("exact", "half", "searched")
WITHOUT_A_PRICE = (HoldState.PENDING, HoldState.UNIDENTIFIED, HoldState.UNPRICED)

PICK = st.integers(0, 1_000)


class LimitMachine(RuleBasedStateMachine):
    """``flying`` are the holds that were granted and whose call is not over, by id."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self.shop = Shop(db)
        self.clock = self.shop.clock
        self.model = Model()
        self.tables = Tables(db, self.model)
        self.flying: dict[str, Hold] = {}
        self.dead: set[str] = set()
        self.processes = [self.shop.process() for _ in range(PROCESSES)]

    # What the admins do.

    @initialize(limits=st.tuples(*[st.sampled_from(LIMITS)] * 2))
    def open_for_business(self, limits: tuple[int | None, int | None]) -> None:
        for limit, zone in zip(limits, ZONES, strict=False):
            made = self.shop.organizations.create(
                {
                    "name": unique("Acme"),
                    "timezone": zone,
                    "monthly_limit": _usd(limit),
                },
                actor=SYSTEM,
            )
            prices = {self.clock.at_ms: RATES[0]}
            self.model.accounts[made.id] = Account(limit, zone, prices)
        self.clock.at_ms += 1
        for number in range(USERS):
            user, organization = unique("user"), self._organization(number)
            self.shop.members.assign(user, organization, actor=SYSTEM)
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
            self.shop.members.assign(user, organization, monthly_limit=_usd(limit), actor=SYSTEM)
            self.clock.at_ms += 1
        else:
            self.shop.members.change(user, {"monthly_limit": _usd(limit)}, actor=SYSTEM)
        self.model.members[user] = (organization, limit)

    # What the clock and the machines do.

    @rule(step=st.sampled_from([5_000, MINUTE_MS, HOUR_MS, 7 * HOUR_MS, DAY_MS, 20 * DAY_MS]))
    def pass_time(self, step: int) -> None:
        self.clock.at_ms += step
        for process in self.processes:
            process.lease.renew()

    @rule(pick=PICK, recovers=st.booleans())
    def die(self, pick: int, recovers: bool) -> None:
        """Nothing is said any more of the calls that this process had in flight."""
        number = pick % PROCESSES
        dead = self.processes[number]
        self.dead.add(dead.owner)
        self.flying = {
            hold_id: hold for hold_id, hold in self.flying.items() if hold.owner != dead.owner
        }
        self.processes[number] = self.shop.process()
        if recovers:
            self._recover()

    def _recover(self) -> None:
        """Its lease runs out, and somebody adopts what it left."""
        self.clock.at_ms += LEASE_MS
        for process in self.processes:
            process.lease.renew()
        self.shop.holds.adopt_orphans(now_ms=self.clock.at_ms)
        self.model.adopt(self.dead)

    @rule(pick=PICK)
    def flush(self, pick: int) -> None:
        """One group of one process, judged by both."""
        process = self.processes[pick % PROCESSES]
        group, process.queue = process.queue, []
        if not group:
            return
        results = self.shop.commit.commit(group, now_ms=self.clock.at_ms)
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
        at_once=st.sampled_from([True, True, False]),
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
    @rule(
        pick=PICK,
        how=st.sampled_from([*COSTS, *COSTS, "seen", "copied", "refused", *WITHOUT_A_PRICE]),
        other=PICK,
        at_once=st.booleans(),
    )
    def go_on(self, pick: int, how: str | HoldState, other: int, at_once: bool) -> None:
        """What comes of a call in flight: its id, its end, or neither."""
        hold = list(self.flying.values())[pick % len(self.flying)]
        if how != "seen":
            del self.flying[hold.id]
        self._queue(hold, self._what_comes(hold, how, other))
        if at_once:
            self.flush([one.owner for one in self.processes].index(hold.owner))

    def _what_comes(self, hold: Hold, how: str | HoldState, other: int) -> Change:
        if isinstance(how, HoldState):
            return _deferred(hold, how)
        if how == "seen":
            return Identify(hold, _generation(hold))
        if how == "refused":
            return Void(hold, reason="upstream answered 400")
        if how == "copied" and self.model.ledger:
            # An answer out of a cache, say: it carries the id of a generation that is booked.
            generation_id = sorted(self.model.ledger)[other % len(self.model.ledger)]
            return Settle(hold, self._entry(hold, "exact", generation_id))
        return Settle(hold, self._entry(hold, how if how in COSTS else "exact"))

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

    @rule(pick=PICK, process=PICK, cost=st.sampled_from(COSTS), again=st.booleans())
    def settle_late(self, pick: int, process: int, cost: str, again: bool) -> None:
        """A settlement out of ``/generation``, or one that another process has made already."""
        known = [one.hold for one in self.model.holds.values()]
        booked = [hold for hold in known if _generation(hold) in self.model.ledger]
        chosen = booked if again else self._waiting()
        if not chosen:
            return
        hold = chosen[pick % len(chosen)]
        told = self.model.ledger.get(_generation(hold))
        settle = Settle(hold, told or self._entry(hold, cost))
        self.processes[process % PROCESSES].queue.append(settle)

    # What must be true.

    @invariant()
    def tables_say_what_the_model_says(self) -> None:
        self.tables.check()

    def teardown(self) -> None:
        if self.model.accounts:
            self._settle_everything()
            self._a_call_that_fits_is_granted()

    def _settle_everything(self) -> None:
        for number in range(PROCESSES):
            self.flush(number)
            self.dead.add(self.processes[number].owner)
        self.flying.clear()
        self.processes = [self.shop.process() for _ in range(PROCESSES)]
        self._recover()
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
        self.shop.members.change(user, {"monthly_limit": None}, actor=SYSTEM)
        self.model.members[user] = (organization, None)
        hold = self._apply(self.processes[0], user, request)
        account.limit = self.model.spent(organization, hold.month) + hold.estimate_pusd
        account.is_hard = True
        usd = usd_from_pusd(account.limit)
        wanted = {"monthly_limit": usd, "on_limit": "block"}
        self.shop.organizations.change(organization, wanted, actor=SYSTEM)
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
        self.shop.organizations.change(self._organization(pick), changes, actor=SYSTEM)

    def _plan_price(self, pick: int, rate: int, from_ms: int) -> None:
        prices = self.model.accounts[self._organization(pick)].prices
        if from_ms in prices:
            return
        self.shop.prices.add(
            organization_id=self._organization(pick),
            model_pattern=None,
            effective_from_ms=from_ms,
            rate_micro=rate,
            fee_pusd=0,
            now_ms=self.clock.at_ms,
        )
        prices[from_ms] = rate

    def _waiting(self) -> list[Hold]:
        """Holds whose call is over, and whose money is not known or not told yet."""
        known = self.model.holds.values()
        return [one.hold for one in known if one.state in WITHOUT_A_PRICE]

    def _queue(self, hold: Hold, change: Change) -> None:
        [process] = [one for one in self.processes if one.owner == hold.owner]
        process.queue.append(change)

    def _apply(self, process: Process, user: str, request: Request) -> Hold:
        """Ask for a hold as a call does, and see that its day and price are the right ones."""
        hold = self.shop.ask(process, user, request)
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

"""The golden year, lived day after day on one database.

Both sides run on one simulated clock. The provider's is the simulator's own bill; ours are the real
services: admission, recording, settlement, sealing, members, prices. Nothing is dropped from the
ledger, and the last two days are not sealed.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from peewee import Database

from mai_usage_ext.metering.estimate import Request
from mai_usage_ext.metering.money import rate_from_decimal
from mai_usage_ext.metering.pricing import Price as Markup
from mai_usage_ext.ports import UNASSIGNED, Hold, Role, Source
from mai_usage_ext.ports.reconciliation import Figures, ModelDifference
from mai_usage_ext.services.adjustments import Adjustment, adjustment_of
from mai_usage_ext.services.comparison import Comparison
from mai_usage_ext.services.entries import Timing
from mai_usage_ext.simulator.bill import Record, Refusal
from mai_usage_ext.simulator.catalogue import MODELS
from mai_usage_ext.simulator.charge import charge_for, picodollars
from mai_usage_ext.simulator.switches import Switches
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.models import DeletedUser
from mai_usage_ext.storage.sessions import session
from tests.golden.answers import answer_of, rejection, status_of
from tests.golden.books import ADMIN, Books
from tests.golden.facts import Facts
from tests.golden.plan import (
    DELETED,
    FIRST,
    LAST,
    LAST_SEALING,
    MOVE,
    ORGANIZATIONS,
    PRICES,
    Call,
    How,
    Price,
    calls,
    instant,
)
from tests.golden.stage import Stage, milliseconds, stage_on

__all__ = ["live"]

_BEGIN = datetime(2023, 12, 20, tzinfo=UTC)
_PLANNED_AHEAD = timedelta(days=3)
# What was over an hour before is sealed in all three zones, once a day.
_NIGHT = time(13, 10, tzinfo=UTC)


def live(url: str, folder: Path) -> tuple[str, ...]:
    """Live the year in a migrated database without anything in it, and leave in ``folder`` what
    ``sums.py`` reads. Takes some seconds. Returns the organizations' ids, as the plan has them."""
    db = open_database(url, owned=True)
    stage = stage_on(db, begin=_BEGIN)
    stage.ledger.start()
    year = _Year(stage, db, Facts(folder), Books(db, clock=stage.clock))
    try:
        asyncio.run(year.live())
    finally:
        unwritten = stage.ledger.stop(timeout_s=30)
        close_database(db)
    assert unwritten == 0
    return tuple(year.ids[organization.name] for organization in ORGANIZATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A call that was sent, with our hold and the provider's record, where they have one."""

    call: Call
    hold: Hold | None
    record: Record | None


@dataclass(slots=True)
class _Year:
    stage: Stage
    db: Database
    facts: Facts
    books: Books
    ids: dict[str, str] = field(default_factory=dict)
    unreconciled: list[_Sent] = field(default_factory=list)

    async def live(self) -> None:
        self._found()
        batch: list[Call] = []
        for at, event in _events():
            if isinstance(event, Call):
                batch.append(event)
                continue
            self._send(batch)
            batch.clear()
            self.stage.clock.now = at
            if event == "night":
                await self._night()
            else:
                self._change(event)
        for generation_id, at in self.stage.provider.told.items():
            self.facts.told(generation_id, at)
        self.facts.bill(self.stage.provider.bill)
        self.facts.people(self._names())

    def _found(self) -> None:
        stage, now_ms = self.stage, self.stage.clock.now_ms()
        stage.organizations.ensure_builtin(
            default_name=None,
            time_zone="UTC",
            rate_micro=rate_from_decimal("1"),
            billing_currency="USD",
            now_ms=now_ms,
        )
        for organization in ORGANIZATIONS:
            self.ids[organization.name] = stage.organizations.create(
                name=organization.name,
                time_zone=organization.time_zone,
                rate_micro=rate_from_decimal("1.9"),
                billing_currency=organization.currency,
                now_ms=now_ms - 1,
            ).id
            for user in organization.users:
                role = Role.MANAGER if user == organization.users[0] else Role.MEMBER
                stage.members.assign(
                    user, self.ids[organization.name], role=role.value, actor=ADMIN
                )
        for price in PRICES:
            if price.since is None:
                self._add(price)
        self.facts.organizations(ORGANIZATIONS, self.ids, key_hash=_hash_of)
        self.facts.prices(PRICES, self.ids, instant_of=_since)

    def _change(self, event: object) -> None:
        stage = self.stage
        if isinstance(event, Price):
            self._add(event)
        elif event == MOVE:
            stage.members.assign(MOVE[0], self.ids[MOVE[2]], actor=ADMIN)
        elif event == DELETED:
            stage.members.user_deleted(DELETED[0])

    def _add(self, price: Price) -> None:
        self.stage.pricing.add(
            organization_id=self.ids[price.organization],
            model_pattern=price.model_pattern,
            effective_from_ms=None if price.since is None else milliseconds(_since(price)),
            markup_rate=price.rate,
            fixed_fee=price.fee,
            actor=ADMIN,
        )
        self.stage.directory.forget()

    def _send(self, batch: Sequence[Call]) -> None:
        """Calls that nothing happens between: all are held, then all are answered."""
        asked = [(call, self._apply(call)) for call in batch]
        sent = [
            _Sent(call=call, hold=self._decided(application), record=self._begin(call))
            for call, application in asked
        ]
        commits: list[Future[Any]] = []
        for one in sent:
            self.stage.clock.now = one.call.at + timedelta(milliseconds=one.call.duration_ms)
            commits.extend(self._end(one))
        for commit in commits:
            commit.result(timeout=30)

    def _apply(self, call: Call) -> Any:
        self.stage.clock.now = call.at
        if call.user is None:
            return None
        placement = self.stage.directory.place(call.user)
        self.facts.called(placement.openrouter_user_id, call.user)
        return self.stage.admission.apply(
            placement,
            Request(model=call.model, size=2_000, max_tokens=None, stream=call.is_stream),
            purpose=call.purpose,
            bearer=_key_of(call.organization),
        )

    def _decided(self, application: Any) -> Hold | None:
        if application is None:
            return None
        verdict = application.decided.result(timeout=30)
        return self.stage.admission.decide(application, verdict).hold

    def _begin(self, call: Call) -> Record | None:
        self.stage.clock.now = call.at
        bill, user = self.stage.provider.bill, self.facts.name_of(call.user)
        key_hash = _hash_of(call.organization)
        if call.how is How.REJECTED:
            bill.refuse(
                Refusal(
                    status=429,
                    message="Rate limit exceeded",
                    endpoint="/chat/completions",
                    key_hash=key_hash,
                    user=user,
                    model_asked=call.model,
                    created_at=call.at,
                )
            )
            return None
        model = MODELS[call.model]
        is_dated = call.how in (How.STOPPED, How.SILENT)
        record = Record(
            sequence=0,
            generation_id=f"gen-{int(call.at.timestamp())}-{call.tail}",
            key_hash=key_hash,
            user=user,
            endpoint="/embeddings" if model.embeds else "/chat/completions",
            model_asked=call.model,
            # What is asked for later has the model's dated name.
            model_answered=model.slug if is_dated else call.model,
            provider=model.provider,
            streamed=call.is_stream,
            created_at=call.at,
            model=model,
            switches=Switches(byok=call.is_byok, dated_slug=is_dated),
        )
        self.stage.provider.late[record.generation_id] = call.late
        return bill.begin(record)

    def _end(self, sent: _Sent) -> Iterator["Future[Any]"]:
        call, hold, record = sent.call, sent.hold, sent.record
        recording = self.stage.recording
        timing = Timing(first_byte_ms=call.first_byte_ms, duration_ms=call.duration_ms)
        source = Source.STREAM if call.is_stream else Source.BODY
        if record is None:
            assert hold is not None
            yield recording.ended(hold, rejection(), source=source, timing=timing, status=429)
            return
        record.first_byte_at = call.at + timedelta(milliseconds=call.first_byte_ms)
        record.cancelled = call.how is How.STOPPED
        record.failed = 502 if call.how is How.FAILED else None
        charge = charge_for(record.model, call.tokens, is_byok=call.is_byok)
        self.stage.provider.bill.finish(record, call.tokens, charge)
        self.facts.call(call, record)
        if hold is None or call.how is How.LOST:
            self.unreconciled.append(sent)
        if hold is None:
            return
        if call.how is How.LOST:
            yield recording.lost(hold, reason="ServerDisconnectedError")
            return
        if call.how not in (How.STOPPED, How.SILENT):
            self._told(sent)
        for _ in range(2 if call.how is How.REPEATED else 1):
            yield recording.ended(
                hold,
                answer_of(call, record),
                source=source,
                timing=timing,
                status=status_of(call),
            )

    async def _night(self) -> None:
        """What the jobs do: settle, reconcile, seal; and statements are closed."""
        stage, now = self.stage, self.stage.clock.now
        while (await stage.settlement.run_once()).asked:
            pass
        for sent in [one for one in self.unreconciled if one.call.at + one.call.late <= now]:
            self.unreconciled.remove(sent)
            adjustment = self._adjustment(sent)
            assert stage.ledger.settle(adjustment.hold, adjustment.entry).result(timeout=30)
            self._told(sent)
            if sent.hold is not None:
                stage.ledger.void(sent.hold, reason="reconciled").result(timeout=30)
        if now.date() <= LAST_SEALING:
            await stage.sealing.run_once()
            self.books.close_due(self.ids)

    def _told(self, sent: _Sent) -> None:
        assert sent.record is not None
        self.facts.told(sent.record.generation_id, self.stage.clock.now)

    def _adjustment(self, sent: _Sent) -> Adjustment:
        """What a reconciliation of the key's UTC day books for a call that it lacks."""
        record = sent.record
        assert record is not None
        day = record.created_at.date()
        begin_ms = milliseconds(datetime.combine(day, time(), UTC))
        return adjustment_of(
            _lacking(record),
            day=day,
            begin_ms=begin_ms,
            key_hash=record.key_hash,
            owner=self.ids[sent.call.organization],
            holds=[] if sent.hold is None else [sent.hold],
            sequence=0,
            price_of=lambda organization_id, model: self._price(organization_id, model, begin_ms),
            now_ms=self.stage.clock.now_ms(),
        )

    def _price(self, organization_id: str, model: str, at_ms: int) -> Markup:
        assert organization_id != UNASSIGNED
        organization = self.stage.organizations.get(organization_id, at_ms=at_ms)
        assert organization is not None
        return organization.price_of(model, at_ms=at_ms)

    def _names(self) -> dict[str, str]:
        """Users as the ledger names them now: the deleted one has a pseudonym."""
        with session(self.db):
            [deleted] = DeletedUser.select().bind(self.db)
        return {DELETED[0]: deleted.pseudonym}


def _events() -> Iterable[tuple[datetime, object]]:
    events: list[tuple[datetime, object]] = [(call.at, call) for call in calls()]
    planned = [price for price in PRICES if price.since is not None]
    events += [(_since(price) - _PLANNED_AHEAD, price) for price in planned]
    events += [(MOVE[3], MOVE), (DELETED[1], DELETED)]
    days = (LAST - FIRST).days + 2
    events += [(datetime.combine(FIRST + timedelta(days=n), _NIGHT), "night") for n in range(days)]
    return sorted(events, key=lambda event: event[0])


def _since(price: Price) -> datetime:
    if price.since is None:
        return _BEGIN
    [zone] = [one.time_zone for one in ORGANIZATIONS if one.name == price.organization]
    return instant(price.since, zone)


def _key_of(name: str) -> str:
    [key] = [one.key for one in ORGANIZATIONS if one.name == name]
    return key


def _hash_of(name: str) -> str:
    return hashlib.sha256(_key_of(name).encode()).hexdigest()


def _lacking(record: Record) -> Comparison:
    theirs = Figures(
        requests=1,
        prompt_tokens=record.tokens.prompt,
        completion_tokens=record.tokens.completion,
        reasoning_tokens=record.tokens.reasoning,
        raw_pusd=picodollars(record.spend),
    )
    return Comparison(
        captured=Figures(),
        adjusted=Figures(),
        provider=theirs,
        models=(ModelDifference(model=record.model_answered, ours=Figures(), theirs=theirs),),
        difference_pusd=theirs.raw_pusd,
        is_equal=False,
        across_midnight=0,
        midnight=None,
    )

"""Calls that OpenRouter billed and the ledger has, or lacks, and the reconciliation over both."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from peewee import Database

from mai_usage_ext.metering.days import billing_day, month_of
from mai_usage_ext.metering.money import billed_pusd
from mai_usage_ext.openrouter.activity import ActivityClient
from mai_usage_ext.openrouter.client import OpenRouterClient
from mai_usage_ext.ports import Hold, HoldState, Outcome
from mai_usage_ext.ports.reconciliation import LineFilter, ReconciliationRecord
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.gaps import Gaps
from mai_usage_ext.services.reconciliation import Reconciliation
from mai_usage_ext.services.settlement import Settlement
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.auth import ApiKey, new_secret
from mai_usage_ext.simulator.bill import Record
from mai_usage_ext.simulator.catalogue import MODELS
from mai_usage_ext.simulator.charge import Tokens, charge_for, picodollars
from mai_usage_ext.simulator.switches import Switches
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.models import (
    AlertEvent,
    ClientOrganization,
    UsageLedger,
    UserClientMapping,
)
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.reconciliation_models import KeyCounter, ReconciliationRun
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import make_entry, make_hold

DAY = date(2026, 6, 15)
RATE = 1_300_000
MODEL = "qwen/qwen3-8b"
OTHER_MODEL = "openai/gpt-4o-mini"
HOUR_MS = 3_600_000


def at(hour: int, minute: int = 0, second: int = 0, *, day: date = DAY) -> int:
    """UTC milliseconds."""
    moment = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)
    return int(moment.timestamp() * 1000)


@dataclass
class HandClock:
    """Noon after the day."""

    at_ms: int = at(12) + 24 * HOUR_MS

    def now_ms(self) -> int:
        return self.at_ms

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_ms / 1000, UTC)


class NoKeys:
    def __init__(self, key: str) -> None:
        self.key = key

    async def for_hold(self, _hold: Hold) -> list[str]:
        return [self.key]


@dataclass
class Rig:
    db: Database
    simulator: Simulator
    clock: HandClock
    ledger: LedgerWriter
    organizations: OrganizationRows
    store: ReconciliationRows
    clients: list[OpenRouterClient] = field(default_factory=list)

    @property
    def host_key(self) -> str:
        """The hash of the key that no organization has."""
        [key] = [
            key
            for key in self.simulator.service.keys.inference_keys()
            if key.secret == self.simulator.inference_key
        ]
        return key.hash

    @property
    def reconciliation(self) -> Reconciliation:
        return Reconciliation(
            self.store,
            self.ledger,
            ActivityClient(self.simulator.url),
            organizations=self.organizations,
            gaps=Gaps(self.store, EventRows(self.db), unit_of_work=lambda: transaction(self.db)),
            management_key=lambda: self.simulator.management_key,
            clock=self.clock,
        )

    @property
    def settlement(self) -> Settlement:
        client = OpenRouterClient(self.simulator.url)
        self.clients.append(client)
        return Settlement(
            HoldRows(self.db),
            self.ledger,
            client,
            call_keys=CallKeys(),
            other_keys=NoKeys(self.simulator.inference_key),
            clock=self.clock,
        )

    def organization(self, name: str, *, own_key: bool = True, time_zone: str = "UTC") -> str:
        """An organization's id."""
        made = self.organizations.create(
            name=name, time_zone=time_zone, rate_micro=RATE, billing_currency="USD", now_ms=0
        )
        if own_key:
            service = self.simulator.service
            key = service.keys.add(
                ApiKey(secret=new_secret(), name=name, created_at=service.clock())
            )
            query = ClientOrganization.update(openrouter_key_hash=key.hash)
            with transaction(self.db):
                write(self.db, query.where(ClientOrganization.id == made.id))
        return made.id

    def key_of(self, organization_id: str) -> str:
        owners = {one: key_hash for key_hash, one in self.store.owners().items()}
        return owners[organization_id]

    def former_key(self, organization_id: str) -> str:
        """The hash of a key that the organization had before its present one."""
        service = self.simulator.service
        key = service.keys.add(
            ApiKey(secret=new_secret(), name="former", created_at=service.clock())
        )
        query = KeyCounter.insert(
            key_hash=key.hash, organization_id=organization_id, label="", usage_pusd=0, at_ms=0
        )
        with transaction(self.db):
            write(self.db, query)
        return key.hash

    def alerts(self) -> list[AlertEvent]:
        query = AlertEvent.select().order_by(AlertEvent.id)
        with session(self.db):
            return list(query.bind(self.db))

    def member(self, user_id: str, organization_id: str) -> None:
        query = UserClientMapping.insert(
            user_id=user_id,
            valid_from_ms=0,
            organization_id=organization_id,
            openrouter_user_id=f"or-{user_id}",
            created_at_ms=0,
        )
        with transaction(self.db):
            write(self.db, query)

    def bill(
        self,
        key_hash: str,
        at_ms: int,
        *,
        user: str | None = "or-ada",
        model: str = MODEL,
        tokens: int = 1000,
        lasted_ms: int = 2000,
        **switches: Any,
    ) -> Record:
        """OpenRouter makes an answer and charges for it."""
        now_ms, self.clock.at_ms = self.clock.at_ms, at_ms + lasted_ms
        begun = datetime.fromtimestamp(at_ms / 1000, UTC)
        record = Record(
            sequence=0,
            generation_id=f"gen-{at_ms // 1000}-{secrets.token_hex(10)}",
            key_hash=key_hash,
            user=user,
            endpoint="/chat/completions",
            model_asked=model,
            model_answered=model,
            provider=MODELS[model].provider,
            streamed=True,
            created_at=begun,
            model=MODELS[model],
            switches=Switches(**switches),
        )
        used = Tokens(prompt=tokens, completion=tokens // 10)
        charge = charge_for(record.model, used, is_byok=record.switches.byok)
        bill = self.simulator.bill
        bill.finish(bill.begin(record), used, charge)
        self.clock.at_ms = now_ms
        return record

    def hold(
        self, organization_id: str, record: Record, *, user_id: str | None = "ada", **changes: Any
    ) -> Hold:
        """The hold of a call that OpenRouter billed, on its billing day."""
        at_ms = int(record.created_at.timestamp() * 1000)
        organization = self.organizations.get(organization_id, at_ms=at_ms)
        assert organization is not None
        day = billing_day(at_ms, organization.time_zone)
        hold = make_hold(
            organization_id,
            user_id=user_id,
            model=record.model_asked,
            day=day,
            month=month_of(day),
            at_ms=at_ms,
            key_hash=record.key_hash,
        )
        hold = replace(hold, **changes)
        self.ledger.place(hold).result(10)
        return hold

    def book(
        self, organization_id: str, record: Record, *, raw_pusd: int | None = None, **changes: Any
    ) -> int:
        """The meter books the call; its raw picodollars, unless told otherwise."""
        hold = self.hold(organization_id, record, **changes)
        raw = picodollars(record.spend) if raw_pusd is None else raw_pusd
        assert record.ended_at is not None
        entry = make_entry(
            hold,
            record.generation_id,
            raw_pusd=raw,
            billed_pusd=billed_pusd(raw, rate_micro=RATE),
            model=record.model_answered,
            prompt_tokens=record.tokens.prompt,
            completion_tokens=record.tokens.completion,
            reasoning_tokens=record.tokens.reasoning,
            key_hash=hold.key_hash,
            duration_ms=(record.ended_at - record.created_at) // timedelta(milliseconds=1),
        )
        assert self.ledger.settle(hold, entry).result(10)
        return raw

    def lose(self, organization_id: str, record: Record, **changes: Any) -> Hold:
        """The call died before its generation was known."""
        hold = self.hold(organization_id, record, **changes)
        self.ledger.defer(
            hold,
            state=HoldState.UNIDENTIFIED,
            outcome=Outcome.CANCELLED,
            generation_id=None,
            reason="ClientOSError",
        ).result(10)
        return hold

    def adjustments(self) -> list[UsageLedger]:
        query = UsageLedger.select().where(UsageLedger.source == "adjustment")
        with session(self.db):
            return list(
                query.order_by(UsageLedger.generation_id, UsageLedger.sequence).bind(self.db)
            )

    def lines(self, day: date = DAY) -> dict[str, ReconciliationRecord]:
        """Stored lines of a day by key hash."""
        wanted = LineFilter(first=day, last=day)
        lines, _ = self.store.page(wanted, offset=0, limit=100)
        return {line.key_hash: line for line in lines}


def open_rig(db: Database, simulator: Simulator, clock: HandClock, ledger: LedgerWriter) -> Rig:
    """Keys have been noted for two weeks."""
    organizations = OrganizationRows(db)
    organizations.ensure_builtin(
        default_name=None, time_zone="UTC", rate_micro=RATE, billing_currency="USD", now_ms=0
    )
    with transaction(db):
        write(db, ReconciliationRun.update(day=DAY - timedelta(days=14)))
    return Rig(
        db=db,
        simulator=simulator,
        clock=clock,
        ledger=ledger,
        organizations=organizations,
        store=ReconciliationRows(db),
    )

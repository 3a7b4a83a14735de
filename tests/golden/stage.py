"""Both sides of the golden year: the provider with its bill, and our services on one database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from peewee import Database

from mai_usage_ext.errors import GenerationNotFound
from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.metering.usage import read_generation
from mai_usage_ext.ports import AnybodyIsKnown, Generation, NoKeys
from mai_usage_ext.services.admission import Admission
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.members import Members
from mai_usage_ext.services.newcomers import Newcomers
from mai_usage_ext.services.pricing import Pricing
from mai_usage_ext.services.recording import Recording
from mai_usage_ext.services.sealing import Sealing
from mai_usage_ext.services.settlement import Settlement
from mai_usage_ext.simulator.bill import Bill
from mai_usage_ext.simulator.encoding import dumps
from mai_usage_ext.simulator.generation import _generation
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.pricing import PriceRows
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import transaction
from mai_usage_ext.storage.writer import LedgerWriter

__all__ = ["SimulatedClock", "Stage", "milliseconds", "stage_on"]

_GRACE_MS = 30 * 60_000


@dataclass(slots=True)
class SimulatedClock:
    """One clock for both sides."""

    now: datetime

    def now_ms(self) -> int:
        return milliseconds(self.now)


@dataclass(slots=True, kw_only=True)
class Provider:
    """What the simulator knows; a generation can be asked for so long after its end. ``told`` is
    when somebody asked, and was answered."""

    bill: Bill
    clock: SimulatedClock
    late: dict[str, timedelta] = field(default_factory=dict)
    told: dict[str, datetime] = field(default_factory=dict)

    async def fetch(self, generation_id: str, *, key: str) -> Generation:
        record = self.bill.generation(generation_id)
        assert record is not None
        assert record.ended_at is not None
        if self.clock.now < record.ended_at + self.late[generation_id]:
            raise GenerationNotFound("not yet", status=404)
        self.told.setdefault(generation_id, self.clock.now)
        data = parse_json(dumps(_generation(record)))
        return Generation(
            id=generation_id,
            model=data["model"],
            provider=data["provider_name"],
            usage=read_generation(data),
            problem=None,
            cancelled=data["cancelled"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    clock: SimulatedClock
    provider: Provider
    organizations: OrganizationRows
    members: Members
    pricing: Pricing
    directory: Directory
    ledger: LedgerWriter
    admission: Admission
    recording: Recording
    settlement: Settlement
    sealing: Sealing


class _NoPrices:
    def of(self, model: str) -> None:
        return None


class _OneKey(NoKeys):
    async def for_hold(self, hold: object) -> tuple[str, ...]:
        return ("sk-or-v1-host",)


def stage_on(db: Database, *, begin: datetime) -> Stage:
    """Everything that a meter wires, with this one clock; ``ledger`` is not started yet."""
    clock = SimulatedClock(begin)
    provider = Provider(bill=Bill(lambda: clock.now), clock=clock)
    organizations, audit = OrganizationRows(db), Audit(AuditRows(db), clock=clock)
    common: dict[str, Any] = {
        "organizations": organizations,
        "audit": audit,
        "unit_of_work": lambda: transaction(db),
        "clock": clock,
    }
    people = {"store": MemberRows(db), "users": AnybodyIsKnown(), "default_id": None, **common}
    directory = Directory(
        organizations,
        newcomers=Newcomers(rules=tuple, **people),
        default_id=None,
        clock=clock,
    )
    ledger, call_keys = LedgerWriter(db, owner="golden", clock=clock), CallKeys()
    return Stage(
        clock=clock,
        provider=provider,
        organizations=organizations,
        members=Members(on_change=directory.forget, **people),
        pricing=Pricing(PriceRows(db), **common),
        directory=directory,
        ledger=ledger,
        admission=Admission(
            ledger, _NoPrices(), owner="golden", default_hold_pusd=lambda: 0, clock=clock
        ),
        recording=Recording(ledger, call_keys=call_keys, clock=clock),
        settlement=Settlement(
            HoldRows(db),
            ledger,
            provider,
            call_keys=call_keys,
            other_keys=_OneKey(),
            clock=clock,
        ),
        sealing=Sealing(SealRows(db), grace_ms=_GRACE_MS, clock=clock, pause_s=0),
    )


def milliseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

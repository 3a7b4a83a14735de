"""Organizations' keys over a real database and the simulator, and the faults that neither has."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, TypeVar

from peewee import Database

from mai_usage_ext.errors import UpstreamError
from mai_usage_ext.openrouter.management import ManagementClient
from mai_usage_ext.ports import Actor, KeyFacts, KeyTerms, NewKey, OwnKey, RemoteKey, Vault
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.key_check import KeyCheck
from mai_usage_ext.services.key_events import KeyEvents
from mai_usage_ext.services.key_making import KeyMaker
from mai_usage_ext.services.key_terms import KeyPolicy
from mai_usage_ext.services.key_upkeep import KeyUpkeep
from mai_usage_ext.services.keys import Keys
from mai_usage_ext.simulator import Simulator
from mai_usage_ext.simulator.auth import ApiKey, new_secret
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.keys import KeyRows
from mai_usage_ext.storage.models import AuditLog, ClientOrganization, PricingRule, UsageLedger
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.partitions import make_months
from mai_usage_ext.storage.sessions import execute, session, transaction, write
from mai_usage_ext.storage.vault import KeyRing
from tests.storage.samples import make_entry, make_hold

Answer = TypeVar("Answer")
ADMIN = Actor(kind="user", id="admin-1", address="192.0.2.1")
PICO = 10**12
NOON = 1_781_524_800_000  # 2026-06-15T12:00 UTC, far from every month's end
VAULT = KeyRing(["a key to seal with"])


@dataclass
class HandClock:
    at_ms: int = NOON

    def now_ms(self) -> int:
        return self.at_ms


class FaultyManagement:
    """The real client; ``after`` runs once a call has taken effect and may raise or wait."""

    def __init__(self, client: ManagementClient) -> None:
        self._client = client
        self.after: dict[str, Callable[[], Awaitable[None]]] = {}
        self.calls: list[str] = []
        self.secrets: list[str] = []

    async def keys(self, *, management_key: str) -> Sequence[RemoteKey]:
        return await self._done("keys", await self._client.keys(management_key=management_key))

    async def key(self, key_hash: str, *, management_key: str) -> RemoteKey | None:
        found = await self._client.key(key_hash, management_key=management_key)
        return await self._done("key", found)

    async def create(self, terms: KeyTerms, *, management_key: str) -> NewKey:
        made = await self._client.create(terms, management_key=management_key)
        self.secrets.append(made.secret)
        return await self._done("create", made)

    async def change(
        self, key_hash: str, changes: Mapping[str, object], *, management_key: str
    ) -> RemoteKey | None:
        changed = await self._client.change(key_hash, changes, management_key=management_key)
        return await self._done("change", changed)

    async def delete(self, key_hash: str, *, management_key: str) -> bool:
        deleted = await self._client.delete(key_hash, management_key=management_key)
        return await self._done("delete", deleted)

    async def own_key(self, secret: str) -> OwnKey | None:
        return await self._done("own_key", await self._client.own_key(secret))

    async def _done(self, name: str, answer: Answer) -> Answer:
        self.calls.append(name)
        fault = self.after.pop(name, None)
        if fault is not None:
            await fault()
        return answer


async def broken_line() -> None:
    raise UpstreamError("OpenRouter did not answer in time: try again later", status=0)


@dataclass
class KeyRig:
    """``another()`` is a second process over the same database and the same OpenRouter."""

    db: Database
    simulator: Simulator
    vault: Vault = VAULT
    clock: HandClock = field(default_factory=HandClock)
    changed: list[str] = field(default_factory=list)
    management_key: str | None = None

    def __post_init__(self) -> None:
        self.management_key = self.management_key or self.simulator.management_key
        self.management = FaultyManagement(ManagementClient(self.simulator.url))
        self.store = KeyRows(self.db, self.vault)
        self.organizations = OrganizationRows(self.db, vault=self.vault)
        self.audit = Audit(AuditRows(self.db), clock=self.clock)
        shared: dict[str, Any] = {
            "audit": self.audit,
            "events": KeyEvents(EventRows(self.db), clock=self.clock),
            "unit_of_work": lambda: transaction(self.db),
            "clock": self.clock,
            "changed": self.changed.append,
        }
        policy = KeyPolicy(self.store, clock=self.clock)
        upkeep = KeyUpkeep(self.store, self.management, policy=policy, **shared)
        maker = KeyMaker(
            self.store,
            self.management,
            upkeep=upkeep,
            policy=policy,
            management_key=lambda: self.management_key,
            **shared,
        )
        self.keys = Keys(
            self.store,
            self.management,
            organizations=self.organizations,
            upkeep=upkeep,
            maker=maker,
            management_key=lambda: self.management_key,
            **shared,
        )
        self.check = KeyCheck(
            self.store,
            self.management,
            upkeep=upkeep,
            management_key=lambda: self.management_key,
            clock=self.clock,
        )

    def another(self, **changes: Any) -> "KeyRig":
        rig = KeyRig(self.db, self.simulator, vault=self.vault, clock=self.clock)
        for name, value in changes.items():
            setattr(rig, name, value)
        return rig

    def organization(self, name: str = "acme", **columns: Any) -> str:
        columns = {
            "name": name, "slug": name, "monthly_limit_pusd": 130 * PICO,
            "created_at_ms": 0, "updated_at_ms": 0, **columns,
        }  # fmt: skip
        with transaction(self.db):
            write(self.db, ClientOrganization.insert(id=f"id-{name}", **columns))
            self.rule(f"id-{name}", 1_300_000)
        return f"id-{name}"

    def rule(self, organization_id: str, rate_micro: int, from_ms: int = 0) -> None:
        query = PricingRule.insert(
            organization_id=organization_id,
            rate_micro=rate_micro,
            effective_from_ms=from_ms,
            created_at_ms=0,
        )
        with transaction(self.db):
            write(self.db, query)

    def book(self, organization_id: str, *, at_ms: int, day: date, raw_pusd: int) -> None:
        """A ledger entry."""
        hold = make_hold(organization_id, day=day, month=f"{day:%Y-%m}", at_ms=at_ms)
        entry = asdict(make_entry(hold, raw_pusd=raw_pusd))
        query = UsageLedger.insert(partition_day=day, **entry)
        make_months(self.db, at=day)
        with transaction(self.db):
            write(self.db, query)

    def set(self, organization_id: str, **columns: Any) -> None:
        query = ClientOrganization.update(**columns)
        with transaction(self.db):
            write(self.db, query.where(ClientOrganization.id == organization_id))

    def row(self, organization_id: str) -> dict[str, Any]:
        query = ClientOrganization.select().where(ClientOrganization.id == organization_id)
        with session(self.db):
            return dict(query.bind(self.db).get().__data__)

    def facts(self, organization_id: str) -> KeyFacts:
        facts = self.store.facts(organization_id)
        assert facts is not None
        return facts

    def actions(self) -> list[str]:
        """What the trail says happened, oldest first."""
        query = AuditLog.select(AuditLog.action).order_by(AuditLog.seq)
        with session(self.db):
            rows: Any = query.bind(self.db).tuples()
            return [action for (action,) in rows]

    def remote(self) -> list[ApiKey]:
        """The keys at OpenRouter that the simulator was not started with."""
        keys = self.simulator.service.keys.inference_keys()
        return [key for key in keys if key.secret != self.simulator.inference_key]

    def cells(self) -> str:
        """Everything the database holds, but the sealed texts."""
        with session(self.db):
            names = [name for name in self.db.get_tables() if "sqlite" not in name]
            tables = [execute(self.db, f'SELECT * FROM "{name}"').fetchall() for name in names]
        cells = itertools.chain.from_iterable(itertools.chain.from_iterable(tables))
        return "\n".join(str(cell) for cell in cells)


async def until_cancelled(started: asyncio.Event) -> None:
    started.set()
    await asyncio.Event().wait()


def add_remote(rig: KeyRig, name: str = "made by hand", **fields: Any) -> ApiKey:
    """A key at OpenRouter that no organization has."""
    service = rig.simulator.service
    key = ApiKey(secret=new_secret(), name=name, created_at=service.clock(), **fields)
    return service.keys.add(key)

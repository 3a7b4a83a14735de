"""The real services and writers' processes around one database, under one clock of the test's."""

import itertools
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from peewee import Database

from mai_usage_ext.metering.estimate import ModelPrice, Request
from mai_usage_ext.ports import AnybodyIsKnown, Hold, Membership, Verdict
from mai_usage_ext.services.admission import Admission
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.services.members import Members
from mai_usage_ext.services.organizations import OrganizationDefaults, Organizations
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.changes import Change, Place
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.holds import HoldRows
from mai_usage_ext.storage.lease import Lease
from mai_usage_ext.storage.limit_events import LimitEventRows
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.pricing import PriceRows
from mai_usage_ext.storage.sessions import transaction
from tests.storage.samples import percent_marks

__all__ = ["LEASE_MS", "MODEL", "RATE", "Process", "Shop", "unique"]

EVENING_MS = 1_769_810_400_000  # 2026-01-30 22:00 UTC: a month's end is near in every zone
LEASE_MS = 15_000
RATE = 1_300_000
MODEL = "acme/model-1"
PRICE = ModelPrice(prompt_pusd=1_000, completion_pusd=10_000, max_completion_tokens=400)
DEFAULT_HOLD = 3_000_000
MARKS = percent_marks(80, 90, 100)

_numbers = itertools.count()


def unique(name: str) -> str:
    """A name nobody in the database has."""
    return f"{name}-{next(_numbers)}"


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


class Shop:
    """What an installation consists of, without the wire and without threads."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = Clock()
        self.commit = GroupCommit(db, marks=lambda: MARKS)
        self.holds, self.prices = HoldRows(db), PriceRows(db)
        rows = OrganizationRows(db)
        common: dict[str, Any] = {
            "audit": Audit(AuditRows(db), clock=self.clock),
            "unit_of_work": lambda: transaction(db),
            "clock": self.clock,
        }
        self.organizations = Organizations(
            rows,
            prices=self.prices,
            events=LimitEventRows(db),
            defaults=lambda: OrganizationDefaults(
                rate_micro=RATE,
                billing_currency="USD",
                time_zone="UTC",
            ),
            marks=lambda: MARKS,
            **common,
        )
        self.directory = Directory(rows, newcomers=Nobody(), default_id=None, clock=self.clock)
        self.members = Members(
            store=MemberRows(db),
            organizations=rows,
            users=AnybodyIsKnown(),
            default_id=None,
            on_change=self.directory.forget,
            **common,
        )

    def process(self) -> Process:
        """A new one, alive for as long as its lease is renewed."""
        owner = unique("process")
        lease = Lease(self.db, owner=owner, version="", clock=self.clock, lease_ms=LEASE_MS)
        lease.renew()
        return Process(owner, lease)

    def ask(self, process: Process, user: str, request: Request) -> Hold:
        """Queue a hold as a call does."""
        self.directory.forget()
        admission = Admission(
            process,  # type: ignore[arg-type]
            Prices(),
            owner=process.owner,
            default_hold_pusd=lambda: DEFAULT_HOLD,
            clock=self.clock,
        )
        return admission.apply(self.directory.place(user), request, purpose="chat").hold

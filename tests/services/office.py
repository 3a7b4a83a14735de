"""Organizations, people and services around one database, for tests about members."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from peewee import Database

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.ports import (
    Actor,
    AssignmentRule,
    AuditFilter,
    AuditRecord,
    HostUser,
    Member,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.members import Members
from mai_usage_ext.services.newcomers import Newcomers
from mai_usage_ext.storage.audit import AuditRows
from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.migrate import Migrator
from mai_usage_ext.storage.models import UserClientMapping
from mai_usage_ext.storage.organizations import OrganizationRows
from mai_usage_ext.storage.sessions import session, transaction

NOW_MS = 1_768_903_200_000  # 2026-01-20 10:00 UTC
DAY_MS = 86_400_000
ADMIN = Actor(kind="user", id="grace", address="192.0.2.7")
PEOPLE = ("ada", "ben", "cleo", "dan", "eve")


class Clock:
    def __init__(self) -> None:
        self.at_ms = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms


@dataclass
class People:
    """A host in memory, which can be told not to answer; it counts how often it was asked."""

    users: dict[str, HostUser] = field(default_factory=dict)
    is_away: bool = False
    questions: int = 0

    def add(self, user_id: str, *, groups: Sequence[str] = (), email: str | None = None) -> None:
        email = f"{user_id}@example.com" if email is None else email
        self.users[user_id] = HostUser(
            id=user_id, name=user_id.title(), email=email, groups=tuple(groups)
        )

    def find(self, user_id: str) -> HostUser | None:
        self._ask()
        return self.users.get(user_id)

    def find_by_email(self, email: str) -> HostUser | None:
        self._ask()
        return next((user for user in self.users.values() if user.email == email), None)

    def known(self, user_ids: Sequence[str]) -> dict[str, HostUser]:
        self._ask()
        return {user_id: self.users[user_id] for user_id in user_ids if user_id in self.users}

    def search(self, text: str, limit: int) -> Sequence[HostUser]:
        self._ask()
        wanted = text.lower()
        found = [
            user
            for user in self.users.values()
            if wanted in user.name.lower() or wanted in user.email.lower()
        ]
        return found[:limit]

    def page(self, text: str, offset: int, limit: int) -> tuple[Sequence[HostUser], int]:
        found = self.search(text, len(self.users))
        return found[offset : offset + limit], len(found)

    def _ask(self) -> None:
        self.questions += 1
        if self.is_away:
            raise StorageUnavailable("the host does not answer")


@dataclass
class Office:
    """``acme`` and ``zeta`` are organizations' ids; everybody of ``PEOPLE`` is in the host."""

    db: Database
    clock: Clock
    people: People
    organizations: OrganizationRows
    store: MemberRows
    audit: Audit
    acme: str
    zeta: str
    default_id: str | None
    changes: list[str] = field(default_factory=list)
    rules: list[AssignmentRule] = field(default_factory=list)

    @property
    def members(self) -> Members:
        return Members(**self._parts(), on_change=lambda: self.changes.append("changed"))

    @property
    def newcomers(self) -> Newcomers:
        return Newcomers(**self._parts(), rules=lambda: self.rules)

    def _parts(self) -> dict[str, Any]:
        return {
            "store": self.store,
            "organizations": self.organizations,
            "users": self.people,
            "audit": self.audit,
            "unit_of_work": lambda: transaction(self.db),
            "clock": self.clock,
            "default_id": self.default_id,
        }

    def pass_time(self, ms: int) -> int:
        self.clock.at_ms += ms
        return self.clock.at_ms

    def deactivate(self, organization_id: str) -> None:
        self.organizations.change(
            organization_id, {"status": "deactivated"}, version=1, now_ms=NOW_MS
        )

    def stretches(self, user_id: str) -> list[tuple[str, int, int | None]]:
        """Organization, begin and end of each stretch, in days from ``NOW_MS`` on."""
        return [_days(member) for member in self.store.history(user_id)]

    def trail(self) -> list[AuditRecord]:
        """Oldest first."""
        return list(self.audit.page(AuditFilter(), offset=0, limit=1000)[0])[::-1]

    def actions(self) -> list[str]:
        return [record.action for record in self.trail()]

    def rows(self) -> int:
        with session(self.db):
            return int(UserClientMapping.select().bind(self.db).count())


@contextmanager
def open_office(url: str, *, default: bool = True) -> Iterator[Office]:
    db = open_database(url, owned=True)
    Migrator(db, version="0.1.0").up()
    clock, people = Clock(), People()
    for user_id in PEOPLE:
        people.add(user_id)
    organizations = OrganizationRows(db)
    price: dict[str, Any] = {
        "time_zone": "UTC",
        "rate_micro": 1_300_000,
        "billing_currency": "USD",
        "now_ms": NOW_MS,
    }
    default_id = organizations.ensure_builtin(default_name="Default" if default else None, **price)
    yield Office(
        db=db,
        clock=clock,
        people=people,
        organizations=organizations,
        store=MemberRows(db),
        audit=Audit(AuditRows(db), clock=clock),
        acme=organizations.create(name="Acme", **price).id,
        zeta=organizations.create(name="Zeta", **price).id,
        default_id=default_id,
    )
    close_database(db)


def _days(member: Member) -> tuple[str, int, int | None]:
    begins, ends = member.valid_from_ms, member.valid_to_ms
    return (
        member.organization_id,
        round((begins - NOW_MS) / DAY_MS),
        None if ends is None else round((ends - NOW_MS) / DAY_MS),
    )

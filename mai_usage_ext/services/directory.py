"""Who is calling: the user's organization, and the price in force for it."""

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from mai_usage_ext.errors import NoOrganization
from mai_usage_ext.ports import (
    UNASSIGNED,
    Clock,
    Membership,
    Organization,
    OrganizationStore,
    Role,
)

__all__ = ["Directory", "Placement"]

# A change of membership or price may take this long to reach a process that is not told of it.
TTL_S = 3.0
MAX_CACHED = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A user's place. ``is_assigned`` is false where no organization claims the user.

    ``openrouter_user_id`` is what OpenRouter is told of the user; ``has_limit`` says that the user
    has a monthly limit of their own.
    """

    organization: Organization
    user_id: str | None
    role: Role
    is_assigned: bool
    openrouter_user_id: str | None = None
    has_limit: bool = False

    @property
    def blocks_on_meter_failure(self) -> bool:
        """Who has a limit may not spend unchecked, unless the organization says so."""
        if self.organization.on_meter_failure is None and self.has_limit:
            return True
        return self.organization.blocks_on_meter_failure


class Newcomers(Protocol):
    """Finds a place for a user whom nobody has put anywhere, and names users to OpenRouter."""

    def place(self, user_id: str) -> Membership | None: ...


class Directory:
    """Answers from memory for a few seconds, so that a chat costs one look, not three queries."""

    def __init__(
        self,
        organizations: OrganizationStore,
        *,
        newcomers: Newcomers,
        default_id: str | None,
        clock: Clock,
    ) -> None:
        self._organizations = organizations
        self._newcomers = newcomers
        self._default_id = default_id
        self._clock = clock
        self._known: dict[str | None, tuple[float, Placement]] = {}
        self._lock = threading.Lock()
        # Grows with every change, so that what was read before one is not remembered after it.
        self._epoch = 0

    def cached(self, user_id: str | None) -> Placement | None:
        """The placement if it is in memory and fresh; never waits for the database."""
        entry = self._known.get(user_id)
        if entry is None or entry[0] < time.monotonic():
            return None
        return entry[1]

    def stale(self, user_id: str | None) -> Placement | None:
        """What was known last, however old: better than nothing while the database is away."""
        entry = self._known.get(user_id)
        return entry[1] if entry else None

    def place(self, user_id: str | None) -> Placement:
        """The user's organization now. Reads the database when memory has no fresh answer."""
        known, epoch = self.cached(user_id), self._epoch
        return known if known is not None else self._remember(user_id, self._read(user_id), epoch)

    def for_now(self, user_id: str | None) -> Placement:
        """Where the user is as far as can be told without writing anything: a newcomer who could
        not be given a place counts for the default organization until the next call."""
        now_ms, epoch = self._clock.now_ms(), self._epoch
        known = None if user_id is None else self._organizations.membership(user_id, at_ms=now_ms)
        if known is None and user_id is not None and self._default_id is not None:
            known = Membership(organization_id=self._default_id, user_id=user_id, role=Role.MEMBER)
        return self._remember(user_id, self._placement(user_id, known, now_ms), epoch)

    def organization_of(self, user_id: str) -> Placement:
        """For pages: as ``place``, but raises ``NoOrganization`` for an unassigned user."""
        placement = self.place(user_id)
        if not placement.is_assigned:
            raise NoOrganization(
                "You do not belong to an organization yet. Ask your administrator to add you: "
                f"under Organizations, or by POST user-mappings with your user id {user_id}."
            )
        return placement

    def forget(self) -> None:
        """Drop what is remembered, after a change that this process knows of."""
        with self._lock:
            self._epoch += 1
            self._known.clear()

    def _remember(self, user_id: str | None, placement: Placement, epoch: int) -> Placement:
        with self._lock:
            if epoch != self._epoch:
                return placement
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            self._known[user_id] = (time.monotonic() + TTL_S, placement)
        return placement

    def _read(self, user_id: str | None) -> Placement:
        now_ms = self._clock.now_ms()
        membership = None if user_id is None else self._membership(user_id, now_ms)
        return self._placement(user_id, membership, now_ms)

    def _placement(
        self, user_id: str | None, membership: Membership | None, now_ms: int
    ) -> Placement:
        organization_id = UNASSIGNED if membership is None else membership.organization_id
        organization = self._organizations.get(organization_id, at_ms=now_ms)
        if organization is None:
            raise NoOrganization(f"the organization {organization_id!r} does not exist")
        return Placement(
            organization=organization,
            user_id=user_id,
            role=Role.MEMBER if membership is None else membership.role,
            is_assigned=organization_id != UNASSIGNED,
            openrouter_user_id=None if membership is None else membership.openrouter_user_id,
            has_limit=membership is not None and membership.monthly_limit_pusd is not None,
        )

    def _membership(self, user_id: str, now_ms: int) -> Membership | None:
        known = self._organizations.membership(user_id, at_ms=now_ms)
        # One from before there were such ids gets theirs now.
        if known is not None and known.openrouter_user_id is not None:
            return known
        return self._newcomers.place(user_id)

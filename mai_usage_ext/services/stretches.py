"""The rules of a member's history, without a database: what is, plus what is wanted, is one step.

A history is a row of stretches that never overlap. At most one has not begun yet: the planned one.
A stretch that has begun is ended, never moved, so what was booked stays where it was booked.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import Member, MemberStore, Role
from mai_usage_ext.services.member_fields import UNSET, Unset, utc_text

__all__ = [
    "Status",
    "Step",
    "Timeline",
    "Wish",
    "carry_out",
    "new_openrouter_user_id",
    "next_step",
    "shown",
]


class Status(StrEnum):
    """What a step does to a user."""

    CREATED = "created"
    MOVED = "moved"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


# The clocks of several machines differ by less: what begins so soon has begun already.
_SKEW_MS = 1_000

_ACTIONS = {
    Status.CREATED: "member.assigned",
    Status.MOVED: "member.moved",
    Status.CHANGED: "member.changed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted for one user; what is ``None`` (or ``UNSET``) stays as it is.

    ``effective_from_ms`` lies in the future; ``None`` is at once.
    """

    organization_id: str | None = None
    role: Role | None = None
    monthly_limit_pusd: int | Unset | None = UNSET
    openrouter_user_id: str | None = None
    effective_from_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A history as seen at an instant."""

    now_ms: int
    present: Member | None
    planned: Member | None
    history: Sequence[Member]

    @classmethod
    def of(cls, history: Sequence[Member], *, now_ms: int) -> Self:
        """``history`` is sorted, oldest first."""
        present = planned = None
        for member in history:
            if member.valid_from_ms > now_ms + _SKEW_MS:
                planned = member
            elif member.valid_to_ms is None or member.valid_to_ms > now_ms:
                present = member
        return cls(now_ms=now_ms, present=present, planned=planned, history=history)

    @property
    def openrouter_user_id(self) -> str | None:
        """The one that the user had last, in whichever organization."""
        known = [member.openrouter_user_id for member in self.history]
        return next((known_id for known_id in reversed(known) if known_id is not None), None)

    def free_instant(self, at_ms: int) -> int:
        """The first instant from ``at_ms`` on at which a stretch can begin: after the beginning of
        the present one, and not where one has begun already."""
        if self.present is not None:
            at_ms = max(at_ms, self.present.valid_from_ms + 1)
        taken = {member.valid_from_ms for member in self.history}
        while at_ms in taken:
            at_ms += 1
        return at_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of a history: ``member`` is the stretch that comes out of it.

    ``ends`` is ended where ``member`` begins; ``edits`` change stretches in place.
    """

    status: Status
    member: Member
    ends: Member | None = None
    edits: Sequence[tuple[Member, Mapping[str, Any]]] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    @property
    def action(self) -> str | None:
        """Its name in the audit trail; ``None`` where there is nothing to tell."""
        return _ACTIONS.get(self.status)

    @property
    def adds(self) -> bool:
        return self.status in (Status.CREATED, Status.MOVED)


def carry_out(steps: Sequence[Step], store: MemberStore) -> None:
    """Write steps of different users, in the caller's unit of work."""
    store.end_many([(step.ends, step.member.valid_from_ms) for step in steps if step.ends])
    for step in steps:
        for member, changes in step.edits:
            store.change(member, changes)
    store.add_many([step.member for step in steps if step.adds])


def new_openrouter_user_id() -> str:
    """Random, so that nothing about the user can be read out of it."""
    return f"u_{secrets.token_hex(16)}"


def next_step(user_id: str, wish: Wish, *, history: Sequence[Member], now_ms: int) -> Step:
    """What has to be done so that ``wish`` holds.

    Raises ``BadInput`` or ``Conflict`` naming the field, ``NotFound`` where there is nothing to
    change. With ``UNCHANGED`` the user has all of it already.
    """
    line = Timeline.of(history, now_ms=now_ms)
    present = line.present
    if present is not None and wish.organization_id in (None, present.organization_id):
        return _change(line, present, wish)
    if wish.organization_id is None:
        raise NotFound(f"the user {user_id!r} belongs to no organization")
    return _move(user_id, wish.organization_id, wish, line)


def shown(member: Member) -> dict[str, Any]:
    """A stretch as the audit trail shows it."""
    limit = member.monthly_limit_pusd
    return {
        "client_org_id": member.organization_id,
        "role": member.role.value,
        "monthly_limit": None if limit is None else usd_from_pusd(limit),
        "openrouter_user_id": member.openrouter_user_id,
        "effective_from": utc_text(member.valid_from_ms),
    }


def _change(line: Timeline, present: Member, wish: Wish) -> Step:
    changes = _differences(present, wish)
    planned = line.planned
    if wish.effective_from_ms is not None:
        if wish.organization_id is None:
            expected = "an instant only beside client_org_id, for a move to another organization"
            raise BadInput(
                "effective_from", got=utc_text(wish.effective_from_ms), expected=expected
            )
        if planned is not None and planned.valid_from_ms == wish.effective_from_ms:
            raise Conflict(
                "the user is to leave this organization at that very instant: a move in a circle",
                field="client_org_id",
            )
        if changes:
            expected = "no instant: what changes within one organization changes at once"
            raise BadInput(
                "effective_from", got=utc_text(wish.effective_from_ms), expected=expected
            )
    if not changes:
        return Step(status=Status.UNCHANGED, member=present)
    if present.openrouter_user_id is None and "openrouter_user_id" not in changes:
        changes["openrouter_user_id"] = line.openrouter_user_id or new_openrouter_user_id()
    edits = [(present, changes)]
    if planned is not None and "openrouter_user_id" in changes:
        edits.append((planned, {"openrouter_user_id": changes["openrouter_user_id"]}))
    changed = replace(present, **changes)
    before, after = shown(present), shown(changed)
    differing = [name for name, value in after.items() if before[name] != value]
    return Step(
        status=Status.CHANGED,
        member=changed,
        edits=edits,
        before={name: before[name] for name in differing},
        after={name: after[name] for name in differing},
    )


def _differences(present: Member, wish: Wish) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "role": wish.role,
        "openrouter_user_id": wish.openrouter_user_id,
    }
    changes = {name: value for name, value in wanted.items() if value is not None}
    if wish.monthly_limit_pusd is not UNSET:
        changes["monthly_limit_pusd"] = wish.monthly_limit_pusd
    return {name: value for name, value in changes.items() if getattr(present, name) != value}


def _move(user_id: str, organization_id: str, wish: Wish, line: Timeline) -> Step:
    if line.planned is not None:
        since = utc_text(line.planned.valid_from_ms)
        raise Conflict(
            f"overlapping mapping: a move to {line.planned.organization_id!r} is planned for"
            f" {since}; take it back first",
            field="effective_from",
        )
    limit = wish.monthly_limit_pusd
    member = Member(
        organization_id=organization_id,
        user_id=user_id,
        # Rights and allowances belong to an organization: nobody takes them into the next one.
        role=wish.role or Role.MEMBER,
        monthly_limit_pusd=None if isinstance(limit, Unset) else limit,
        openrouter_user_id=wish.openrouter_user_id
        or line.openrouter_user_id
        or new_openrouter_user_id(),
        # What was to come may have come while this waited for its turn.
        valid_from_ms=line.free_instant(max(wish.effective_from_ms or 0, line.now_ms)),
        valid_to_ms=None,
        source="admin",
        created_at_ms=line.now_ms,
    )
    return Step(
        status=Status.CREATED if line.present is None else Status.MOVED,
        member=member,
        ends=line.present,
        before=None if line.present is None else shown(line.present),
        after=shown(member),
    )

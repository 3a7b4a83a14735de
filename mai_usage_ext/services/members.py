"""Who belongs to which organization, and what may be changed about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.ports import (
    UNASSIGNED,
    Actor,
    Clock,
    HostUser,
    HostUsers,
    Member,
    MemberStore,
    OrganizationStore,
    Role,
    UnitOfWork,
)
from mai_usage_ext.services import member_fields as fields
from mai_usage_ext.services.assignments import Assignments, BulkResult, Row
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.candidates import Candidates
from mai_usage_ext.services.departures import Departures
from mai_usage_ext.services.destinations import Destinations
from mai_usage_ext.services.member_fields import UNSET
from mai_usage_ext.services.stretches import Timeline, Wish, carry_out, next_step, shown

__all__ = ["MemberView", "Members"]

_CHANGEABLE = ("client_org_id", "role", "monthly_limit", "effective_from", "openrouter_user_id")
# So many of the host's users are looked through for a name or an e-mail.
_MOST_FOUND = 1_000
_LONGEST_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A stretch and the person in it. ``history`` is there where one user was asked for.

    ``member`` is the present stretch; where there is none, the planned or else the last one.
    ``is_deleted`` says that the host does not know the user any more.
    """

    member: Member
    name: str
    email: str
    is_deleted: bool
    history: Sequence[Member] = ()


class Members:
    """Asked from worker threads. Raises ``StorageUnavailable`` when host or database are away.

    ``default_id`` is where whoever is unmapped goes; ``None`` leaves them to nobody.
    ``on_change`` is called after every change that was committed. ``candidates`` are those whom an
    admin may choose from.
    """

    def __init__(
        self,
        *,
        store: MemberStore,
        organizations: OrganizationStore,
        users: HostUsers,
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
        default_id: str | None,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._users = users
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._default_id = default_id
        self._on_change = on_change or _nothing
        self.candidates = Candidates(store, organizations, users, clock=clock)
        self._destinations = Destinations(organizations, clock=clock)
        self._assignments = Assignments(
            store=store,
            destinations=self._destinations,
            users=users,
            audit=audit,
            unit_of_work=unit_of_work,
            clock=clock,
        )
        self._departures = Departures(
            store=store, users=users, audit=audit, unit_of_work=unit_of_work, clock=clock
        )

    def assign(
        self,
        user_id: str,
        organization_id: str,
        *,
        role: str | None = None,
        monthly_limit: object = UNSET,
        openrouter_user_id: str | None = None,
        effective_from_ms: int | None = None,
        actor: Actor,
    ) -> Member:
        """Put a user into an organization, or move them there, now or from an instant on.

        A move brings no role and no limit along; the OpenRouter user id stays. Within one
        organization what is given is changed in place, at once. Raises ``BadInput`` and
        ``Conflict`` naming the field.
        """
        changes: dict[str, object] = {"client_org_id": organization_id}
        if role is not None:
            changes["role"] = role
        if monthly_limit is not UNSET:
            changes["monthly_limit"] = monthly_limit
        if openrouter_user_id is not None:
            changes["openrouter_user_id"] = openrouter_user_id
        if effective_from_ms is not None:
            changes["effective_from"] = effective_from_ms
        return self.change(user_id, changes, actor=actor)

    def change(self, user_id: str, changes: Mapping[str, object], *, actor: Actor) -> Member:
        """Change what is named: ``role``, ``monthly_limit`` (USD, ``None`` is no limit),
        ``openrouter_user_id``, ``client_org_id`` with an ``effective_from`` if it is to be later.

        ``effective_from`` is UTC milliseconds, an aware ``datetime`` or RFC 3339 text. Raises as
        ``assign``, and ``NotFound`` when the user belongs nowhere.
        """
        wish = self._wish(changes)
        _user_id(user_id)
        if wish.organization_id is not None and user_id not in self._users.known([user_id]):
            raise BadInput("user_id", got=user_id, expected="a user that the host knows")
        with self._unit_of_work():
            self._store.lock()
            step = next_step(
                user_id,
                wish,
                history=self._store.history(user_id),
                now_ms=self._clock.now_ms(),
            )
            if step.action is None:
                if wish.organization_id is not None:
                    raise Conflict(
                        "the user is in this organization already: a move in a circle",
                        field="client_org_id",
                    )
                return step.member
            self._check_is_free(wish.openrouter_user_id, user_id)
            carry_out([step], self._store)
            self._record(actor, step.action, user_id, step.before, step.after)
        self._on_change()
        return step.member

    def remove(self, user_id: str, *, actor: Actor) -> Member | None:
        """Back to the default organization; ``None`` where there is none.

        A planned move is taken back too. The new stretch has the source ``unmapped``, in
        ``unassigned`` where there is no default organization, so that no assignment rule catches
        the user again. Raises ``NotFound`` when the user belongs nowhere.
        """
        _user_id(user_id)
        target = self._default_id or UNASSIGNED
        with self._unit_of_work():
            self._store.lock()
            line = self._line(user_id)
            last = line.present or line.planned
            if last is None:
                raise NotFound(f"the user {user_id!r} belongs to no organization")
            member = self._unmap(line, target)
            if member is not line.present or line.planned is not None:
                self._record(
                    actor, "member.removed", user_id, shown(last), {"client_org_id": target}
                )
        self._on_change()
        return None if target == UNASSIGNED else member

    def cancel_planned(self, user_id: str, *, actor: Actor) -> Member | None:
        """Take back a planned move; return the present stretch, which goes on without an end.

        Raises ``NotFound`` when no move is planned.
        """
        _user_id(user_id)
        with self._unit_of_work():
            self._store.lock()
            line = self._line(user_id)
            if line.planned is None:
                raise NotFound(f"no move is planned for the user {user_id!r}")
            self._store.remove(line.planned)
            present = line.present
            if present is not None:
                self._store.reopen(present)
                present = replace(present, valid_to_ms=None)
            before = {"planned": shown(line.planned)}
            self._record(actor, "member.changed", user_id, before, {"planned": None})
        self._on_change()
        return present

    def get(self, user_id: str) -> MemberView:
        """A user with their whole history, oldest stretch first. Raises ``NotFound``."""
        _user_id(user_id)
        history = self._store.history(user_id)
        if not history:
            raise NotFound(f"the user {user_id!r} belongs to no organization")
        line = Timeline.of(history, now_ms=self._clock.now_ms())
        member = line.present or line.planned or history[-1]
        [view] = self._views([member])
        return replace(view, history=history)

    def page(
        self,
        *,
        organization_id: str | None = None,
        role: str | None = None,
        search: str = "",
        offset: int = 0,
        limit: int = 50,
    ) -> tuple[Sequence[MemberView], int]:
        """Present members by user id, and how many there are in all.

        ``search`` looks into user ids, names and e-mails, upper and lower case alike.
        """
        _check_page(offset, limit)
        for name, value in (("search", search), ("client_org_id", organization_id or "")):
            if not value.isprintable():
                raise BadInput(name, got=value, expected="printable characters")
        text = search.strip()
        found = self._users.search(text, _MOST_FOUND) if text else ()
        members, total = self._store.page(
            organization_id=organization_id,
            role=None if role is None else fields.role(role),
            search=[user.id for user in found] if text else None,
            text=text,
            at_ms=self._clock.now_ms(),
            offset=offset,
            limit=limit,
        )
        return self._views(members), total

    def assign_many(
        self, rows: Sequence[Row] | str, *, dry_run: bool, partial: bool = False, actor: Actor
    ) -> BulkResult:
        """Assign from a list or from CSV text; see ``Assignments.run``."""
        result = self._assignments.run(rows, dry_run=dry_run, partial=partial, actor=actor)
        if result.is_written:
            self._on_change()
        return result

    def forget_deleted(self) -> int:
        """Put pseudonyms in the place of users that the host has deleted; return how many."""
        forgotten = self._departures.forget_deleted()
        if forgotten:
            self._on_change()
        return forgotten

    def user_deleted(self, user_id: str) -> None:
        """The host has just deleted this user."""
        if self._departures.forget(user_id):
            self._on_change()

    def _wish(self, changes: Mapping[str, object]) -> Wish:
        for name in changes:
            if name not in _CHANGEABLE:
                expected = f"only {', '.join(_CHANGEABLE)}"
                raise BadInput(str(name)[:80], got=changes[name], expected=expected)
        said: dict[str, object] = {}
        if "client_org_id" in changes:
            said["organization_id"] = self._destinations.check(changes["client_org_id"])
        if "role" in changes:
            said["role"] = fields.role(changes["role"])
        if "monthly_limit" in changes:
            said["monthly_limit_pusd"] = fields.monthly_limit_pusd(changes["monthly_limit"])
        if "openrouter_user_id" in changes:
            given = changes["openrouter_user_id"]
            said["openrouter_user_id"] = fields.openrouter_user_id(given)
        said["effective_from_ms"] = fields.start_ms(
            changes.get("effective_from"), now_ms=self._clock.now_ms()
        )
        return Wish(**said)  # type: ignore[arg-type]

    def _check_is_free(self, openrouter_user_id: str | None, user_id: str) -> None:
        if openrouter_user_id is None:
            return
        if self._store.holder_of(openrouter_user_id) not in (None, user_id):
            raise Conflict(
                f"the OpenRouter user id {openrouter_user_id!r} is another user's",
                field="openrouter_user_id",
            )

    def _unmap(self, line: Timeline, target: str) -> Member:
        """The stretch in ``target``; the present one where that is where the user is."""
        present = line.present
        if line.planned is not None:
            self._store.remove(line.planned)
        if present is not None and present.organization_id == target:
            if line.planned is not None:
                self._store.reopen(present)
            return present
        member = Member(
            organization_id=target,
            user_id=line.history[0].user_id,
            role=Role.MEMBER,
            openrouter_user_id=line.openrouter_user_id,
            valid_from_ms=line.free_instant(line.now_ms),
            valid_to_ms=None,
            source="unmapped",
            created_at_ms=line.now_ms,
        )
        if present is not None:
            self._store.end(present, at_ms=member.valid_from_ms)
        self._store.add(member)
        return member

    def _line(self, user_id: str) -> Timeline:
        return Timeline.of(self._store.history(user_id), now_ms=self._clock.now_ms())

    def _record(
        self,
        actor: Actor,
        action: str,
        user_id: str,
        before: Mapping[str, object] | None,
        after: Mapping[str, object] | None,
    ) -> None:
        self._audit.record(
            actor=actor,
            action=action,
            target_kind="user",
            target_id=user_id,
            before=before,
            after=after,
        )

    def _views(self, members: Sequence[Member]) -> list[MemberView]:
        known = self._users.known([member.user_id for member in members]) if members else {}
        return [_view(member, known.get(member.user_id)) for member in members]


def _view(member: Member, user: HostUser | None) -> MemberView:
    return MemberView(
        member=member,
        name="" if user is None else user.name,
        email="" if user is None else user.email,
        is_deleted=user is None,
    )


def _user_id(value: object) -> str:
    return fields.name_of(value, field="user_id", expected="a user that the host knows")


def _check_page(offset: int, limit: int) -> None:
    if not 0 <= offset < 2**63:
        raise BadInput("offset", got=offset, expected="a whole number that is not negative")
    if not 1 <= limit <= _LONGEST_PAGE:
        raise BadInput("limit", got=limit, expected=f"a whole number from 1 to {_LONGEST_PAGE}")


def _nothing() -> None:
    """Where nobody remembers anything, nothing has to be forgotten."""

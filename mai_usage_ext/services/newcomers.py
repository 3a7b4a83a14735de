"""Users whom nobody has mapped: their first call puts them where the rules say."""

from collections.abc import Callable, Sequence

from mai_usage_ext.errors import BadInput, Conflict, StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import (
    SYSTEM,
    AssignmentRule,
    Clock,
    HostUser,
    HostUsers,
    Member,
    Membership,
    MemberStore,
    OrganizationStore,
    Role,
    UnitOfWork,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.destinations import Destinations
from mai_usage_ext.services.stretches import Timeline, new_openrouter_user_id, shown

__all__ = ["Newcomers", "fits"]

_SUBDOMAINS = "*."


def fits(rule: AssignmentRule, user: HostUser) -> bool:
    """Whether a rule is about this user.

    A domain is the whole of what follows the ``@``, upper and lower case alike; ``*.acme.com`` is
    every domain below ``acme.com``, not that one itself. A group is the name or the id.
    """
    if rule.kind == "group":
        return rule.value in user.groups
    if rule.kind != "email_domain":
        return False
    domain, wanted = user.email.rpartition("@")[2].casefold(), rule.value.casefold()
    if not domain:
        return False
    if wanted.startswith(_SUBDOMAINS):
        return domain.endswith(wanted[1:])
    return domain == wanted


class Newcomers:
    """Asked from worker threads. ``rules`` are read anew for every newcomer; without any, the host
    is not asked. ``default_id`` is where those go whom no rule is about.
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
        rules: Callable[[], Sequence[AssignmentRule]],
        default_id: str | None,
    ) -> None:
        self._store = store
        self._organizations = organizations
        self._users = users
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._rules = rules
        self._default_id = default_id
        self._destinations = Destinations(organizations, clock=clock)

    def place(self, user_id: str) -> Membership | None:
        """Where the user belongs, from now on if nobody has said so before.

        ``None`` where no rule fits and there is no default organization. Safe when several
        threads and processes place one user at once. While the host does not answer, everybody is
        in the default organization for the time being, and nothing is written.
        """
        present = self._store.current(user_id, at_ms=self._clock.now_ms())
        if present is not None and present.openrouter_user_id is not None:
            return present
        if present is not None:
            return self._with_openrouter_user_id(user_id)
        rules = self._rules()
        user = None
        if rules:
            try:
                user = self._users.find(user_id)
            except StorageUnavailable as error:
                tally.warn("newcomers not looked up", f"the host does not answer: {error}")
            if user is None:
                return self._for_the_time_being(user_id)
        return self._settle_in(user_id, *self._destination(rules, user))

    def _destination(
        self, rules: Sequence[AssignmentRule], user: HostUser | None
    ) -> tuple[str | None, Role, str]:
        """Organization, role and source."""
        for rule in rules:
            if user is None or not fits(rule, user):
                continue
            try:
                return self._destinations.check(rule.organization_id), _role(rule), "rule"
            except BadInput as error:
                tally.warn("assignment rules skipped", f"a rule cannot be followed: {error}")
        return self._default(), Role.MEMBER, "default"

    def _default(self) -> str | None:
        if self._default_id is None:
            return None
        if self._organizations.get(self._default_id, at_ms=self._clock.now_ms()) is None:
            tally.warn("no default organization", f"{self._default_id!r} does not exist")
            return None
        return self._default_id

    def _for_the_time_being(self, user_id: str) -> Membership | None:
        organization_id = self._default()
        if organization_id is None:
            return None
        return Membership(organization_id=organization_id, user_id=user_id, role=Role.MEMBER)

    def _settle_in(
        self, user_id: str, organization_id: str | None, role: Role, source: str
    ) -> Membership | None:
        if organization_id is None:
            return None
        try:
            with self._unit_of_work():
                self._store.lock()
                line = self._line(user_id)
                if line.present is not None:
                    return line.present
                member = Member(
                    organization_id=organization_id,
                    user_id=user_id,
                    role=role,
                    openrouter_user_id=line.openrouter_user_id or new_openrouter_user_id(),
                    valid_from_ms=line.free_instant(line.now_ms),
                    # A first assignment may be planned for later; until then they are here.
                    valid_to_ms=None if line.planned is None else line.planned.valid_from_ms,
                    source=source,
                    created_at_ms=line.now_ms,
                )
                self._store.add(member)
                self._record(user_id, member)
                return member
        except Conflict:
            # Somebody was faster.
            return self._store.current(user_id, at_ms=self._clock.now_ms())

    def _with_openrouter_user_id(self, user_id: str) -> Membership | None:
        """Mappings from before there were such ids get theirs at the next call."""
        with self._unit_of_work():
            self._store.lock()
            line = self._line(user_id)
            present = line.present
            if present is not None and present.openrouter_user_id is None:
                given = line.openrouter_user_id or new_openrouter_user_id()
                self._store.change(present, {"openrouter_user_id": given})
                return self._store.current(user_id, at_ms=line.now_ms)
            return present

    def _line(self, user_id: str) -> Timeline:
        return Timeline.of(self._store.history(user_id), now_ms=self._clock.now_ms())

    def _record(self, user_id: str, member: Member) -> None:
        self._audit.record(
            actor=SYSTEM,
            action="member.provisioned",
            target_kind="user",
            target_id=user_id,
            after={**shown(member), "source": member.source},
        )


def _role(rule: AssignmentRule) -> Role:
    return Role.MANAGER if rule.role == Role.MANAGER.value else Role.MEMBER

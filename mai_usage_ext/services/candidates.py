"""Users of the host who could be put into an organization, and where each of them is now."""

from collections.abc import Sequence
from dataclasses import dataclass

from mai_usage_ext.errors import BadInput
from mai_usage_ext.ports import (
    Clock,
    HostUser,
    HostUsers,
    Member,
    MemberStore,
    OrganizationQuery,
    OrganizationStore,
)
from mai_usage_ext.services.stretches import Timeline

__all__ = ["Candidate", "Candidates"]

# Where nobody has decided anything, the default holds.
_BY_DEFAULT = ("default", "unmapped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """``member`` is the present stretch, ``None`` for whoever belongs nowhere yet."""

    user: HostUser
    member: Member | None
    organization_name: str | None

    @property
    def is_assigned(self) -> bool:
        """Somebody has put them there: an admin, a rule or an import."""
        return self.member is not None and self.member.source not in _BY_DEFAULT


class Candidates:
    """Asked from worker threads. Raises ``StorageUnavailable`` when host or database are away."""

    def __init__(
        self,
        store: MemberStore,
        organizations: OrganizationStore,
        users: HostUsers,
        *,
        clock: Clock,
    ) -> None:
        self._store = store
        self._organizations = organizations
        self._users = users
        self._clock = clock

    def page(self, search: str, *, offset: int, limit: int) -> tuple[Sequence[Candidate], int]:
        """The host's users by e-mail, and how many there are in all.

        ``search`` looks into names and e-mails; without one it is everybody. Raises ``BadInput``.
        """
        if not search.isprintable():
            raise BadInput("search", got=search, expected="printable characters")
        users, total = self._users.page(search.strip(), offset, limit)
        now_ms = self._clock.now_ms()
        histories = self._store.histories([user.id for user in users])
        members = {
            user_id: Timeline.of(history, now_ms=now_ms).present
            for user_id, history in histories.items()
        }
        names = self._names([one.organization_id for one in members.values() if one], now_ms)
        found = []
        for user in users:
            member = members.get(user.id)
            name = None if member is None else names.get(member.organization_id)
            found.append(Candidate(user=user, member=member, organization_name=name))
        return found, total

    def _names(self, organization_ids: Sequence[str], now_ms: int) -> dict[str, str]:
        ids = sorted(set(organization_ids))
        if not ids:
            return {}
        query = OrganizationQuery(ids=ids, limit=len(ids))
        records, _ = self._organizations.records(query, at_ms=now_ms)
        return {record.id: record.name for record in records}

"""Names in the place of user ids."""

from collections.abc import Iterable
from dataclasses import dataclass

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import HostUsers, MemberStore

__all__ = ["DELETED", "NOBODY", "OpenRouterNames", "People", "Person"]

DELETED = "deleted user"
NOBODY = "unknown user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """``name`` is never empty; ``email`` is where the host has none."""

    id: str
    name: str
    email: str = ""


class People:
    def __init__(self, users: HostUsers) -> None:
        self._users = users

    def of(self, user_ids: Iterable[str]) -> dict[str, Person]:
        """A person for each id.

        Without an answer from the host, ids have to do as names: a report is not about them.
        """
        asked = sorted({one for one in user_ids if one})
        try:
            known = self._users.known(asked) if asked else {}
        except StorageUnavailable as error:
            tally.warn("reports without names", f"reading the names of users failed: {error}")
            return _nobody() | {one: Person(id=one, name=one) for one in asked}
        found = {
            one: Person(id=one, name=known[one].name or one, email=known[one].email)
            if one in known
            else Person(id=one, name=DELETED)
            for one in asked
        }
        return _nobody() | found


class OpenRouterNames:
    """What OpenRouter is told of users."""

    def __init__(self, members: MemberStore) -> None:
        self._members = members

    def of(self, user_ids: Iterable[str], organization_id: str) -> dict[str, str]:
        """Of those who are or were members of the organization, what it was told last."""
        histories = self._members.histories(sorted({one for one in user_ids if one}))
        return {
            user_id: one.openrouter_user_id
            for user_id, stretches in histories.items()
            for one in stretches
            if one.organization_id == organization_id and one.openrouter_user_id is not None
        }


def _nobody() -> dict[str, Person]:
    return {"": Person(id="", name=NOBODY)}

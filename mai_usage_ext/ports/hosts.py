"""The people the host knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["AnybodyIsKnown", "HostUser", "HostUsers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUser:
    """A user of the host. ``groups`` are names and ids of the host's groups alike."""

    id: str
    name: str
    email: str
    groups: Sequence[str] = ()


class HostUsers(Protocol):
    """Asked from worker threads, never from the event loop: each method may wait for the host.

    Raises ``StorageUnavailable`` when the host does not answer.
    """

    def find(self, user_id: str) -> HostUser | None:
        """The user with their groups, ``None`` where the host has none of that id."""
        ...

    def find_by_email(self, email: str) -> HostUser | None: ...

    def known(self, user_ids: Sequence[str]) -> dict[str, HostUser]:
        """Those of ``user_ids`` that exist, without their groups."""
        ...

    def search(self, text: str, limit: int) -> Sequence[HostUser]:
        """Users whose name or e-mail contains ``text``, at most ``limit``, without groups."""
        ...

    def page(self, text: str, offset: int, limit: int) -> tuple[Sequence[HostUser], int]:
        """Users by e-mail, those that ``search`` finds or with ``""`` all of them, and how many
        there are; of those that a text finds, the first thousand count."""
        ...


class AnybodyIsKnown:
    """Outside of a host there is nobody to ask: every id is a user without name and e-mail."""

    def find(self, user_id: str) -> HostUser | None:
        return HostUser(id=user_id, name="", email="")

    def find_by_email(self, email: str) -> HostUser | None:
        return None

    def known(self, user_ids: Sequence[str]) -> dict[str, HostUser]:
        return {user_id: HostUser(id=user_id, name="", email="") for user_id in user_ids}

    def search(self, text: str, limit: int) -> Sequence[HostUser]:
        return ()

    def page(self, text: str, offset: int, limit: int) -> tuple[Sequence[HostUser], int]:
        return (), 0

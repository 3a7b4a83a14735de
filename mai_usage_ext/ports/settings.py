"""Settings that the database holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["AssignmentRule", "SettingStore", "StoredSetting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRule:
    """Where a user goes whom nobody has mapped. ``kind`` is ``email_domain`` or ``group`` (the
    host's group, by name or id); the first rule of the list that fits decides."""

    kind: str
    value: str
    organization_id: str
    role: str = "member"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSetting:
    """``value`` as JSON has it; a secret's is what it was sealed to."""

    name: str
    value: Any
    updated_at_ms: int
    updated_by: str


class SettingStore(Protocol):
    def all(self) -> Mapping[str, StoredSetting]: ...

    def put(self, name: str, value: Any, *, now_ms: int, by: str) -> None: ...

    def remove(self, name: str) -> None:
        """Let the environment or the default hold again."""
        ...

    def lock(self) -> None:
        """Let nobody else change settings until the caller's transaction ends."""
        ...

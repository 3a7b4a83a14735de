"""The audit trail: who changed what, when, from where."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["SYSTEM", "Actor", "AuditFilter", "AuditRecord", "AuditTrail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts. ``kind`` is ``user`` (``id`` is the host's), ``cli`` or ``system`` (a job's name);
    ``address`` is the client's, ``""`` where there is none."""

    kind: str
    id: str
    address: str = ""


SYSTEM = Actor(kind="system", id="mai-usage")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One row of the trail. ``before`` and ``after`` hold only what changed, secrets masked."""

    seq: int
    at_ms: int
    actor: Actor
    action: str
    target_kind: str
    target_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """``None`` lets everything through; instants are UTC milliseconds, ``until_ms`` excluded."""

    actor_id: str | None = None
    action: str | None = None
    target_kind: str | None = None
    target_id: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None


class AuditTrail(Protocol):
    def append(
        self,
        *,
        at_ms: int,
        actor: Actor,
        action: str,
        target_kind: str,
        target_id: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> AuditRecord:
        """Add one record, in the caller's transaction: with the change or not at all."""
        ...

    def page(self, wanted: AuditFilter, *, offset: int, limit: int) -> Sequence[AuditRecord]:
        """Newest first."""
        ...

    def count(self, wanted: AuditFilter) -> int: ...

    def walk(self, *, after: int | None = None) -> Iterator[AuditRecord]:
        """All records, oldest first, as they are stored; those after a sequence number."""
        ...

    def head(self) -> tuple[int, str]:
        """Sequence number and hash of the last record; 0 and zeros when there is none."""
        ...

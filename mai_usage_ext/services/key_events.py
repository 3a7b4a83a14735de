"""What others hear of organizations' keys. No event holds a key."""

from mai_usage_ext.metering.days import rfc3339
from mai_usage_ext.ports import Clock, KeyFacts
from mai_usage_ext.ports.events import EventKind, EventStore

__all__ = ["KeyEvents"]

_LONGEST_HASH = 12


class KeyEvents:
    """Each method is called inside the transaction of the change."""

    def __init__(self, events: EventStore, *, clock: Clock) -> None:
        self._events = events
        self._clock = clock

    def made(self, facts: KeyFacts, *, key_hash: str, label: str | None, is_new: bool) -> None:
        """An organization has another key. ``is_new`` is false where it replaced a working one."""
        self._tell(
            EventKind.KEY_CREATED if is_new else EventKind.KEY_ROTATED,
            facts.organization_id,
            about=key_hash[:_LONGEST_HASH],
            key_hash=key_hash[:_LONGEST_HASH],
            key_label=label,
        )

    def disabled(self, facts: KeyFacts) -> None:
        self._tell(
            EventKind.KEY_DISABLED,
            facts.organization_id,
            key_hash=(facts.key.hash or "")[:_LONGEST_HASH],
            key_label=facts.key.label,
        )

    def trouble(self, organization_id: str, *, kind: str, problem: str) -> None:
        """Somebody has to do something: ``kind`` is that of a finding of the check."""
        self._tell(EventKind.KEY_TROUBLE, organization_id, trouble=kind, problem=problem)

    def _tell(
        self, kind: EventKind, organization_id: str, *, about: str = "", **more: str | None
    ) -> None:
        """What may happen to one key more than once is told apart by its instant."""
        now_ms = self._clock.now_ms()
        self._events.add(
            kind,
            subject=f"{organization_id}/{about or rfc3339(now_ms)}",
            at_ms=now_ms,
            data={"client_id": organization_id, **more},
            organization_id=organization_id,
        )

"""Where events are told to, and how each telling went. Instants are UTC milliseconds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from mai_usage_ext.ports.events import UsageEvent

__all__ = [
    "PING",
    "Answered",
    "Delivery",
    "DeliveryFilter",
    "DeliveryState",
    "DeliveryStore",
    "DueDelivery",
    "Endpoint",
    "EndpointStore",
    "Message",
    "Outcome",
    "UrlRules",
    "WebhookChannel",
]

PING = "webhook.ping"
"""The type of the event that a test sends; it stands in no outbox."""


class DeliveryState(StrEnum):
    """``WAITING`` for its first attempt · ``DELIVERED`` · ``FAILED`` and tried again later ·
    ``DEAD``: not tried any more."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A receiver. No ``kinds`` means every one, no ``organization_id`` every organization's.

    ``failing_since_ms`` is the first of an unbroken row of failures. ``paused_until_ms`` is when
    the receiver said to come again. None of the secrets is here.
    """

    id: str
    url: str
    description: str
    kinds: tuple[str, ...]
    organization_id: str | None
    disabled_at_ms: int | None
    disabled_reason: str
    previous_secret_until_ms: int | None
    failing_since_ms: int | None
    last_failure_ms: int | None
    last_success_ms: int | None
    paused_until_ms: int
    created_at_ms: int
    updated_at_ms: int

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at_ms is None

    def wants(self, event: UsageEvent) -> bool:
        """Whether the event is one of those it was made for, and not older than it is."""
        return (
            event.at_ms >= self.created_at_ms
            and (not self.kinds or event.kind.value in self.kinds)
            and self.organization_id in (None, event.organization_id)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent: ``body`` is the text that is signed, ``id`` what a receiver deduplicates by."""

    id: str
    kind: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one endpoint. ``attempts`` were begun; ``status``, ``answer`` (its beginning),
    ``problem`` and ``duration_ms`` are of the last. ``replay_of`` is the delivery it repeats."""

    id: int
    endpoint_id: str
    message: Message
    state: DeliveryState
    attempts: int
    next_attempt_ms: int | None
    last_attempt_ms: int | None
    status: int | None
    answer: str
    problem: str
    duration_ms: int | None
    replay_of: int | None
    created_at_ms: int
    finished_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery:
    """A delivery that this process alone may send until its claim runs out. ``secrets`` sign it,
    newest first; none of them means that none could be opened."""

    id: int
    claim: str
    endpoint_id: str
    url: str
    message: Message
    attempts: int
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of one attempt: a ``status``, or none and a ``problem`` that says why.

    ``retry_after_s`` is what the receiver asked for, ``answer`` the beginning of its body.
    """

    status: int | None
    duration_ms: int
    answer: str = ""
    problem: str = ""
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt means for its delivery; without ``next_attempt_ms`` it is finished."""

    state: DeliveryState
    answered: Answered
    at_ms: int
    next_attempt_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """``None`` leaves a field out of the question; ``until_ms`` is the first instant after."""

    state: DeliveryState | None = None
    kind: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None


class EndpointStore(Protocol):
    """Raises ``StorageUnavailable``; a secret is sealed on its way in, ``ConfigurationError``
    where there is no key to seal with."""

    def create(
        self, endpoint_id: str, columns: Mapping[str, Any], *, secret: str, now_ms: int
    ) -> None: ...

    def get(self, endpoint_id: str) -> Endpoint | None: ...

    def all(self) -> Sequence[Endpoint]:
        """In the order they were made."""
        ...

    def change(self, endpoint_id: str, columns: Mapping[str, Any], *, now_ms: int) -> bool: ...

    def disable(self, endpoint_id: str, *, reason: str, now_ms: int) -> bool:
        """False where it was not enabled."""
        ...

    def delete(self, endpoint_id: str) -> bool:
        """With its deliveries."""
        ...

    def rotate(self, endpoint_id: str, *, secret: str, until_ms: int, now_ms: int) -> bool:
        """Sign with another secret from now on, and with the present one too until then."""
        ...

    def note(self, endpoint_id: str, **columns: int | None) -> None:
        """How it does, which is no change of it."""
        ...


class DeliveryStore(Protocol):
    """Raises ``StorageUnavailable``."""

    def unspread(self, *, limit: int) -> Sequence[UsageEvent]:
        """Events that nobody has made deliveries of yet, oldest first."""
        ...

    def spread(
        self, event: UsageEvent, body: str, *, to: Collection[Endpoint], now_ms: int
    ) -> bool:
        """Make a delivery for each of these, unless somebody has done so for this event. One that
        is disabled gets a dead one, which can be replayed."""
        ...

    def claim(self, *, now_ms: int, until_ms: int, per_endpoint: int) -> Sequence[DueDelivery]:
        """Take what is due, at most so many of an endpoint at once whoever sends them; what is not
        noted until then is due again."""
        ...

    def claimed_ping(
        self, endpoint_id: str, message: Message, *, now_ms: int, until_ms: int
    ) -> DueDelivery | None:
        """A delivery of its own, taken as it is made; ``None`` for an unknown endpoint."""
        ...

    def note(self, due: DueDelivery, outcome: Outcome) -> bool:
        """False where the claim had run out and somebody else has taken it."""
        ...

    def give_up(self, endpoint_id: str, *, problem: str, now_ms: int) -> int:
        """Let everything die that waits for an endpoint and is not being sent."""
        ...

    def get(self, delivery_id: int) -> Delivery | None: ...

    def page(
        self, endpoint_id: str, wanted: DeliveryFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[Delivery], int]:
        """Newest first, and how many there are in all."""
        ...

    def replay(self, delivery_id: int, *, now_ms: int) -> int | None:
        """A new delivery of the same; what was to be tried again gives way to it. ``None`` while
        the delivery is waiting or being sent."""
        ...

    def replay_undelivered(self, endpoint_id: str, *, since_ms: int, now_ms: int) -> int:
        """The same for all that failed or died since then and was not replayed yet; how many."""
        ...

    def prune(self, *, before_ms: int, now_ms: int) -> int:
        """Drop older deliveries, and older events that were spread an hour ago; how many."""
        ...


class WebhookChannel(Protocol):
    async def send(
        self, url: str, message: Message, *, secrets: Sequence[str], at_ms: int
    ) -> Answered:
        """One attempt, signed with each secret. Raises nothing of the network's."""
        ...


class UrlRules(Protocol):
    def check(self, url: str) -> None:
        """Raises ``BadInput`` with the field ``url`` for what must not be sent to, also where the
        host's addresses are such. May ask a name server."""
        ...

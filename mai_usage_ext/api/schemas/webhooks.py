"""Webhooks and their deliveries on the wire: everything of them but their secrets."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.values import Answer, Changes, Fields, Instant, instant
from mai_usage_ext.api.schemas.values import instant_or_none as shown
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.ports.webhooks import Delivery, DeliveryState, Endpoint
from mai_usage_ext.services.webhooks import NewSecret

__all__ = [
    "DeliveriesOut",
    "DeliveryAnswer",
    "ReplayAnswer",
    "ReplayIn",
    "WebhookAnswer",
    "WebhookChange",
    "WebhookIn",
    "WebhookSecretAnswer",
    "WebhooksOut",
]

_Events: Any = Field(
    default=[],
    description="Types of events; an empty list for all",
    json_schema_extra={"items": {"type": "string", "enum": [kind.value for kind in EventKind]}},
)


class WebhookChange(Changes):
    """``PATCH webhooks/{webhook_id}``."""

    url: str = Field(default="", min_length=1, max_length=2000, description="https, public")
    description: str = Field(default="", max_length=200)
    events: list[str] = _Events
    client_id: str | None = Field(
        default=None, description="Only events of this organization; null: of every one, and ours"
    )
    enabled: bool = True


class WebhookIn(WebhookChange):
    """``POST webhooks``."""

    url: str = Field(min_length=1, max_length=2000, description="https, public")


class WebhookOut(BaseModel):
    """A receiver. ``failing_since`` is the first of an unbroken row of failures; ``paused_until``
    is when it said to come again. Two secrets sign until ``previous_secret_until``."""

    id: str
    url: str
    description: str
    events: list[str]
    client_id: str | None
    enabled: bool
    disabled_at: Instant | None
    disabled_reason: str
    previous_secret_until: Instant | None
    failing_since: Instant | None
    last_failure_at: Instant | None
    last_success_at: Instant | None
    paused_until: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, endpoint: Endpoint) -> "WebhookOut":
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            description=endpoint.description,
            events=list(endpoint.kinds),
            client_id=endpoint.organization_id,
            enabled=endpoint.is_enabled,
            disabled_at=shown(endpoint.disabled_at_ms),
            disabled_reason=endpoint.disabled_reason,
            previous_secret_until=shown(endpoint.previous_secret_until_ms),
            failing_since=shown(endpoint.failing_since_ms),
            last_failure_at=shown(endpoint.last_failure_ms),
            last_success_at=shown(endpoint.last_success_ms),
            paused_until=shown(endpoint.paused_until_ms or None),
            created_at=instant(endpoint.created_at_ms),
            updated_at=instant(endpoint.updated_at_ms),
        )


class WebhookAnswer(Answer):
    webhook: WebhookOut

    @classmethod
    def of(cls, endpoint: Endpoint, message: str = "") -> "WebhookAnswer":
        return cls(message=message, webhook=WebhookOut.of(endpoint))


class WebhookSecretAnswer(WebhookAnswer):
    """``secret`` is shown this once; ``standardwebhooks`` takes it as it is."""

    secret: str

    @classmethod
    def made(cls, new: NewSecret, message: str) -> "WebhookSecretAnswer":
        return cls(message=message, webhook=WebhookOut.of(new.endpoint), secret=new.secret)


class WebhooksOut(Answer):
    """One page of webhooks, in the order they were made."""

    webhooks: list[WebhookOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, endpoints: Sequence[Endpoint], total: int, *, offset: int, limit: int
    ) -> "WebhooksOut":
        found = [WebhookOut.of(endpoint) for endpoint in endpoints]
        return cls(webhooks=found, total=total, offset=offset, limit=limit)


class DeliveryOut(BaseModel):
    """One event for one webhook. ``event`` is what was sent; ``status``, ``answer`` (its
    beginning), ``problem`` and ``duration_ms`` are of the last attempt."""

    id: int
    webhook_id: str
    event_id: str
    event_type: str
    event: dict[str, Any]
    state: DeliveryState
    attempts: int
    created_at: Instant
    last_attempt_at: Instant | None
    next_attempt_at: Instant | None
    finished_at: Instant | None
    status: int | None
    answer: str
    problem: str
    duration_ms: int | None
    replay_of: int | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        message = delivery.message
        return cls(
            id=delivery.id,
            webhook_id=delivery.endpoint_id,
            event_id=message.id,
            event_type=message.kind,
            event=json.loads(message.body),
            state=delivery.state,
            attempts=delivery.attempts,
            created_at=instant(delivery.created_at_ms),
            last_attempt_at=shown(delivery.last_attempt_ms),
            next_attempt_at=shown(delivery.next_attempt_ms),
            finished_at=shown(delivery.finished_at_ms),
            status=delivery.status,
            answer=delivery.answer,
            problem=delivery.problem,
            duration_ms=delivery.duration_ms,
            replay_of=delivery.replay_of,
        )


class DeliveryAnswer(Answer):
    delivery: DeliveryOut

    @classmethod
    def of(cls, delivery: Delivery, message: str) -> "DeliveryAnswer":
        return cls(message=message, delivery=DeliveryOut.of(delivery))

    @classmethod
    def tested(cls, delivery: Delivery) -> "DeliveryAnswer":
        """``success`` says whether the receiver took it."""
        took = delivery.state is DeliveryState.DELIVERED
        reason = delivery.problem or f"it answered {delivery.status}"
        message = f"The receiver answered {delivery.status}." if took else f"Not taken: {reason}."
        return cls(success=took, message=message, delivery=DeliveryOut.of(delivery))


class DeliveriesOut(Answer):
    """One page of deliveries, newest first."""

    deliveries: list[DeliveryOut]
    total: int
    offset: int
    limit: int

    @classmethod
    def of(
        cls, deliveries: Sequence[Delivery], total: int, *, offset: int, limit: int
    ) -> "DeliveriesOut":
        found = [DeliveryOut.of(delivery) for delivery in deliveries]
        return cls(deliveries=found, total=total, offset=offset, limit=limit)


class ReplayIn(Fields):
    """``POST webhooks/{webhook_id}/replay``."""

    since: Instant = Field(description="What was to be delivered since then and was not")


class ReplayAnswer(Answer):
    count: int

    @classmethod
    def of(cls, count: int) -> "ReplayAnswer":
        return cls(message=f"{count} deliveries begin again.", count=count)

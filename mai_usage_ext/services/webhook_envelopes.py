"""Events as CloudEvents 1.0 in JSON."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from mai_usage_ext.metering.days import rfc3339
from mai_usage_ext.ports.events import UsageEvent
from mai_usage_ext.ports.webhooks import PING, Message

__all__ = ["envelope_of", "ping_to"]


def envelope_of(event: UsageEvent, *, source: str) -> str:
    return _envelope(
        event_id=event.id,
        source=source,
        kind=event.kind.value,
        subject=event.subject,
        at_ms=event.at_ms,
        data=event.data,
    )


def ping_to(endpoint_id: str, *, source: str, now_ms: int) -> Message:
    """What a test sends: an event like the others, of which nobody else hears."""
    event_id = f"evt_{uuid.uuid4().hex}"
    body = _envelope(
        event_id=event_id,
        source=source,
        kind=PING,
        subject=endpoint_id,
        at_ms=now_ms,
        data={"message": "This is a test: nothing has happened."},
    )
    return Message(id=event_id, kind=PING, subject=endpoint_id, body=body)


def _envelope(
    *, event_id: str, source: str, kind: str, subject: str, at_ms: int, data: Mapping[str, Any]
) -> str:
    envelope = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": rfc3339(at_ms),
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))

"""What became of deliveries: read in pages, and begun again."""

from collections.abc import Sequence
from typing import Any

from peewee import Database, Value, fn

from mai_usage_ext.ports.webhooks import (
    PING,
    Delivery,
    DeliveryFilter,
    DeliveryState,
    Message,
)
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.webhook_models import WebhookDelivery

__all__ = ["DeliveryLog", "is_idle", "new_row"]

_REPLAYED = "replayed before it was tried again"


class DeliveryLog:
    """The half of ``ports.webhooks.DeliveryStore`` that looks back."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, delivery_id: int) -> Delivery | None:
        query = WebhookDelivery.select().where(WebhookDelivery.id == delivery_id)
        with session(self._db):
            row = query.bind(self._db).first()
        return None if row is None else _delivery(row)

    def page(
        self, endpoint_id: str, wanted: DeliveryFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[Delivery], int]:
        delivery = WebhookDelivery
        query = delivery.select().where(delivery.endpoint_id == endpoint_id)
        for condition in _conditions(wanted):
            query = query.where(condition)
        page = query.order_by(delivery.id.desc()).offset(offset).limit(limit)
        with session(self._db):
            total = int(query.bind(self._db).count())
            return [_delivery(row) for row in page.bind(self._db)], total

    def replay(self, delivery_id: int, *, now_ms: int) -> int | None:
        delivery = WebhookDelivery
        is_it: Any = delivery.id == delivery_id
        query: Any = delivery.select().where(is_it)
        if self._db.for_update:
            query = query.for_update()
        with transaction(self._db):
            row = query.bind(self._db).first()
            if row is None or row.state == DeliveryState.WAITING:
                return None
            if row.claim is not None and row.next_attempt_ms > now_ms:
                return None
            if row.state == DeliveryState.FAILED:
                self._give_way(is_it, now_ms)
            self._repeat(is_it, now_ms)
            newest: Any = delivery.select(fn.MAX(delivery.id))
            rows = newest.where(delivery.replay_of == delivery_id).tuples().bind(self._db)
            return int(rows.first()[0])

    def replay_undelivered(self, endpoint_id: str, *, since_ms: int, now_ms: int) -> int:
        delivery = WebhookDelivery
        again = delivery.alias()
        replays: Any = again.select(again.id).where(again.replay_of == delivery.id)
        is_theirs = (
            (delivery.endpoint_id == endpoint_id)
            & (delivery.created_at_ms >= since_ms)
            & (delivery.kind != PING)
        )
        is_failed = delivery.state == DeliveryState.FAILED.value
        is_dead = delivery.state == DeliveryState.DEAD.value
        with transaction(self._db):
            self._give_way(is_theirs & is_failed & is_idle(now_ms), now_ms)
            return self._repeat(is_theirs & is_dead & ~fn.EXISTS(replays), now_ms)

    def _give_way(self, condition: Any, now_ms: int) -> None:
        query = WebhookDelivery.update(
            state=DeliveryState.DEAD.value,
            next_attempt_ms=None,
            claim=None,
            problem=_REPLAYED,
            finished_at_ms=now_ms,
        )
        write(self._db, query.where(condition))

    def _repeat(self, condition: Any, now_ms: int) -> int:
        delivery = WebhookDelivery
        columns: dict[Any, Any] = {
            delivery.endpoint_id: delivery.endpoint_id,
            delivery.event_id: delivery.event_id,
            delivery.kind: delivery.kind,
            delivery.subject: delivery.subject,
            delivery.body: delivery.body,
            delivery.replay_of: delivery.id,
            delivery.state: Value(DeliveryState.WAITING.value),
            delivery.attempts: Value(0),
            delivery.next_attempt_ms: Value(now_ms),
            delivery.answer: Value(""),
            delivery.problem: Value(""),
            delivery.created_at_ms: Value(now_ms),
        }
        rows: Any = delivery.select(*columns.values()).where(condition).order_by(delivery.id)
        return write(self._db, delivery.insert_from(rows, list(columns)))


def new_row(endpoint_id: str, message: Message, *, now_ms: int) -> dict[str, Any]:
    """The columns of a delivery that is due at once."""
    return {
        "endpoint_id": endpoint_id,
        "event_id": message.id,
        "kind": message.kind,
        "subject": message.subject,
        "body": message.body,
        "state": DeliveryState.WAITING.value,
        "attempts": 0,
        "next_attempt_ms": now_ms,
        "answer": "",
        "problem": "",
        "created_at_ms": now_ms,
    }


def is_idle(now_ms: int) -> Any:
    """Not finished, and not being sent by anybody."""
    delivery = WebhookDelivery
    is_unclaimed = delivery.claim.is_null() | (delivery.next_attempt_ms <= now_ms)
    return delivery.next_attempt_ms.is_null(is_null=False) & is_unclaimed


def _conditions(wanted: DeliveryFilter) -> list[Any]:
    delivery = WebhookDelivery
    found: list[Any] = []
    if wanted.state is not None:
        found.append(delivery.state == wanted.state.value)
    if wanted.kind is not None:
        found.append(delivery.kind == wanted.kind)
    if wanted.from_ms is not None:
        found.append(delivery.created_at_ms >= wanted.from_ms)
    if wanted.until_ms is not None:
        found.append(delivery.created_at_ms < wanted.until_ms)
    return found


def _delivery(row: WebhookDelivery) -> Delivery:
    return Delivery(
        id=row.id,
        endpoint_id=row.endpoint_id,
        message=Message(id=row.event_id, kind=row.kind, subject=row.subject, body=row.body),
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_attempt_ms=row.next_attempt_ms,
        last_attempt_ms=row.last_attempt_ms,
        status=row.status,
        answer=row.answer,
        problem=row.problem,
        duration_ms=row.duration_ms,
        replay_of=row.replay_of,
        created_at_ms=row.created_at_ms,
        finished_at_ms=row.finished_at_ms,
    )

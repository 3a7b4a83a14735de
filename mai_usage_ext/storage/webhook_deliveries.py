"""One row for each event and endpoint: making them once, and taking them so that one sends each."""

import secrets
from collections.abc import Collection, Sequence
from typing import Any

from peewee import Database, fn

from mai_usage_ext.ports import Vault
from mai_usage_ext.ports.events import UsageEvent
from mai_usage_ext.ports.webhooks import DeliveryState, DueDelivery, Endpoint, Message, Outcome
from mai_usage_ext.storage.event_models import UsageEvent as EventRow
from mai_usage_ext.storage.events import event_of
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.webhook_endpoints import opened_secrets
from mai_usage_ext.storage.webhook_log import DeliveryLog, is_idle, new_row
from mai_usage_ext.storage.webhook_models import WebhookDelivery, WebhookEndpoint, WebhookFanout

__all__ = ["DeliveryRows"]

# Longer than any transaction lasts: until then a lower number may still be committed.
_LATE_MS = 3_600_000
_DISABLED = "the endpoint was disabled when it happened"


class DeliveryRows(DeliveryLog):
    """Implements ``ports.webhooks.DeliveryStore``."""

    def __init__(self, db: Database, vault: Vault) -> None:
        super().__init__(db)
        self._vault = vault

    def unspread(self, *, limit: int) -> Sequence[UsageEvent]:
        event, spread = EventRow, WebhookFanout
        lowest: Any = spread.select(fn.COALESCE(fn.MIN(spread.number), 0))
        known: Any = spread.select(spread.number).where(spread.number == event.number)
        query: Any = event.select().where((event.number > lowest) & ~fn.EXISTS(known))
        with session(self._db):
            return [
                event_of(row) for row in query.order_by(event.number).limit(limit).bind(self._db)
            ]

    def spread(
        self, event: UsageEvent, body: str, *, to: Collection[Endpoint], now_ms: int
    ) -> bool:
        message = Message(id=event.id, kind=event.kind.value, subject=event.subject, body=body)
        mark = WebhookFanout.insert(number=event.number, at_ms=now_ms)
        with transaction(self._db):
            if write(self._db, mark.on_conflict(action="IGNORE")) != 1:
                return False
            # One may have been deleted since the event was read.
            there = self._locked([endpoint.id for endpoint in to])
            for endpoint in to:
                if endpoint.id in there:
                    row = new_row(endpoint.id, message, now_ms=now_ms)
                    dead = {} if endpoint.is_enabled else _stillborn(now_ms)
                    write(self._db, WebhookDelivery.insert(**{**row, **dead}))
        return True

    def claim(self, *, now_ms: int, until_ms: int, per_endpoint: int) -> Sequence[DueDelivery]:
        # A look first, because on SQLite a transaction takes the write lock.
        with session(self._db):
            endpoint_ids = self._with_due(now_ms)
        found: list[DueDelivery] = []
        for endpoint_id in endpoint_ids:
            with transaction(self._db):
                found += self._claim(endpoint_id, now_ms, until_ms, per_endpoint)
        return found

    def claimed_ping(
        self, endpoint_id: str, message: Message, *, now_ms: int, until_ms: int
    ) -> DueDelivery | None:
        claim = secrets.token_hex(8)
        row = new_row(endpoint_id, message, now_ms=now_ms)
        row |= {"attempts": 1, "claim": claim}
        row |= {"next_attempt_ms": until_ms, "last_attempt_ms": now_ms}
        with transaction(self._db):
            if not self._locked([endpoint_id]):
                return None
            write(self._db, WebhookDelivery.insert(**row))
            made = WebhookDelivery.select().where(WebhookDelivery.claim == claim)
            [delivery] = made.bind(self._db)
            [endpoint] = _one(endpoint_id).bind(self._db)
            return self._due(delivery, endpoint, claim, now_ms)

    def note(self, due: DueDelivery, outcome: Outcome) -> bool:
        delivery, answered = WebhookDelivery, outcome.answered
        is_over = outcome.next_attempt_ms is None
        query = delivery.update(
            state=outcome.state.value,
            next_attempt_ms=outcome.next_attempt_ms,
            claim=None,
            status=answered.status,
            answer=answered.answer,
            problem=answered.problem,
            duration_ms=answered.duration_ms,
            finished_at_ms=outcome.at_ms if is_over else None,
        ).where((delivery.id == due.id) & (delivery.claim == due.claim))
        with transaction(self._db):
            return write(self._db, query) == 1

    def give_up(self, endpoint_id: str, *, problem: str, now_ms: int) -> int:
        delivery = WebhookDelivery
        query = delivery.update(
            state=DeliveryState.DEAD.value,
            next_attempt_ms=None,
            claim=None,
            problem=problem,
            finished_at_ms=now_ms,
        ).where((delivery.endpoint_id == endpoint_id) & is_idle(now_ms))
        with transaction(self._db):
            return write(self._db, query)

    def prune(self, *, before_ms: int, now_ms: int) -> int:
        delivery, event, spread = WebhookDelivery, EventRow, WebhookFanout
        # A number that is missing below the highest one of an hour ago was rolled back.
        settled: Any = spread.select(fn.MAX(spread.number)).where(spread.at_ms < now_ms - _LATE_MS)
        with transaction(self._db):
            through = int(settled.tuples().bind(self._db).first()[0] or 0)
            write(self._db, spread.delete().where(spread.number < through))
            old = (event.at_ms < before_ms) & (event.number <= through)
            dropped = write(self._db, event.delete().where(old))
            return dropped + write(
                self._db, delivery.delete().where(delivery.created_at_ms < before_ms)
            )

    def _locked(self, endpoint_ids: Sequence[str]) -> set[str]:
        """Those of them that are there, and stay so until the transaction ends."""
        endpoint = WebhookEndpoint
        query: Any = endpoint.select(endpoint.id).where(endpoint.id.in_(endpoint_ids))
        if self._db.for_update:
            query = query.for_update("FOR KEY SHARE")
        return {row[0] for row in query.tuples().bind(self._db)}

    def _with_due(self, now_ms: int) -> list[str]:
        delivery, endpoint = WebhookDelivery, WebhookEndpoint
        due: Any = delivery.select(delivery.id).where(
            (delivery.endpoint_id == endpoint.id) & (delivery.next_attempt_ms <= now_ms)
        )
        query: Any = endpoint.select(endpoint.id).where(_is_open(now_ms) & fn.EXISTS(due))
        return [row[0] for row in query.order_by(endpoint.id).tuples().bind(self._db)]

    def _claim(
        self, endpoint_id: str, now_ms: int, until_ms: int, per_endpoint: int
    ) -> list[DueDelivery]:
        """Whoever holds the endpoint's row takes of it; another process takes of the others."""
        query: Any = _one(endpoint_id).where(_is_open(now_ms))
        if self._db.for_update:
            query = query.for_update("FOR UPDATE SKIP LOCKED")
        endpoint = query.bind(self._db).first()
        if endpoint is None:
            return []
        delivery = WebhookDelivery
        is_theirs = delivery.endpoint_id == endpoint_id
        under_way: Any = delivery.select().where(
            is_theirs & delivery.claim.is_null(is_null=False) & (delivery.next_attempt_ms > now_ms)
        )
        free = per_endpoint - int(under_way.bind(self._db).count())
        if free <= 0:
            return []
        due = delivery.select().where(is_theirs & (delivery.next_attempt_ms <= now_ms))
        order = (delivery.next_attempt_ms, delivery.id)
        rows = list(due.order_by(*order).limit(free).bind(self._db))
        claim = secrets.token_hex(8)
        take = delivery.update(
            claim=claim,
            attempts=delivery.attempts + 1,
            last_attempt_ms=now_ms,
            next_attempt_ms=until_ms,
        )
        write(self._db, take.where(delivery.id.in_([row.id for row in rows])))
        for row in rows:
            row.attempts += 1
        return [self._due(row, endpoint, claim, now_ms) for row in rows]

    def _due(
        self, row: WebhookDelivery, endpoint: WebhookEndpoint, claim: str, now_ms: int
    ) -> DueDelivery:
        return DueDelivery(
            id=row.id,
            claim=claim,
            endpoint_id=endpoint.id,
            url=endpoint.url,
            message=Message(id=row.event_id, kind=row.kind, subject=row.subject, body=row.body),
            attempts=row.attempts,
            secrets=opened_secrets(self._vault, endpoint, now_ms=now_ms),
        )


def _stillborn(now_ms: int) -> dict[str, Any]:
    """What is different for an endpoint that is disabled: it can be replayed."""
    return {
        "state": DeliveryState.DEAD.value,
        "problem": _DISABLED,
        "next_attempt_ms": None,
        "finished_at_ms": now_ms,
    }


def _one(endpoint_id: str) -> Any:
    return WebhookEndpoint.select().where(WebhookEndpoint.id == endpoint_id)


def _is_open(now_ms: int) -> Any:
    endpoint = WebhookEndpoint
    return endpoint.disabled_at_ms.is_null() & (endpoint.paused_until_ms <= now_ms)

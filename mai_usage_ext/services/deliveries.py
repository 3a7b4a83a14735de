"""Telling events to those who want to hear of them: each one at least once, by one process at a
time.

Nothing is remembered between rounds: what is to be done stands in the database, so a process may
be killed anywhere. What it was sending then is sent again, with the same id.
"""

import asyncio

from mai_usage_ext.errors import NotFound, StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import SYSTEM, Clock, UnitOfWork
from mai_usage_ext.ports.webhooks import (
    PING,
    Answered,
    Delivery,
    DeliveryState,
    DeliveryStore,
    DueDelivery,
    Endpoint,
    EndpointStore,
    WebhookChannel,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.webhook_envelopes import envelope_of, ping_to
from mai_usage_ext.services.webhook_schedule import GONE, outcome_of, pause_ms

__all__ = ["Deliveries"]

_BATCH = 100
_PER_ENDPOINT = 4
# Longer than an attempt takes, with what two clocks may differ by.
_CLAIM_MS = 60_000
# While something is being sent, what else is due waits no longer than this.
_POLL_S = 1.0
_DAY_MS = 86_400_000
# Attempts of one event are a day apart at the end; a failure after a longer silence is a new row.
_SILENCE_MS = 2 * _DAY_MS
_LONGEST_FAILING_DAYS = 5
_UNREADABLE = (
    "its secret cannot be opened with the present encryption keys: rotate it to get a new one"
)


class Deliveries:
    """``source`` is what events say they come from. ``keep_days`` is how long events and their
    deliveries are kept."""

    def __init__(
        self,
        store: DeliveryStore,
        endpoints: EndpointStore,
        channel: WebhookChannel,
        *,
        source: str,
        keep_days: int,
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
        poll_s: float = _POLL_S,
    ) -> None:
        self._store = store
        self._endpoints = endpoints
        self._channel = channel
        self._source = source
        self._keep_days = keep_days
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._poll_s = poll_s

    def spread_events(self) -> int:
        """Make a delivery of every new event for each endpoint that wants it; how many events."""
        count = 0
        while events := self._store.unspread(limit=_BATCH):
            # Read after the events, so that an endpoint which is older than one is among them.
            endpoints = self._endpoints.all()
            with self._unit_of_work():
                for event in events:
                    body = envelope_of(event, source=self._source)
                    to = [one for one in endpoints if one.wants(event)]
                    count += self._store.spread(event, body, to=to, now_ms=self._clock.now_ms())
        return count

    def prune(self) -> int:
        now_ms = self._clock.now_ms()
        return self._store.prune(before_ms=now_ms - self._keep_days * _DAY_MS, now_ms=now_ms)

    async def run_once(self) -> int:
        """Send what is due until nothing is any more; how many attempts.

        An endpoint that is slow takes no more than its own places, and nobody waits for it.
        """
        at_work: set[asyncio.Task[None]] = set()
        count = 0
        try:
            while True:
                at_work |= {asyncio.create_task(self._deliver(due)) for due in await self._claim()}
                if not at_work:
                    return count
                done, at_work = await asyncio.wait(
                    at_work, timeout=self._poll_s, return_when=asyncio.FIRST_COMPLETED
                )
                await asyncio.gather(*done)
                count += len(done)
        except StorageUnavailable:
            # What is under way is let come to its end, so that it need not be sent again.
            await asyncio.gather(*at_work, return_exceptions=True)
            raise
        finally:
            for task in at_work:
                task.cancel()
            await asyncio.gather(*at_work, return_exceptions=True)

    async def ping(self, endpoint_id: str) -> Delivery:
        """Send a test now, once, also to an endpoint that is disabled. Raises ``NotFound``."""
        now_ms = self._clock.now_ms()
        message = ping_to(endpoint_id, source=self._source, now_ms=now_ms)
        due = await asyncio.to_thread(
            self._store.claimed_ping,
            endpoint_id,
            message,
            now_ms=now_ms,
            until_ms=now_ms + _CLAIM_MS,
        )
        if due is None:
            raise NotFound(f"there is no webhook {endpoint_id!r}")
        await self._deliver(due)
        delivery = await asyncio.to_thread(self._store.get, due.id)
        assert delivery is not None  # noqa: S101 - it was made above
        return delivery

    async def _claim(self) -> "list[DueDelivery]":
        now_ms = self._clock.now_ms()
        found = await asyncio.to_thread(
            self._store.claim,
            now_ms=now_ms,
            until_ms=now_ms + _CLAIM_MS,
            per_endpoint=_PER_ENDPOINT,
        )
        return list(found)

    async def _deliver(self, due: DueDelivery) -> None:
        if due.secrets:
            answered = await self._channel.send(
                due.url, due.message, secrets=due.secrets, at_ms=self._clock.now_ms()
            )
        else:
            answered = Answered(status=None, duration_ms=0, problem=_UNREADABLE)
        await asyncio.to_thread(self._note, due, answered)

    def _note(self, due: DueDelivery, answered: Answered) -> None:
        now_ms = self._clock.now_ms()
        with self._unit_of_work():
            endpoint = self._endpoints.get(due.endpoint_id)
            if endpoint is None:
                return
            is_ping = due.message.kind == PING
            is_last = is_ping or not endpoint.is_enabled
            outcome = outcome_of(due, answered, now_ms=now_ms, is_last=is_last)
            if not self._store.note(due, outcome) or is_ping:
                return
            is_delivered = outcome.state is DeliveryState.DELIVERED
            tally.add("webhooks delivered" if is_delivered else "webhooks failed")
            self._note_endpoint(endpoint, answered, is_delivered=is_delivered, now_ms=now_ms)

    def _note_endpoint(
        self, endpoint: Endpoint, answered: Answered, *, is_delivered: bool, now_ms: int
    ) -> None:
        if is_delivered:
            self._endpoints.note(endpoint.id, failing_since_ms=None, last_success_ms=now_ms)
            return
        since_ms = endpoint.failing_since_ms
        if since_ms is None or now_ms - (endpoint.last_failure_ms or 0) > _SILENCE_MS:
            since_ms = now_ms
        self._endpoints.note(
            endpoint.id,
            failing_since_ms=since_ms,
            last_failure_ms=now_ms,
            paused_until_ms=max(endpoint.paused_until_ms, now_ms + pause_ms(answered)),
        )
        if endpoint.is_enabled:
            reason = _reason_to_disable(answered, failing_ms=now_ms - since_ms)
            if reason is not None:
                self._disable(endpoint, reason, now_ms)

    def _disable(self, endpoint: Endpoint, reason: str, now_ms: int) -> None:
        if not self._endpoints.disable(endpoint.id, reason=reason, now_ms=now_ms):
            return
        self._store.give_up(
            endpoint.id, problem=f"the endpoint was disabled: {reason}", now_ms=now_ms
        )
        tally.warn("webhooks disabled", f"the webhook {endpoint.id} was disabled: {reason}")
        self._audit.record(
            actor=SYSTEM,
            action="webhook.disabled",
            target_kind="webhook",
            target_id=endpoint.id,
            before={"enabled": True},
            after={"enabled": False, "reason": reason},
        )


def _reason_to_disable(answered: Answered, *, failing_ms: int) -> str | None:
    if answered.status == GONE:
        return "it answered 410 Gone"
    if failing_ms >= _LONGEST_FAILING_DAYS * _DAY_MS:
        return f"nothing but failures for {_LONGEST_FAILING_DAYS} days"
    return None

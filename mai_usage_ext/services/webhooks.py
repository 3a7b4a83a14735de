"""Webhooks: what an admin does with them."""

import base64
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mai_usage_ext.errors import BadInput, Conflict, NotFound
from mai_usage_ext.ports import Actor, Clock, OrganizationStore, UnitOfWork
from mai_usage_ext.ports.webhooks import (
    Delivery,
    DeliveryFilter,
    DeliveryStore,
    Endpoint,
    EndpointStore,
    UrlRules,
)
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.webhook_fields import audited, checked_fields, checked_overlap_ms

__all__ = ["MOST_ENDPOINTS", "NewSecret", "Webhooks"]

MOST_ENDPOINTS = 100
_SECRET_BYTES = 32
_OVERLAP_H = 24
_BY_HAND = "disabled by an admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """An endpoint, and the secret that is shown this once."""

    endpoint: Endpoint
    secret: str = field(repr=False)


class Webhooks:
    """Every method that names an endpoint or a delivery raises ``NotFound``."""

    def __init__(
        self,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        *,
        rules: UrlRules,
        organizations: OrganizationStore,
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._rules = rules
        self._organizations = organizations
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock

    def page(self, *, offset: int, limit: int) -> tuple[Sequence[Endpoint], int]:
        """In the order they were made, and how many there are in all."""
        found = self._endpoints.all()
        return found[offset : offset + limit], len(found)

    def get(self, endpoint_id: str) -> Endpoint:
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None:
            raise _unknown(endpoint_id)
        return endpoint

    def create(self, fields: Mapping[str, object], *, actor: Actor) -> NewSecret:
        """It is told of everything that happens from now on. Raises ``BadInput``, ``Conflict``
        where there are too many, ``ConfigurationError`` where no secret can be sealed."""
        if "url" not in fields:
            raise BadInput("url", got=None, expected="an https URL")
        columns = self._checked(fields)
        now_ms, secret = self._clock.now_ms(), _new_secret()
        if not columns.pop("enabled", True):
            columns |= {"disabled_at_ms": now_ms, "disabled_reason": _BY_HAND}
        endpoint_id = f"wh_{uuid.uuid4().hex}"
        with self._unit_of_work():
            if len(self._endpoints.all()) >= MOST_ENDPOINTS:
                raise Conflict(f"there are {MOST_ENDPOINTS} webhooks already, which is the most")
            self._endpoints.create(endpoint_id, columns, secret=secret, now_ms=now_ms)
            made = self.get(endpoint_id)
            self._record("created", endpoint_id, actor, after=audited(made))
        return NewSecret(endpoint=made, secret=secret)

    def change(self, endpoint_id: str, fields: Mapping[str, object], *, actor: Actor) -> Endpoint:
        """Change what is named. What waits for one that is disabled dies, and can be replayed; one
        that is enabled again starts with a clean slate. Raises ``BadInput``."""
        before = self.get(endpoint_id)
        columns = self._checked(fields)
        wanted = columns.pop("enabled", before.is_enabled)
        now_ms = self._clock.now_ms()
        if wanted != before.is_enabled:
            columns |= _switched(on=wanted, now_ms=now_ms)
        if columns.get("url", before.url) != before.url:
            # What another place has answered says nothing about this one.
            columns |= {"paused_until_ms": 0, "failing_since_ms": None}
        with self._unit_of_work():
            if not self._endpoints.change(endpoint_id, columns, now_ms=now_ms):
                raise _unknown(endpoint_id)
            if not wanted and before.is_enabled:
                self._deliveries.give_up(
                    endpoint_id, problem=f"the endpoint was {_BY_HAND}", now_ms=now_ms
                )
            after = self.get(endpoint_id)
            was, is_now = audited(before), audited(after)
            changed = [name for name in is_now if was[name] != is_now[name]]
            if changed:
                self._record(
                    "changed",
                    endpoint_id,
                    actor,
                    before={name: was[name] for name in changed},
                    after={name: is_now[name] for name in changed},
                )
        return after

    def delete(self, endpoint_id: str, *, actor: Actor) -> None:
        """With everything that was, or was to be, delivered to it."""
        before = self.get(endpoint_id)
        with self._unit_of_work():
            if not self._endpoints.delete(endpoint_id):
                raise _unknown(endpoint_id)
            self._record("deleted", endpoint_id, actor, before=audited(before))

    def rotate_secret(
        self, endpoint_id: str, *, overlap_hours: object = _OVERLAP_H, actor: Actor
    ) -> NewSecret:
        """A new secret; the present one signs too for so many hours. Raises ``BadInput``."""
        overlap_ms = checked_overlap_ms(overlap_hours)
        now_ms, secret = self._clock.now_ms(), _new_secret()
        with self._unit_of_work():
            if not self._endpoints.rotate(
                endpoint_id, secret=secret, until_ms=now_ms + overlap_ms, now_ms=now_ms
            ):
                raise _unknown(endpoint_id)
            made = self.get(endpoint_id)
            after = {"secret": "changed", "overlap_hours": overlap_hours}
            self._record("secret_rotated", endpoint_id, actor, after=after)
        return NewSecret(endpoint=made, secret=secret)

    def deliveries(
        self, endpoint_id: str, wanted: DeliveryFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[Delivery], int]:
        """Newest first, and how many there are in all."""
        self.get(endpoint_id)
        return self._deliveries.page(endpoint_id, wanted, offset=offset, limit=limit)

    def replay(self, delivery_id: int, *, actor: Actor) -> Delivery:
        """Send the same event again, now. Raises ``Conflict`` while the first is not over, or its
        endpoint is disabled."""
        first = self._deliveries.get(delivery_id)
        if first is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        self._require_enabled(first.endpoint_id)
        with self._unit_of_work():
            made = self._deliveries.replay(delivery_id, now_ms=self._clock.now_ms())
            if made is None:
                raise Conflict("the delivery is waiting or being sent: there is nothing to replay")
            after = {"delivery": delivery_id, "event": first.message.id}
            self._record("delivery_replayed", first.endpoint_id, actor, after=after)
            again = self._deliveries.get(made)
        assert again is not None  # noqa: S101 - it was made above
        return again

    def replay_undelivered(self, endpoint_id: str, *, since_ms: int, actor: Actor) -> int:
        """Send again, now, what failed or died since then and was not replayed yet; how many.
        Raises ``Conflict`` for an endpoint that is disabled."""
        self._require_enabled(endpoint_id)
        with self._unit_of_work():
            count = self._deliveries.replay_undelivered(
                endpoint_id, since_ms=since_ms, now_ms=self._clock.now_ms()
            )
            after = {"since_ms": since_ms, "deliveries": count}
            self._record("deliveries_replayed", endpoint_id, actor, after=after)
        return count

    def _require_enabled(self, endpoint_id: str) -> None:
        if not self.get(endpoint_id).is_enabled:
            raise Conflict("the webhook is disabled: enable it first", field="enabled")

    def _checked(self, fields: Mapping[str, object]) -> dict[str, Any]:
        at_ms = self._clock.now_ms()
        return checked_fields(
            fields,
            check_url=self._rules.check,
            known=lambda one: self._organizations.get(one, at_ms=at_ms) is not None,
        )

    def _record(
        self,
        what: str,
        endpoint_id: str,
        actor: Actor,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        self._audit.record(
            actor=actor,
            action=f"webhook.{what}",
            target_kind="webhook",
            target_id=endpoint_id,
            before=before,
            after=after,
        )


def _switched(*, on: bool, now_ms: int) -> dict[str, Any]:
    if not on:
        return {"disabled_at_ms": now_ms, "disabled_reason": _BY_HAND}
    clean = {"disabled_at_ms": None, "disabled_reason": "", "paused_until_ms": 0}
    return {**clean, "failing_since_ms": None}


def _new_secret() -> str:
    """As Standard Webhooks has it: 24 to 64 random bytes in base64, behind a prefix."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _unknown(endpoint_id: str) -> NotFound:
    return NotFound(f"there is no webhook {endpoint_id!r}")

"""Receivers of events in the database; their secrets are sealed on the way in."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from peewee import Database

from mai_usage_ext.ports import Vault
from mai_usage_ext.ports.webhooks import Endpoint
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.webhook_models import WebhookDelivery, WebhookEndpoint

__all__ = ["EndpointRows", "bound_to", "opened_secrets"]


class EndpointRows:
    """Implements ``ports.webhooks.EndpointStore``."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    def create(
        self, endpoint_id: str, columns: Mapping[str, Any], *, secret: str, now_ms: int
    ) -> None:
        row = {
            "description": "",
            "organization_id": None,
            "disabled_reason": "",
            "paused_until_ms": 0,
            "created_at_ms": now_ms,
            "updated_at_ms": now_ms,
            **_stored({"kinds": (), **columns}),
        }
        sealed = self._vault.seal(secret, bound_to=bound_to(endpoint_id))
        query = WebhookEndpoint.insert(id=endpoint_id, secret_ciphertext=sealed, **row)
        with transaction(self._db):
            write(self._db, query)

    def get(self, endpoint_id: str) -> Endpoint | None:
        query = WebhookEndpoint.select().where(WebhookEndpoint.id == endpoint_id)
        with session(self._db):
            row = query.bind(self._db).first()
        return None if row is None else _endpoint(row)

    def all(self) -> Sequence[Endpoint]:
        query = WebhookEndpoint.select()
        order = (WebhookEndpoint.created_at_ms, WebhookEndpoint.id)
        with session(self._db):
            return [_endpoint(row) for row in query.order_by(*order).bind(self._db)]

    def change(self, endpoint_id: str, columns: Mapping[str, Any], *, now_ms: int) -> bool:
        return self._update(endpoint_id, {**_stored(columns), "updated_at_ms": now_ms})

    def disable(self, endpoint_id: str, *, reason: str, now_ms: int) -> bool:
        endpoint = WebhookEndpoint
        query = endpoint.update(
            disabled_at_ms=now_ms, disabled_reason=reason, updated_at_ms=now_ms
        ).where((endpoint.id == endpoint_id) & endpoint.disabled_at_ms.is_null())
        with transaction(self._db):
            return write(self._db, query) == 1

    def delete(self, endpoint_id: str) -> bool:
        # A SQLite file that the host opened may have its foreign keys switched off.
        deliveries = WebhookDelivery.delete().where(WebhookDelivery.endpoint_id == endpoint_id)
        with transaction(self._db):
            write(self._db, deliveries)
            query = WebhookEndpoint.delete().where(WebhookEndpoint.id == endpoint_id)
            return write(self._db, query) == 1

    def rotate(self, endpoint_id: str, *, secret: str, until_ms: int, now_ms: int) -> bool:
        columns = {
            "previous_ciphertext": WebhookEndpoint.secret_ciphertext,
            "previous_until_ms": until_ms,
            "secret_ciphertext": self._vault.seal(secret, bound_to=bound_to(endpoint_id)),
            "updated_at_ms": now_ms,
        }
        return self._update(endpoint_id, columns)

    def note(self, endpoint_id: str, **columns: int | None) -> None:
        self._update(endpoint_id, columns)

    def _update(self, endpoint_id: str, columns: Mapping[str, Any]) -> bool:
        query = WebhookEndpoint.update(**columns).where(WebhookEndpoint.id == endpoint_id)
        with transaction(self._db):
            return write(self._db, query) == 1


def bound_to(endpoint_id: str) -> str:
    """What both secrets of an endpoint are sealed for."""
    return f"webhook_endpoints/{endpoint_id}"


def opened_secrets(vault: Vault, row: WebhookEndpoint, *, now_ms: int) -> tuple[str, ...]:
    """The secrets to sign with now, newest first, but for those that cannot be opened."""
    sealed = [row.secret_ciphertext]
    if row.previous_ciphertext is not None and now_ms < (row.previous_until_ms or 0):
        sealed.append(row.previous_ciphertext)
    opened = [vault.open(text, bound_to=bound_to(row.id)) for text in sealed]
    return tuple(secret for secret in opened if secret is not None)


def _stored(columns: Mapping[str, Any]) -> dict[str, Any]:
    if "kinds" not in columns:
        return dict(columns)
    return {**columns, "kinds": json.dumps(list(columns["kinds"]))}


def _endpoint(row: WebhookEndpoint) -> Endpoint:
    return Endpoint(
        id=row.id,
        url=row.url,
        description=row.description,
        kinds=tuple(json.loads(row.kinds)),
        organization_id=row.organization_id,
        disabled_at_ms=row.disabled_at_ms,
        disabled_reason=row.disabled_reason,
        previous_secret_until_ms=row.previous_until_ms,
        failing_since_ms=row.failing_since_ms,
        last_failure_ms=row.last_failure_ms,
        last_success_ms=row.last_success_ms,
        paused_until_ms=row.paused_until_ms,
        created_at_ms=row.created_at_ms,
        updated_at_ms=row.updated_at_ms,
    )

"""Every sealed text in the database: the organizations' keys, the settings that are secret, and the
secrets that sign webhooks."""

import json
from collections.abc import Mapping
from typing import Any

from peewee import Database

from mai_usage_ext.ports import SealedSecret
from mai_usage_ext.storage.keys import bound_to
from mai_usage_ext.storage.models import ClientOrganization, UsageSetting
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.vault import looks_sealed
from mai_usage_ext.storage.webhook_endpoints import bound_to as endpoint_bound_to
from mai_usage_ext.storage.webhook_models import WebhookEndpoint

__all__ = ["SealedRows"]

_KEYS, _SETTINGS = "client_organizations", "usage_settings"
# What a rotation moves from the one to the other meanwhile is met there.
_SIGNING: Mapping[str, Any] = {
    "webhook_endpoints": WebhookEndpoint.secret_ciphertext,
    "webhook_endpoints (previous)": WebhookEndpoint.previous_ciphertext,
}
_ORDER = (_KEYS, _SETTINGS, *_SIGNING)


class SealedRows:
    """Implements ``ports.SealedStore``: keys by organization first, then settings by name, then the
    webhooks' secrets."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def count(self) -> int:
        with session(self._db):
            keys = self._key_query(None).bind(self._db).count()
            return int(keys) + len(self._others(None))

    def after(self, last: SealedSecret | None, *, limit: int) -> list[SealedSecret]:
        with session(self._db):
            found: list[SealedSecret] = []
            if last is None or last.table == _KEYS:
                query = self._key_query(last.id if last else None).limit(limit)
                found = [_sealed_key(row) for row in query.bind(self._db).tuples()]
            if len(found) < limit:
                found += self._others(last)
            return found[:limit]

    def replace(self, secret: SealedSecret, sealed: str) -> bool:
        if secret.table == _KEYS:
            organization = ClientOrganization
            query = organization.update(openrouter_key_ciphertext=sealed).where(
                (organization.id == secret.id)
                & (organization.openrouter_key_ciphertext == secret.sealed)
            )
        elif secret.table in _SIGNING:
            endpoint, column = WebhookEndpoint, _SIGNING[secret.table]
            query = endpoint.update({column: sealed}).where(
                (endpoint.id == secret.id) & (column == secret.sealed)
            )
        else:
            setting = UsageSetting
            query = setting.update(value=json.dumps(sealed)).where(
                (setting.name == secret.id) & (setting.value == json.dumps(secret.sealed))
            )
        with transaction(self._db):
            return write(self._db, query) == 1

    def _key_query(self, after: str | None) -> Any:
        organization = ClientOrganization
        condition = organization.openrouter_key_ciphertext.is_null(is_null=False)
        if after is not None:
            condition &= organization.id > after
        columns = (organization.id, organization.openrouter_key_ciphertext)
        return organization.select(*columns).where(condition).order_by(organization.id)

    def _others(self, last: SealedSecret | None) -> list[SealedSecret]:
        """Those after ``last`` that are no keys: there are few of them."""
        found = self._settings()
        for table in _SIGNING:
            found += self._signing(table)
        after = (0, "") if last is None else _place(last)
        return sorted((one for one in found if _place(one) > after), key=_place)

    def _settings(self) -> list[SealedSecret]:
        setting = UsageSetting
        rows: Any = setting.select(setting.name, setting.value).bind(self._db).tuples()
        return [
            SealedSecret(table=_SETTINGS, id=name, bound_to=f"{_SETTINGS}/{name}", sealed=value)
            for name, text in rows
            if looks_sealed(value := _value_of(text))
        ]

    def _signing(self, table: str) -> list[SealedSecret]:
        column = _SIGNING[table]
        query: Any = WebhookEndpoint.select(WebhookEndpoint.id, column)
        rows = query.where(column.is_null(is_null=False)).bind(self._db).tuples()
        return [
            SealedSecret(table=table, id=name, bound_to=endpoint_bound_to(name), sealed=sealed)
            for name, sealed in rows
        ]


def _place(secret: SealedSecret) -> tuple[int, str]:
    return _ORDER.index(secret.table), secret.id


def _sealed_key(row: tuple[str, str]) -> SealedSecret:
    organization_id, sealed = row
    return SealedSecret(
        table=_KEYS,
        id=organization_id,
        bound_to=bound_to(organization_id),
        sealed=sealed,
    )


def _value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None

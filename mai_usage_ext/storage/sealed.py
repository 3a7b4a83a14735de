"""Every sealed text in the database: the organizations' keys, and the settings that are secret."""

import json
from typing import Any

from peewee import Database

from mai_usage_ext.ports import SealedSecret
from mai_usage_ext.storage.keys import bound_to
from mai_usage_ext.storage.models import ClientOrganization, UsageSetting
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.vault import looks_sealed

__all__ = ["SealedRows"]

_KEYS, _SETTINGS = "client_organizations", "usage_settings"


class SealedRows:
    """Implements ``ports.SealedStore``: keys by organization first, then settings by name."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def count(self) -> int:
        with session(self._db):
            keys = self._key_query(None).bind(self._db).count()
            return int(keys) + len(self._settings(None))

    def after(self, last: SealedSecret | None, *, limit: int) -> list[SealedSecret]:
        with session(self._db):
            found: list[SealedSecret] = []
            if last is None or last.table == _KEYS:
                query = self._key_query(last.id if last else None).limit(limit)
                found = [_sealed_key(row) for row in query.bind(self._db).tuples()]
            if len(found) < limit:
                name = last.id if last is not None and last.table == _SETTINGS else None
                found += self._settings(name)
            return found[:limit]

    def replace(self, secret: SealedSecret, sealed: str) -> bool:
        if secret.table == _KEYS:
            organization = ClientOrganization
            query = organization.update(openrouter_key_ciphertext=sealed).where(
                (organization.id == secret.id)
                & (organization.openrouter_key_ciphertext == secret.sealed)
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

    def _settings(self, after: str | None) -> list[SealedSecret]:
        setting = UsageSetting
        query = setting.select(setting.name, setting.value).order_by(setting.name)
        if after is not None:
            query = query.where(setting.name > after)
        rows: Any = query.bind(self._db).tuples()
        return [
            SealedSecret(table=_SETTINGS, id=name, bound_to=f"{_SETTINGS}/{name}", sealed=value)
            for name, text in rows
            if looks_sealed(value := _value_of(text))
        ]


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

"""Settings that the database holds, one row each."""

import json
from collections.abc import Mapping
from typing import Any

from peewee import Database

from mai_usage_ext.metering.money import parse_json
from mai_usage_ext.ports import StoredSetting
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import UsageSetting
from mai_usage_ext.storage.sessions import execute, session, transaction, write

__all__ = ["SettingRows"]


class SettingRows:
    """Implements ``ports.SettingStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> Mapping[str, StoredSetting]:
        """A value that is not JSON comes as ``{"unreadable": text}``, which no setting takes."""
        query = UsageSetting.select().order_by(UsageSetting.name)
        with session(self._db):
            rows = list(query.bind(self._db))
        return {
            row.name: StoredSetting(
                name=row.name,
                value=_value(row.value),
                updated_at_ms=row.updated_at_ms,
                updated_by=row.updated_by,
            )
            for row in rows
        }

    def put(self, name: str, value: Any, *, now_ms: int, by: str) -> None:
        columns = {
            "value": json.dumps(value, ensure_ascii=False, allow_nan=False),
            "updated_at_ms": now_ms,
            "updated_by": by,
        }
        query = UsageSetting.insert(name=name, **columns)
        with transaction(self._db):
            write(
                self._db,
                query.on_conflict(conflict_target=[UsageSetting.name], update=columns),
            )

    def remove(self, name: str) -> None:
        with transaction(self._db):
            write(self._db, UsageSetting.delete().where(UsageSetting.name == name))

    def lock(self) -> None:
        """SQLite's transaction holds its write lock already; on PostgreSQL readers go on."""
        if not is_sqlite(self._db):
            execute(self._db, "LOCK TABLE usage_settings IN SHARE ROW EXCLUSIVE MODE")


def _value(text: str) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        return {"unreadable": text}

"""The price list as last read from OpenRouter."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from peewee import Database

from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.storage.models import StoredPrice
from mai_usage_ext.storage.sessions import session, transaction, write

__all__ = ["StoredPriceRows"]

_FIELDS = (
    "prompt_pusd",
    "completion_pusd",
    "request_pusd",
    "image_pusd",
    "max_completion_tokens",
    "cache_read_pusd",
)
# Older builds of SQLite take 999 parameters in one statement; a row has eight.
_ROWS_AT_ONCE = 100


class StoredPriceRows:
    """Implements ``ports.prices.StoredPrices``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def load(self) -> Mapping[str, ModelPrice]:
        with session(self._db):
            return {
                row.model: ModelPrice(**{name: getattr(row, name) for name in _FIELDS})
                for row in StoredPrice.select().bind(self._db)
            }

    def save(self, prices: Mapping[str, ModelPrice], *, now_ms: int) -> int:
        """Rows that stay the same are left alone, so the usual refresh writes nothing at all."""
        known = self.load()
        if known == prices:
            return 0
        with transaction(self._db):
            known = self.load()
            # In one order, so that two processes wait for each other and never in a circle.
            changed = sorted(model for model in prices if known.get(model) != prices[model])
            gone = sorted(known.keys() - prices.keys())
            for models in _batches(changed):
                rows = [_row(model, prices[model], now_ms) for model in models]
                write(self._db, _upsert(rows))
            for models in _batches(gone):
                write(self._db, StoredPrice.delete().where(StoredPrice.model.in_(models)))
        return len(changed) + len(gone)


def _upsert(rows: Sequence[Mapping[str, Any]]) -> Any:
    preserved = [getattr(StoredPrice, name) for name in (*_FIELDS, "fetched_at_ms")]
    return StoredPrice.insert_many(rows).on_conflict(
        conflict_target=[StoredPrice.model], preserve=preserved
    )


def _row(model: str, price: ModelPrice, now_ms: int) -> dict[str, Any]:
    fields = {name: getattr(price, name) for name in _FIELDS}
    return {"model": model, **fields, "fetched_at_ms": now_ms}


def _batches(models: Iterable[str]) -> Iterable[list[str]]:
    rest = iter(models)
    while batch := list(islice(rest, _ROWS_AT_ONCE)):
        yield batch

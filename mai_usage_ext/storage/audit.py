"""The audit trail's rows, one gapless chain however many processes add to it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from peewee import Database

from mai_usage_ext.errors import StorageError
from mai_usage_ext.ports import Actor, AuditFilter, AuditRecord
from mai_usage_ext.services.audit import GENESIS, canonical, chain_hash
from mai_usage_ext.storage.models import AuditHead, AuditLog
from mai_usage_ext.storage.sessions import execute, session, transaction
from mai_usage_ext.storage.statements import Write, columns_of, insert_of, update_of

__all__ = ["AuditRows"]

_BATCH = 500
_SELECT: Any = AuditLog.select(
    AuditLog.seq,
    AuditLog.at_ms,
    AuditLog.actor_kind,
    AuditLog.actor_id,
    AuditLog.address,
    AuditLog.action,
    AuditLog.target_kind,
    AuditLog.target_id,
    AuditLog.previous_hash,
    AuditLog.hash,
    AuditLog.before,
    AuditLog.after,
)
_HEAD = AuditHead.id == 1


class AuditRows:
    """Implements ``ports.AuditTrail``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # Compiled once: a bulk assignment writes thousands of rows while others wait for the head.
        self._insert = Write(db, insert_of(AuditLog, columns_of(AuditLog)))
        self._move_head = Write(db, update_of(AuditHead, ("seq", "hash"), key="id"))
        context: Any = db.get_sql_context()
        head = AuditHead.select(AuditHead.seq, AuditHead.hash).where(_HEAD)
        self._head = context.sql(head.for_update() if db.for_update else head).query()

    def append(
        self,
        *,
        at_ms: int,
        actor: Actor,
        action: str,
        target_kind: str,
        target_id: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> AuditRecord:
        """Raises ``StorageError`` where somebody has taken the trail's head away."""
        with transaction(self._db):
            seq, previous_hash = self._lock_head()
            fields: dict[str, Any] = {
                "at_ms": at_ms,
                "action": action,
                "target_kind": target_kind,
                "target_id": target_id,
                "previous_hash": previous_hash,
                "seq": seq + 1,
            }
            digest = chain_hash(actor=actor, before=before, after=after, **fields)
            row = {
                **fields,
                "actor_kind": actor.kind,
                "actor_id": actor.id,
                "address": actor.address,
                "before": None if before is None else canonical(before),
                "after": None if after is None else canonical(after),
                "hash": digest,
            }
            self._insert.run([row])
            self._move_head.run([{"id": 1, "seq": seq + 1, "hash": digest}])
        return AuditRecord(actor=actor, before=before, after=after, hash=digest, **fields)

    def page(self, wanted: AuditFilter, *, offset: int, limit: int) -> Sequence[AuditRecord]:
        query = _filtered(_SELECT, wanted).order_by(AuditLog.seq.desc())
        return [_record(*row) for row in self._raw(query.offset(offset).limit(limit))]

    def count(self, wanted: AuditFilter) -> int:
        with session(self._db):
            return int(_filtered(AuditLog.select(), wanted).bind(self._db).count())

    def walk(self, *, after: int | None = None) -> Iterator[AuditRecord]:
        """Read in batches, each in a short transaction of its own."""
        while records := self._batch(after):
            yield from records
            after = records[-1].seq

    def head(self) -> tuple[int, str]:
        with session(self._db):
            row = AuditHead.select().where(_HEAD).bind(self._db).first()
        return (0, GENESIS) if row is None else (row.seq, row.hash)

    def _lock_head(self) -> tuple[int, str]:
        """The end of the chain, and the right to be the only one who adds to it.

        SQLite's transaction holds its write lock already.
        """
        row = execute(self._db, *self._head).fetchone()
        if row is None:
            raise StorageError("audit_head has no row: restore it from the last row of audit_log")
        return row[0], row[1]

    def _batch(self, after: int | None) -> list[AuditRecord]:
        query = _SELECT.order_by(AuditLog.seq).limit(_BATCH)
        if after is not None:
            query = query.where(AuditLog.seq > after)
        return [_record(*row) for row in self._raw(query)]

    def _raw(self, query: Any) -> list[tuple[Any, ...]]:
        """The rows as they stand in the database.

        peewee would turn bytes, which SQLite lets stand in a column of text, into an error.
        """
        context: Any = self._db.get_sql_context()
        sql, parameters = context.sql(query).query()
        with session(self._db):
            return list(execute(self._db, sql, parameters).fetchall())


def _filtered(query: Any, wanted: AuditFilter) -> Any:
    for column in ("actor_id", "action", "target_kind", "target_id"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(AuditLog, column) == value)
    if wanted.from_ms is not None:
        query = query.where(AuditLog.at_ms >= wanted.from_ms)
    if wanted.until_ms is not None:
        query = query.where(AuditLog.at_ms < wanted.until_ms)
    return query


def _record(seq: int, at_ms: object, *stored: object) -> AuditRecord:
    before, after = stored[-2:]
    kind, actor_id, address, action, target_kind, target_id, previous_hash, digest = (
        value if isinstance(value, str) else repr(value) for value in stored[:-2]
    )
    return AuditRecord(
        seq=seq,
        # SQLite lets anything stand in a column of numbers too; this fits no hash.
        at_ms=at_ms if isinstance(at_ms, int) else -1,
        actor=Actor(kind=kind, id=actor_id, address=address),
        action=action,
        target_kind=target_kind,
        target_id=target_id,
        before=_mapping(before),
        after=_mapping(after),
        previous_hash=previous_hash,
        hash=digest,
    )


def _mapping(text: object) -> Mapping[str, Any] | None:
    """What was stored. A text that nobody here wrote is shown as it is, and fits no hash."""
    if text is None:
        return None
    if not isinstance(text, str):
        return {"unreadable": repr(text)}
    try:
        value = json.loads(text)
        if isinstance(value, dict) and canonical(value) == text:
            return value
    except (ValueError, RecursionError):
        pass
    return {"unreadable": text}

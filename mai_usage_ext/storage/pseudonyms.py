"""A pseudonym in the place of a user who is gone; every sum of money stays as it is."""

from typing import Any

from peewee import Database, Model

from mai_usage_ext.storage.alert_models import AlertRule
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import (
    AlertEvent,
    ClientLiveCounter,
    ClientMonthTotal,
    ClientUserDailyUsage,
    DeletedUser,
    UsageHold,
    UsageLedger,
    UserClientMapping,
)
from mai_usage_ext.storage.sessions import execute, write

__all__ = ["put_pseudonym"]

# In the order in which the writer touches them, so that the two never wait for each other.
_TABLES: tuple[Any, ...] = (
    ClientMonthTotal,
    UsageHold,
    UsageLedger,
    ClientLiveCounter,
    AlertEvent,
    AlertRule,
)


def put_pseudonym(
    db: Database, user_id: str, pseudonym: str, *, user_hash: str, now_ms: int
) -> int:
    """Rename a user everywhere and end their membership, in the caller's transaction.

    ``pseudonym`` must be one that nobody had before. Returns how many rows had the user; with 0,
    nothing was written at all.
    """
    if not is_sqlite(db):
        _lock_months(db, user_id)
    rows = _end_membership(db, user_id, pseudonym, now_ms)
    for table in _TABLES:
        rows += write(db, table.update(user_id=pseudonym).where(table.user_id == user_id))
    rows += write(
        db,
        ClientUserDailyUsage.update(user_id=pseudonym, openrouter_user_id=pseudonym).where(
            ClientUserDailyUsage.user_id == user_id
        ),
    )
    if rows:
        write(
            db,
            DeletedUser.insert(user_hash=user_hash, pseudonym=pseudonym, at_ms=now_ms),
        )
    return rows


def _end_membership(db: Database, user_id: str, pseudonym: str, now_ms: int) -> int:
    mapping = UserClientMapping
    is_theirs = mapping.user_id == user_id
    # What has not begun never will.
    rows = write(db, mapping.delete().where(is_theirs & (mapping.valid_from_ms > now_ms)))
    goes_on = mapping.valid_to_ms.is_null() | (mapping.valid_to_ms > now_ms)
    write(db, mapping.update(valid_to_ms=now_ms).where(is_theirs & goes_on))
    rename = mapping.update(user_id=pseudonym, openrouter_user_id=pseudonym).where(is_theirs)
    return rows + write(db, rename)


def _lock_months(db: Database, user_id: str) -> None:
    """Wait for the writers of this user's organizations, and let them wait for us.

    The rows are locked in the order in which the writers lock them.
    """
    total = ClientMonthTotal
    organizations = _organizations_of(UserClientMapping, user_id)
    for table in (UsageHold, UsageLedger, ClientLiveCounter, ClientUserDailyUsage):
        organizations |= _organizations_of(table, user_id)
    query = (
        total.select(total.organization_id, total.month, total.user_id)
        .where(total.organization_id.in_(organizations))
        .order_by(total.organization_id, total.month, total.user_id)
        .for_update()
    )
    context: Any = db.get_sql_context()
    sql, parameters = context.sql(query).query()
    execute(db, sql, parameters).close()


def _organizations_of(table: type[Model], user_id: str) -> Any:
    columns: Any = table
    return columns.select(columns.organization_id).where(columns.user_id == user_id)

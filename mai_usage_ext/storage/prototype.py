"""mAI's in-tree prototype had tables of the same names, with float money: recognise and set aside.

They are recognised by their columns, before anything of ours is created. Where the prototype is
gone from the host they are renamed to ``legacy_…``, so that they can be imported later.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from peewee import Database

from mai_usage_ext.errors import MigrationFailed, PrototypePresent
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import all_models
from mai_usage_ext.storage.sessions import execute

__all__ = ["PREFIX", "find", "set_aside"]

PREFIX = "legacy_"


@dataclass(frozen=True, slots=True)
class Legacy:
    """What makes a table the prototype's: all of these columns, none of which are ours."""

    table: str
    columns: frozenset[str]
    money: tuple[str, ...] = ()


def _legacy(table: str, columns: str, money: str = "") -> Legacy:
    return Legacy(table, frozenset(columns.split()), tuple(money.split()))


_COSTS = "raw_cost markup_cost"
_TABLES = (
    _legacy("global_settings", "id openrouter_provisioning_key default_markup_rate"),
    _legacy(
        "client_organizations",
        "id name openrouter_api_key markup_rate is_active",
        "markup_rate monthly_limit",
    ),
    _legacy("user_client_mapping", "id user_id client_org_id is_active"),
    _legacy("client_daily_usage", "id client_org_id usage_date total_tokens raw_cost", _COSTS),
    _legacy("client_user_daily_usage", "id client_org_id user_id usage_date raw_cost", _COSTS),
    _legacy("client_model_daily_usage", "id client_org_id model_name usage_date raw_cost", _COSTS),
    _legacy(
        "client_live_counters",
        "client_org_id current_date today_tokens today_raw_cost",
        "today_raw_cost today_markup_cost",
    ),
    _legacy("processed_generations", "id client_org_id generation_date processed_at", "total_cost"),
    _legacy("daily_exchange_rates", "id date currency_from currency_to rate", "rate"),
)
# Two of the names are anybody's, so these alone do not make a prototype.
_UNSPECIFIC = frozenset({"global_settings", "daily_exchange_rates"})


def find(db: Database, *, prefix: str = "") -> list[str]:
    """Names of the prototype's tables in this database, the prefix they are kept under left out."""
    tables = set(db.get_tables())
    found = [
        one.table for one in _TABLES if prefix + one.table in tables and _matches(db, one, prefix)
    ]
    return found if set(found) - _UNSPECIFIC else []


def set_aside(db: Database, *, prototype_in_host: bool) -> list[str]:
    """Make room for our tables, inside the caller's transaction; return what was renamed.

    Raises ``PrototypePresent`` when the tables are still in use, ``MigrationFailed`` for a table
    that has one of our names and is nobody's we know.
    """
    found = find(db)
    if found and prototype_in_host:
        raise PrototypePresent(
            "the host still carries its own metering, which uses the tables "
            f"{', '.join(found)}; remove it from the host, then start again"
        )
    _refuse_strangers(db, found)
    _refuse_taken_names(db, found)
    for table in found:
        _rename(db, table)
    return found


def _matches(db: Database, legacy: Legacy, prefix: str = "") -> bool:
    return legacy.columns <= {column.name for column in db.get_columns(prefix + legacy.table)}


def _refuse_strangers(db: Database, found: list[str]) -> None:
    ours = {model._meta.table_name for model in all_models()}
    strangers = sorted(ours & set(db.get_tables()) - set(found))
    if strangers:
        raise MigrationFailed(
            f"the table {strangers[0]} exists and is neither ours nor the prototype's; rename it, "
            "or give us a database of our own with MAI_USAGE_DATABASE_URL"
        )


def _refuse_taken_names(db: Database, found: list[str]) -> None:
    taken = sorted({PREFIX + table for table in found} & set(db.get_tables()))
    if taken:
        raise MigrationFailed(
            f"the table {taken[0]} is in the way of {taken[0].removeprefix(PREFIX)}, which has to "
            "be renamed to it; rename or drop the older one"
        )


def _rename(db: Database, table: str) -> None:
    before = _figures(db, table, of=table)
    indexes = db.get_indexes(table)
    execute(db, f'ALTER TABLE "{table}" RENAME TO "{PREFIX}{table}"')
    for index in indexes:
        _rename_index(db, index.name, index.sql)
    after = _figures(db, PREFIX + table, of=table)
    if before != after:
        raise MigrationFailed(f"{table} held {dict(before)} and holds {dict(after)} as {PREFIX}…")


def _rename_index(db: Database, name: str, sql: str | None) -> None:
    if not is_sqlite(db):
        execute(db, f'ALTER INDEX "{name}" RENAME TO "{PREFIX}{name}"')
        return
    if sql is None:
        return  # A key's own index follows its table.
    current = execute(db, "SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
    pattern = r"(INDEX\s+)(?:IF\s+NOT\s+EXISTS\s+)?[\"'`\[]?" + re.escape(name) + r"[\"'`\]]?(\s)"
    renamed, count = re.subn(
        pattern, lambda m: f'{m[1]}"{PREFIX}{name}"{m[2]}', current, count=1, flags=re.IGNORECASE
    )
    if count != 1:
        raise MigrationFailed(f"the index {name} could not be renamed: {current}")
    execute(db, f'DROP INDEX "{name}"')
    execute(db, renamed)


def _figures(db: Database, table: str, *, of: str) -> Mapping[str, Decimal | int | float]:
    """Number of rows and the sum of every money column."""
    present = {column.name for column in db.get_columns(table)}
    money = next(one.money for one in _TABLES if one.table == of)
    columns = [column for column in money if column in present]
    # An exact sum on PostgreSQL does not depend on the order in which the rows are read.
    kind = "REAL" if is_sqlite(db) else "NUMERIC"
    sums = [f'COALESCE(SUM(CAST("{column}" AS {kind})), 0)' for column in columns]
    figures = ", ".join(["COUNT(*)", *sums])
    query = f'SELECT {figures} FROM "{table}"'  # noqa: S608 - names from the table above
    row = execute(db, query).fetchone()
    return dict(zip(["rows", *columns], row, strict=True))

"""What a model takes for a token that it has in its cache, beside its other list prices."""

from collections.abc import Mapping
from typing import Any

from peewee import Database, SqliteDatabase

from mai_usage_ext.errors import MigrationFailed

REQUIRES = "0.1.0"

# Both databases add such a column at once, without touching a row.
TABLE, COLUMN = "model_prices", "cache_read_pusd"


def measure(db: Database) -> Mapping[str, int]:
    """Prices, which get a column."""
    return {TABLE: _count(db)}


def up(db: Database) -> None:
    run: Any = db.execute_sql
    # As peewee names it in each of the two.
    kind = "INTEGER" if isinstance(db, SqliteDatabase) else "BIGINT"
    run(f"ALTER TABLE {TABLE} ADD COLUMN {COLUMN} {kind}")


def down(db: Database) -> None:
    run: Any = db.execute_sql
    run(f"ALTER TABLE {TABLE} DROP COLUMN {COLUMN}")


def check(db: Database, before: Mapping[str, int]) -> None:
    """The prices are all there with their new column."""
    if COLUMN not in {column.name for column in db.get_columns(TABLE)}:
        raise MigrationFailed(f"{TABLE} lacks the column {COLUMN}")
    if _count(db) != before[TABLE]:
        raise MigrationFailed(f"{TABLE} had {before[TABLE]} rows and has {_count(db)}")


def _count(db: Database) -> int:
    run: Any = db.execute_sql
    return int(run(f"SELECT COUNT(*) FROM {TABLE}").fetchone()[0])  # noqa: S608 - our own name

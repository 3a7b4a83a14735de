"""The models say what the migrations made."""

from collections.abc import Iterator

import pytest
from peewee import BigIntegerField, Database, Model

from mai_usage_ext.storage.database import close_database, is_sqlite, open_database
from mai_usage_ext.storage.models import all_models
from mai_usage_ext.storage.sessions import session

# Unique keys that a model cannot say: of some rows only, or of an expression.
BEYOND_MODELS = {
    "mai_usage_mappings_open",
    "mai_usage_pricing_key",
    "mai_usage_organizations_key",
    "mai_usage_alert_events_once",
    "mai_usage_alert_events_subject",
    "mai_usage_alert_notifications_once",
    "mai_usage_events_once",
    "mai_usage_statements_month",
    "mai_usage_statements_serial",
    "mai_usage_webhook_deliveries_once",
}
# PostgreSQL wants what divides a table in its key.
DIVIDED_BY = {"usage_ledger": ["partition_day"]}


@pytest.fixture(scope="module")
def db(shared_database_url: str) -> Iterator[Database]:
    opened = open_database(shared_database_url, owned=True)
    yield opened
    close_database(opened)


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model._meta.table_name)
def test_a_model_is_its_table(db: Database, model: type[Model]) -> None:
    with session(db):
        columns = db.get_columns(model._meta.table_name)
        made = {column.name: column.null for column in columns}
        key = db.get_primary_keys(model._meta.table_name)
    assert made == {field.column_name: field.null for field in model._meta.sorted_fields}
    more = [] if is_sqlite(db) else DIVIDED_BY.get(model._meta.table_name, [])
    assert key == [field.column_name for field in model._meta.get_primary_keys()] + more


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model._meta.table_name)
def test_unique_keys_are_those_of_the_models(db: Database, model: type[Model]) -> None:
    with session(db):
        indexes = db.get_indexes(model._meta.table_name)
    made = {
        tuple(index.columns)
        for index in indexes
        if index.unique and index.name not in BEYOND_MODELS
    }
    key = tuple(field.column_name for field in model._meta.get_primary_keys())
    declared = {(field.column_name,) for field in model._meta.sorted_fields if field.unique}
    assert made - {key} == declared


def test_money_and_instants_are_wide(db: Database) -> None:
    """PostgreSQL's own INTEGER ends at two thousand millionths of a cent."""
    wide = "INTEGER" if hasattr(db, "pragma") else "bigint"
    with session(db):
        for model in all_models():
            kinds = {column.name: column for column in db.get_columns(model._meta.table_name)}
            for field in model._meta.sorted_fields:
                if field.column_name.endswith(("_pusd", "_ms", "_tokens", "_micro")):
                    assert isinstance(field, BigIntegerField)
                    assert kinds[field.column_name].data_type == wide


def test_index_names_carry_our_prefix(db: Database) -> None:
    """They are global in a SQLite file that the host's tables are in too."""
    with session(db):
        names = {
            index.name
            for model in all_models()
            for index in db.get_indexes(model._meta.table_name)
            if not index.name.startswith("sqlite_autoindex_") and "_pkey" not in index.name
        }
    assert names
    assert all(name.startswith("mai_usage_") for name in names)

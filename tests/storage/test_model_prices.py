"""The stored price list, on both databases."""

from peewee import Database

from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.storage.model_prices import StoredPriceRows
from mai_usage_ext.storage.models import StoredPrice
from mai_usage_ext.storage.sessions import session
from tests.storage.counting import counted_statements

PRICE = ModelPrice(
    prompt_pusd=2_500_000,
    completion_pusd=10_000_000,
    request_pusd=1,
    image_pusd=3_613_000_000,
    max_completion_tokens=16_384,
    cache_read_pusd=1_250_000,
)
FREE = ModelPrice(prompt_pusd=0, completion_pusd=0)


def fetched(db: Database) -> dict[str, int]:
    with session(db):
        return {row.model: row.fetched_at_ms for row in StoredPrice.select().bind(db)}


def test_what_is_loaded_is_what_was_saved(db: Database) -> None:
    stored = StoredPriceRows(db)
    assert stored.load() == {}
    assert stored.save({"a/b": PRICE, "c/d:free": FREE}, now_ms=1) == 2
    assert stored.load() == {"a/b": PRICE, "c/d:free": FREE}
    assert StoredPriceRows(db).load()["a/b"].image_pusd == 3_613_000_000


def test_only_what_changed_is_written(db: Database) -> None:
    stored = StoredPriceRows(db)
    dearer = ModelPrice(prompt_pusd=3, completion_pusd=4)
    stored.save({"stays": PRICE, "rises": PRICE, "vanishes": PRICE}, now_ms=1)
    assert stored.save({"stays": PRICE, "rises": dearer, "comes": FREE}, now_ms=2) == 3
    assert stored.load() == {"stays": PRICE, "rises": dearer, "comes": FREE}
    assert fetched(db) == {"stays": 1, "rises": 2, "comes": 2}
    with counted_statements(db) as sent:
        assert stored.save(stored.load(), now_ms=3) == 0
    assert [sql for sql in sent if not sql.lstrip().upper().startswith("SELECT")] == []


def test_a_long_list_and_an_empty_one(db: Database) -> None:
    stored = StoredPriceRows(db)
    many = {f"maker/model-{number}": PRICE for number in range(450)}
    assert stored.save(many, now_ms=1) == 450
    assert stored.load() == many
    assert stored.save({}, now_ms=2) == 450
    assert stored.load() == {}

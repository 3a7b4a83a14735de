"""Slow statements: by shape, without values, of our own connections only."""

import pytest
from peewee import Database

from mai_usage_ext.storage.database import close_database, open_database
from mai_usage_ext.storage.models import UsageSetting
from mai_usage_ext.storage.sessions import driver_cursor, execute, session, transaction, write
from mai_usage_ext.storage.slow_queries import SlowQueries, shape_of, watch_statements


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        (
            "SELECT a FROM t WHERE id = 'it''s' AND n = 12.5",
            "SELECT a FROM t WHERE id = ? AND n = ?",
        ),
        ("SELECT a\n  FROM t WHERE id IN (?, ?, ?)", "SELECT a FROM t WHERE id IN (…)"),
        ("INSERT INTO t VALUES (%s, %s), (%s, %s)", "INSERT INTO t VALUES (…), …"),
        ("SELECT t1.a FROM t AS t1", "SELECT t1.a FROM t AS t1"),
    ],
)
def test_a_shape_has_no_values(sql: str, shape: str) -> None:
    assert shape_of(sql) == shape


def test_only_what_took_long_is_listed_slowest_first() -> None:
    queries = SlowQueries(threshold_ms=100, now=lambda: 1.5)
    queries.note("SELECT 1", 0.099)
    queries.note("SELECT a WHERE id = 'x'", 0.2)
    queries.note("SELECT a WHERE id = 'y'", 0.4)
    queries.note("SELECT b", 0.3)
    first, second = queries.slowest(10)
    assert (first.shape, first.count, first.max_ms, first.mean_ms) == (
        "SELECT a WHERE id = ?", 2, 400, 300,
    )  # fmt: skip
    assert (second.shape, second.last_at_ms) == ("SELECT b", 1500)
    assert len(queries.slowest(1)) == 1


def test_of_many_shapes_the_slowest_stay() -> None:
    queries = SlowQueries(threshold_ms=0)
    for number in range(300):
        queries.note(f"SELECT c{'x' * number}", 1 + number)
    kept = queries.slowest(1000)
    assert len(kept) == 100
    assert kept[0].max_ms == 300_000
    assert kept[-1].max_ms == 201_000


def test_every_way_to_a_statement_is_watched(db: Database) -> None:
    queries = SlowQueries(threshold_ms=0)
    watch_statements(db, queries)
    watch_statements(db, queries)
    with session(db):
        execute(db, "SELECT 11").fetchone()
        list(UsageSetting.select().bind(db))
        with driver_cursor(db) as cursor:
            cursor.execute("SELECT 22 AS mine")
            assert cursor.fetchone()[0] == 22
    with transaction(db):
        write(db, UsageSetting.delete().where(UsageSetting.name == "secret-name"))
    found = {query.shape: query.count for query in queries.slowest(100)}
    assert found["SELECT ?"] == 1, "watched twice, timed once"
    assert found["SELECT ? AS mine"] == 1
    assert any(shape.startswith('SELECT "t1"."name"') for shape in found)
    assert any(shape.startswith("DELETE") for shape in found)
    assert not any("secret-name" in shape for shape in found)


def test_another_database_is_left_alone(db: Database, database_url: str) -> None:
    queries = SlowQueries(threshold_ms=0)
    watch_statements(db, queries)
    other = open_database(database_url)
    with session(other):
        execute(other, "SELECT 33 AS theirs").fetchone()
    close_database(other)
    assert queries.slowest(10) == []


def test_a_statement_that_fails_is_timed_too(db: Database) -> None:
    queries = SlowQueries(threshold_ms=0)
    watch_statements(db, queries)
    with pytest.raises(Exception, match="nothing_here"), session(db):
        execute(db, "SELECT 1 FROM nothing_here")
    assert [query.shape for query in queries.slowest(10)] == ["SELECT ? FROM nothing_here"]

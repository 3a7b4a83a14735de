"""Whoever writes to the database past us cannot change a closed statement either."""

from datetime import date
from typing import Any

import pytest
from peewee import Database, IntegrityError

from mai_usage_ext.errors import Conflict
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.sessions import execute, session, transaction
from mai_usage_ext.storage.statement_rows import StatementRows
from tests.papers.samples import make_line, make_statement

ADD_A_LINE = """INSERT INTO statement_lines
    SELECT statement_id, 9, kind, month, model, 0, 0, 0, 0, '' FROM statement_lines"""


@pytest.fixture
def rows(db: Database) -> StatementRows:
    rows = StatementRows(db)
    rows.add(make_statement(make_line("m", 5)), year=2026, serial=7)
    return rows


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE statements SET net_pusd = 0",
        "UPDATE statements SET organization_id = 'other'",
        "DELETE FROM statements",
        "UPDATE statement_lines SET billed_pusd = 0",
        "DELETE FROM statement_lines",
        ADD_A_LINE,
    ],
)
def test_a_closed_statement_never_changes(
    db: Database, rows: StatementRows, statement: str
) -> None:
    before = rows.get("f" * 32)
    with session(db), pytest.raises(IntegrityError, match="a closed statement never changes"):
        execute(db, statement)
    assert before is not None
    assert rows.get("f" * 32) == before


def test_nor_is_it_truncated(db: Database, rows: StatementRows) -> None:
    if is_sqlite(db):
        return
    for table in ("statements", "statement_lines"):
        with session(db), pytest.raises(IntegrityError, match="never changes"):
            execute(db, f"TRUNCATE {table}")
    assert rows.get("f" * 32) is not None


@pytest.mark.parametrize(
    ("changes", "serial"),
    [
        ({"id": "a"}, 8),  # the month has its own
        ({"id": "a", "month": "2026-02"}, 8),  # the number is taken
        ({"id": "a", "month": "2026-02", "number": "S2026-0008"}, 7),  # so is the serial
    ],
)
def test_one_month_one_statement_one_number(
    rows: StatementRows, changes: dict[str, Any], serial: int
) -> None:
    with pytest.raises(Conflict, match="has its statement already"):
        rows.add(make_statement(make_line("m", 5), **changes), year=2026, serial=serial)
    assert rows.get("a") is None


def test_a_number_that_was_not_used_is_taken_by_the_next(db: Database) -> None:
    rows = StatementRows(db)

    class GoneError(Exception):
        pass

    def give_up() -> None:
        with transaction(db):
            assert rows.next_number(2026) == 1
            raise GoneError

    with pytest.raises(GoneError):
        give_up()
    with transaction(db):
        assert [rows.next_number(2026), rows.next_number(2026)] == [1, 2]
        assert rows.next_number(2027) == 1


def test_the_mark_is_where_the_organization_stands(rows: StatementRows) -> None:
    mark = rows.mark("acme")
    assert mark is not None
    assert (mark.first_month, mark.last_month, mark.count) == ("2026-01", "2026-01", 1)
    assert rows.mark("other") is None
    assert rows.live_days("acme", first=date(2026, 1, 1), last=date(2026, 1, 31)) == 0

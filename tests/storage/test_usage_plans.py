"""How lines are read: in pieces that fit into memory, and along indexes."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.ports.usage import Dimension, UsageQuery
from mai_usage_ext.storage import usage_pieces
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import session
from mai_usage_ext.storage.usage_lines import UsageLineRows
from tests.storage.daily import NOW_MS, book, entry_on
from tests.storage.samples import DAY, make_organization
from tests.storage.test_usage_lines import FIRST, GROUPINGS, lines


@pytest.fixture
def other(db: Database) -> str:
    return make_organization(db, "Zeta")


@pytest.mark.parametrize("most", [1, 5])
def test_pieces_say_the_same_as_the_whole(
    db: Database, organization: str, other: str, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    days = [DAY - timedelta(days=back) for back in (0, 1, 2, 15, 40)]
    book(db, *(entry_on(one, day) for one in (organization, other) for day in days))
    SealRows(db).seal(organization, days[3], now_ms=NOW_MS)
    whole = {group_by: lines(db, group_by=group_by) for group_by in GROUPINGS}
    monkeypatch.setattr(usage_pieces, "MOST_LINES", most)
    with session(db):
        for group_by, expect in whole.items():
            assert lines(db, group_by=group_by) == expect


def test_no_piece_is_long(db: Database) -> None:
    """A year of a thousand organizations by day and user, and by month and organization."""
    ids = [f"{number:04}" for number in range(1_000)]
    query = UsageQuery(
        first=date(2025, 1, 1),
        last=date(2025, 12, 31),
        group_by=(Dimension.ORGANIZATION, Dimension.DAY, Dimension.USER),
    )
    cut = list(usage_pieces.pieces(query, ids))
    assert [one for piece in cut for one in piece.organization_ids] == ids
    assert all(len(piece.organization_ids) == 1 for piece in cut)
    by_month = replace(query, group_by=(Dimension.MONTH, Dimension.ORGANIZATION, Dimension.USER))
    cut = list(usage_pieces.pieces(by_month, ids))
    assert [piece.query.first.day for piece in cut] == [1] * 12
    assert cut[-1].query.last == query.last
    assert len(list(usage_pieces.pieces(replace(query, group_by=(Dimension.DAY,)), ids))) == 1
    assert list(usage_pieces.pieces(query, [])) == []


def read_whole(sql: str, plan: Iterable[str]) -> set[str]:
    """The tables that a statement reads from end to end; SQLite tells their aliases alone."""
    text = "\n".join(plan)
    tables = set(re.findall(r"Seq Scan on (\w+?)(?:_\d{4}_\d{2})?\b", text))
    for alias in re.findall(r"SCAN (\w+)", text):
        tables |= set(re.findall(rf'"(\w+)" AS "{alias}"', sql)) or {alias}
    return tables


@pytest.mark.parametrize("is_for_all", [False, True])
def test_every_grouping_goes_along_indexes(
    db: Database,
    organization: str,
    other: str,
    monkeypatch: pytest.MonkeyPatch,
    is_for_all: bool,
) -> None:
    run: Any = db.execute_sql
    explain = "EXPLAIN QUERY PLAN " if is_sqlite(db) else "EXPLAIN "
    found: set[str] = set()

    def explained(sql: str, parameters: Any = None) -> Any:
        plan = [str(row[-1]) for row in run(explain + sql, parameters).fetchall()]
        assert plan
        found.update(read_whole(sql, plan))
        return run(sql, parameters)

    organization_id = None if is_for_all else organization
    with session(db):
        if not is_sqlite(db):
            # An empty table is read whole, whatever stands beside it.
            run("SET enable_seqscan = off")
        monkeypatch.setattr(db, "execute_sql", explained)
        for group_by in GROUPINGS:
            query = UsageQuery(
                first=FIRST, last=DAY, organization_id=organization_id, group_by=group_by
            )
            list(UsageLineRows(db).lines(query))
            UsageLineRows(db).sealed(query)
        explained("SELECT COUNT(*) FROM usage_settings")
        monkeypatch.undo()
    small = {"client_organizations", "json_each", "usage_settings"}
    assert found <= small
    # The eye that looks does see.
    assert not is_sqlite(db) or "usage_settings" in found

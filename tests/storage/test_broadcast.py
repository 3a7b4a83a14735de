"""Calls that were told of, in both databases, and the migration that makes room for them."""

from dataclasses import replace
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.errors import StorageUnavailable
from mai_usage_ext.migrations import m0007_broadcast
from mai_usage_ext.ports.broadcast import BroadcastFinding
from mai_usage_ext.ports.reconciliation import KeyUsage
from mai_usage_ext.storage import broadcast
from mai_usage_ext.storage.broadcast import BroadcastRows
from mai_usage_ext.storage.models import AlertEvent
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from mai_usage_ext.storage.sessions import session, transaction, write
from tests.services.test_broadcast_judgement import CALL


@pytest.fixture
def rows(db: Database) -> BroadcastRows:
    return BroadcastRows(db)


def calls(count: int) -> list[Any]:
    return [replace(CALL, generation_id=f"gen-{number:03}") for number in range(count)]


def test_each_is_kept_once_and_as_it_first_was(rows: BroadcastRows) -> None:
    assert rows.add(calls(101), now_ms=1, due_at_ms=10) == 101
    dearer = replace(CALL, generation_id="gen-000", model="other")
    assert rows.add([dearer, *calls(102)], now_ms=2, due_at_ms=20) == 1
    assert rows.due(now_ms=9, limit=200) == []
    due = rows.due(now_ms=10, limit=100)
    assert [record.call for record in due] == calls(100)
    assert {record.received_at_ms for record in due} == {1}


def test_all_of_a_delivery_or_nothing(rows: BroadcastRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks between the first forty and the rest."""
    statements = iter([broadcast.write])

    def once(db: Database, query: Any) -> int:
        run = next(statements, None)
        if run is None:
            raise StorageUnavailable("gone")
        return run(db, query)

    monkeypatch.setattr(broadcast, "write", once)
    with pytest.raises(StorageUnavailable):
        rows.add(calls(60), now_ms=1, due_at_ms=1)
    assert rows.page(None, offset=0, limit=9) == ([], 0)


def test_what_is_judged_is_not_due_again(rows: BroadcastRows) -> None:
    rows.add(calls(4), now_ms=1, due_at_ms=10)
    rows.judge("gen-000", BroadcastFinding.BOOKED, "")
    rows.forget(["gen-001"])
    rows.postpone(["gen-000", "gen-002"], due_at_ms=30)
    assert [record.call.generation_id for record in rows.due(now_ms=29, limit=9)] == ["gen-003"]
    assert rows.forget_older(2) == 1, "what is still to be judged stays"
    assert rows.page(None, offset=0, limit=9)[1] == 2


def test_a_name_that_two_keys_have_tells_nothing(db: Database, rows: BroadcastRows) -> None:
    looks = [
        KeyUsage(key_hash=key_hash, name=name, label="", usage_pusd=0)
        for key_hash, name in (("a", "one"), ("b", "two"), ("c", "two"), ("d", ""))
    ]
    ReconciliationRows(db).note_counters(looks, now_ms=1)
    assert rows.keys() == {"one": ("a", None)}
    renamed = [KeyUsage(key_hash="c", name="three", label="", usage_pusd=0)]
    ReconciliationRows(db).note_counters(renamed, now_ms=2)
    assert {name: key_hash for name, (key_hash, _) in rows.keys().items()} == {
        "one": "a",
        "two": "b",
        "three": "c",
    }


def test_down_and_up_again_keeps_the_limits_alerts(db: Database, organization: str) -> None:
    event = {
        "organization_id": organization,
        "user_id": "",
        "month": "2026-06",
        "percent": 80,
        "limit_pusd": 10,
        "spent_pusd": 8,
        "at_ms": 1,
    }
    with transaction(db):
        for kind, subject in (("limit.threshold_crossed", ""), ("capture.below", "2026-06-15 k")):
            write(db, AlertEvent.insert(kind=kind, subject=subject, **event))
    with transaction(db):
        m0007_broadcast.down(db)
        before = m0007_broadcast.measure(db)
        assert before["alert_events"] == 1
        m0007_broadcast.up(db)
        m0007_broadcast.check(db, before)
    with session(db):
        [kept] = AlertEvent.select().bind(db)
    assert (kept.kind, kept.subject) == ("limit.threshold_crossed", "")

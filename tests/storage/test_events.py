"""The outbox: told with the transaction that made it true, and once."""

import pytest
from peewee import Database

from mai_usage_ext.migrations import m0008_events
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.sessions import transaction

DAY = {"day": "2026-03-29", "cost": "0.000000000001", "name": "Zażółć 🦆"}


def test_an_event_comes_back_as_it_was_told(db: Database) -> None:
    events = EventRows(db)
    events.add(EventKind.DAY_SEALED, subject="o/1", at_ms=5, data=DAY, organization_id="o")
    events.add(EventKind.KEY_TROUBLE, subject="k", at_ms=6, data={})

    first, second = events.after(0, limit=10)

    assert (first.kind, first.subject, first.organization_id) == (
        EventKind.DAY_SEALED,
        "o/1",
        "o",
    )
    assert (first.at_ms, first.data) == (5, DAY)
    assert (second.kind, second.organization_id, second.data) == (EventKind.KEY_TROUBLE, None, {})
    assert first.id.startswith("evt_")
    assert first.id != second.id
    assert list(events.after(first.number, limit=10)) == [second]
    assert list(events.after(0, limit=1)) == [first]


def test_the_same_is_told_once(db: Database) -> None:
    events = EventRows(db)
    for at_ms in (5, 6):
        events.add(EventKind.LIMIT_REACHED, subject="o/2026-03", at_ms=at_ms, data={})
    events.add(EventKind.LIMIT_CROSSED, subject="o/2026-03", at_ms=7, data={})

    assert [event.at_ms for event in events.after(0, limit=10)] == [5, 7]


def test_what_is_rolled_back_is_not_told(db: Database) -> None:
    events = EventRows(db)

    def closes_a_statement() -> None:
        with transaction(db):
            events.add(EventKind.STATEMENT_CLOSED, subject="s", at_ms=1, data={})
            raise NotADirectoryError

    with pytest.raises(NotADirectoryError):
        closes_a_statement()
    assert list(events.after(0, limit=10)) == []


def test_the_migration_goes_both_ways(db: Database) -> None:
    with transaction(db):
        m0008_events.down(db)
    assert "usage_events" not in db.get_tables()
    with transaction(db):
        m0008_events.up(db)
        m0008_events.check(db, m0008_events.measure(db))
    EventRows(db).add(EventKind.KEY_CREATED, subject="k", at_ms=1, data={})
    assert len(EventRows(db).after(0, limit=2)) == 1

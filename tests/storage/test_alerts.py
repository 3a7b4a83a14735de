"""The migration of alerts, and what is stored of those on their way."""

import pytest
from peewee import Database

from mai_usage_ext.metering.limits import LimitEventKind
from mai_usage_ext.migrations import m0011_alerts
from mai_usage_ext.ports.alerts import AlertState, Channel
from mai_usage_ext.storage.alert_models import AlertEvent
from mai_usage_ext.storage.alert_notifications import NotificationRows
from mai_usage_ext.storage.alert_rules import AlertRuleRows
from mai_usage_ext.storage.alerts import AlertRows
from mai_usage_ext.storage.limit_events import LimitEventRows
from mai_usage_ext.storage.sessions import execute, session, transaction, write


def note(db: Database, organization: str, percent: int = 80) -> None:
    LimitEventRows(db).add(
        kind=LimitEventKind.THRESHOLD,
        organization_id=organization,
        month="2026-01",
        percent=percent,
        limit_pusd=10,
        spent_pusd=8,
        at_ms=5,
    )


def test_what_was_noted_before_is_kept_and_told_to_nobody(db: Database, organization: str) -> None:
    note(db, organization)
    with transaction(db):
        write(
            db,
            AlertEvent.insert(
                kind="usage.spike",
                organization_id=organization,
                user_id="",
                month="2026-01-20",
                percent=0,
                limit_pusd=0,
                spent_pusd=0,
                at_ms=6,
                subject="new",
            ),
        )
        m0011_alerts.down(db)
        before = m0011_alerts.measure(db)
        assert before == {"alert_events": 1}
        m0011_alerts.up(db)
        m0011_alerts.check(db, before)
    [kept] = AlertRows(db).unresolved(["limit.threshold_crossed"])
    assert (kept.percent, kept.state, kept.rule_id) == (80, AlertState.OPEN, None)
    assert AlertRows(db).untold(limit=9) == []
    assert len(AlertRuleRows(db).all()) == len(m0011_alerts.BUILTIN)


@pytest.mark.parametrize("column", ["level", "severity"])
def test_a_rule_is_of_a_level_and_a_severity_there_are(db: Database, column: str) -> None:
    with pytest.raises(Exception, match=r"(?i)check"), transaction(db):
        execute(db, f"UPDATE alert_rules SET {column} = 'odd'")


def test_batches_are_by_recipient_and_stay_as_they_were(db: Database, organization: str) -> None:
    rows = NotificationRows(db)
    for percent in (80, 90, 100):
        note(db, organization, percent)
    ids = [alert.id for alert in AlertRows(db).untold(limit=9)]
    for alert_id in ids[:2]:
        for recipient in ("a@b", "c@d", "a@b"):
            rows.add(alert_id, Channel.EMAIL, recipient, now_ms=10)
    first, second = rows.due(now_ms=10, limit=99)
    assert [alert.percent for alert in first.alerts] == [80, 90]
    rows.failed(first.id, problem="away", next_at_ms=70, now_ms=10)
    rows.sent(second.id, now_ms=10)
    rows.add(ids[2], Channel.EMAIL, "a@b", now_ms=20)
    [later] = rows.due(now_ms=20, limit=99)
    assert [alert.percent for alert in later.alerts] == [100]
    rows.sent(later.id, now_ms=20)
    [again] = rows.due(now_ms=70, limit=99)
    assert (again.id, again.attempts, len(again.alerts)) == (first.id, 1, 2)
    rows.failed(again.id, problem="still away", next_at_ms=None, now_ms=80)
    assert rows.due(now_ms=9_999, limit=99) == []
    assert rows.given_up(since_ms=80) == (2, "still away")
    assert rows.given_up(since_ms=81) == (0, "")
    # What was sent meanwhile is not undone by one who is late.
    rows.failed(later.id, problem="late", next_at_ms=90, now_ms=80)
    assert rows.due(now_ms=9_999, limit=99) == []


def test_two_processes_decide_once(db: Database, organization: str) -> None:
    note(db, organization)
    store = AlertRows(db)
    [alert] = store.untold(limit=9)
    assert store.told(alert.id, rule=None, is_muted=False, now_ms=7) is True
    assert store.told(alert.id, rule=None, is_muted=True, now_ms=8) is False
    with session(db):
        row = AlertEvent.select().bind(db).get()
    assert (row.told_at_ms, row.is_muted) == (7, False)

"""Marks of limits and amounts: noted by whoever crosses them, once, with their event."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from unittest import mock

import pytest
from peewee import Database

from mai_usage_ext.metering.limits import MarkPeriod, MarkRule, Marks
from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.storage.changes import Settle
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.groups import GroupCommit
from mai_usage_ext.storage.models import AlertEvent, ClientOrganization
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.statements import Reads
from tests.storage.conftest import MakeWriter
from tests.storage.samples import DAY, make_entry, make_hold, make_organization, percent_marks

Noted = tuple[str, str, str, int, int, int]


def noted(db: Database) -> list[Noted]:
    """Kind, period, user, percentage, limit or amount, and what was spent, oldest first."""
    row = AlertEvent
    with session(db):
        return [
            (one.kind, one.month, one.user_id, one.percent, one.limit_pusd, one.spent_pusd)
            for one in row.select().order_by(row.id).bind(db)
        ]


def amounts(
    *marks: int,
    period: MarkPeriod = MarkPeriod.MONTH,
    user_id: str | None = None,
    organization_id: str | None = None,
    rule_id: int = 1,
) -> MarkRule:
    return MarkRule(
        id=rule_id, period=period, marks=marks, user_id=user_id, organization_id=organization_id
    )


def spend(
    commit: GroupCommit, organization: str, *costs: int, user_id: str = "ada", day: date = DAY
) -> None:
    """All of it in one group."""
    changes = []
    for cost in costs:
        hold = make_hold(organization, user_id=user_id, day=day, month=f"{day:%Y-%m}")
        changes.append(Settle(hold, make_entry(hold, billed_pusd=cost)))
    commit.commit(changes, now_ms=7)


def told(db: Database) -> Sequence[tuple[EventKind, dict[str, object]]]:
    return [(event.kind, dict(event.data)) for event in EventRows(db).after(0, limit=99)]


def limit(db: Database, organization: str, pusd: int | None) -> None:
    query = ClientOrganization.update(monthly_limit_pusd=pusd)
    with transaction(db):
        write(db, query.where(ClientOrganization.id == organization))


def test_several_marks_of_one_group_are_all_noted_with_their_events(
    db: Database, organization: str
) -> None:
    limit(db, organization, 100)
    commit = GroupCommit(db, marks=lambda: percent_marks(50, 80, 100, 150))
    spend(commit, organization, 60, 60)
    marks = [(50, 100, 120), (80, 100, 120), (100, 100, 120)]
    kind = "limit.threshold_crossed"
    assert noted(db) == [(kind, "2026-01", "", *mark) for mark in marks]
    assert told(db)[0] == (
        EventKind.LIMIT_CROSSED,
        {
            "client_id": organization,
            "user_id": None,
            "period": "2026-01",
            "percent": 50,
            "limit": "0.0000000001",
            "spent": "0.00000000012",
        },
    )
    spend(commit, organization, 30)
    assert [one[3] for one in noted(db)] == [50, 80, 100, 150]
    assert len(told(db)) == 4


def test_a_raised_limit_has_marks_of_its_own_and_the_old_one_keeps_those_it_had(
    db: Database, organization: str
) -> None:
    commit = GroupCommit(db, marks=lambda: percent_marks(80))
    limit(db, organization, 100)
    spend(commit, organization, 90)
    limit(db, organization, 200)
    spend(commit, organization, 70)
    assert [one[3:5] for one in noted(db)] == [(80, 100), (80, 200)]
    limit(db, organization, 100)
    spend(commit, organization, 70)
    assert len(noted(db)) == 2


def test_amounts_of_a_month(db: Database, organization: str) -> None:
    commit = GroupCommit(db, marks=lambda: Marks([amounts(10, 20, 50)]))
    spend(commit, organization, 25)
    spend(commit, organization, 24)
    spend(commit, organization, 1)
    spend(commit, organization, 9, day=date(2026, 2, 1))
    assert noted(db) == [
        ("spend.crossed", "2026-01", "", 0, 10, 25),
        ("spend.crossed", "2026-01", "", 0, 20, 25),
        ("spend.crossed", "2026-01", "", 0, 50, 50),
    ]
    kind, facts = told(db)[0]
    assert (kind, facts["kind"], facts["amount"]) == (
        EventKind.ALERT_FIRED,
        "spend.crossed",
        "0.00000000001",
    )


def test_amounts_of_a_day(db: Database, organization: str) -> None:
    marks = Marks([amounts(10, 20, period=MarkPeriod.DAY)])
    commit = GroupCommit(db, marks=lambda: marks)
    other = date(2026, 1, 21)
    for day, cost in ((DAY, 9), (other, 9), (DAY, 1), (other, 11), (DAY, 10), (DAY, 99)):
        spend(commit, organization, cost, day=day)
    assert [(one[1], *one[4:]) for one in noted(db)] == [
        ("2026-01-20", 10, 10),
        ("2026-01-21", 10, 20),
        ("2026-01-21", 20, 20),
        ("2026-01-20", 20, 20),
    ]


def test_amounts_of_one_user(db: Database, organization: str) -> None:
    """The user has no limit, so no row keeps what the user spent."""
    rules = [
        amounts(10, user_id="ada"),
        amounts(5, user_id="ada", period=MarkPeriod.DAY, rule_id=2),
    ]
    commit = GroupCommit(db, marks=lambda: Marks(rules))
    spend(commit, organization, 100, user_id="ben")
    spend(commit, organization, 4)
    spend(commit, organization, 100, user_id="ben")
    spend(commit, organization, 4, day=date(2026, 1, 21))
    spend(commit, organization, 2, day=date(2026, 1, 22))
    spend(commit, organization, 1)
    assert [(one[1], one[2], *one[4:]) for one in noted(db)] == [
        ("2026-01", "ada", 10, 10),
        ("2026-01-20", "ada", 5, 5),
    ]


def test_the_most_specific_rule_is_named(db: Database, organization: str) -> None:
    limit(db, organization, 100)
    own = MarkRule(
        id=9,
        period=MarkPeriod.LIMIT,
        marks=(80, 90),
        organization_id=organization,
        severity="critical",
    )
    everybody = MarkRule(id=1, period=MarkPeriod.LIMIT, marks=(70, 80))
    commit = GroupCommit(db, marks=lambda: Marks([own, everybody]))
    spend(commit, organization, 95)
    with session(db):
        rows = list(AlertEvent.select().order_by(AlertEvent.id).bind(db))
    assert [(row.percent, row.rule_id, row.severity) for row in rows] == [
        (70, 1, "warning"),
        (80, 9, "critical"),
        (90, 9, "critical"),
    ]


def test_a_sum_is_read_once_and_then_only_near_a_mark(db: Database, organization: str) -> None:
    marks = Marks([amounts(1_000, period=MarkPeriod.DAY)])
    commit = GroupCommit(db, marks=lambda: marks)
    with mock.patch.object(Reads, "spent_in", autospec=True, side_effect=Reads.spent_in) as read:
        for _ in range(9):
            spend(commit, organization, 100)
        assert read.call_count == 1
        spend(commit, organization, 100)
        assert read.call_count == 2
        for _ in range(9):
            spend(commit, organization, 100)
        assert read.call_count == 2
    assert [one[4:] for one in noted(db)] == [(1_000, 1_000)]


def test_without_amounts_a_group_costs_no_statement_more(db: Database, organization: str) -> None:
    commit = GroupCommit(db, marks=lambda: percent_marks(80))
    with mock.patch.object(Reads, "spent_in", autospec=True) as read:
        spend(commit, organization, 100)
    assert not read.called


def test_another_process_has_spent_meanwhile(db: Database, organization: str) -> None:
    marks = Marks([amounts(100, 200, period=MarkPeriod.DAY)])
    one, two = (GroupCommit(db, marks=lambda: marks) for _ in range(2))
    spend(one, organization, 50)
    spend(two, organization, 60)
    spend(one, organization, 60)
    spend(two, organization, 29)
    assert [one[4:] for one in noted(db)] == [(100, 110)]
    spend(one, organization, 1)
    assert [one[4:] for one in noted(db)] == [(100, 110), (200, 200)]


def test_what_is_rolled_back_is_not_remembered(db: Database, organization: str) -> None:
    marks = Marks([amounts(100, period=MarkPeriod.DAY)])
    commit = GroupCommit(db, marks=lambda: marks)
    spend(commit, organization, 10)
    noting = mock.patch("mai_usage_ext.storage.alert_marks.MarkRows.add", side_effect=OSError("no"))
    with noting, pytest.raises(OSError, match="no"):
        spend(commit, organization, 95)
    assert noted(db) == []
    spend(commit, organization, 95)
    assert [one[4:] for one in noted(db)] == [(100, 105)]


def test_a_refused_call_is_told_once(
    db: Database, make_writer: MakeWriter, organization: str
) -> None:
    limit(db, organization, 0)
    writer = make_writer(marks=lambda: percent_marks(80))
    for _ in range(3):
        assert writer.place(make_hold(organization)).result(10).granted_pusd is None
    assert [one[0] for one in noted(db)] == ["limit.reached"]
    assert [kind for kind, _ in told(db)] == [EventKind.LIMIT_REACHED]


@pytest.mark.slow
def test_two_processes_cross_the_same_marks(db: Database, database_url: str) -> None:
    """Every mark once, of the month, of the day, and of each user, with its one event."""
    organization = make_organization(db, "Shared")
    limit(db, organization, 1_000)
    arguments = [sys.executable, "-m", "tests.storage.crowd", "cross", database_url]
    processes = [
        subprocess.Popen([*arguments, f"process-{number}", organization, "100", "5"])
        for number in range(2)
    ]
    assert [process.wait(120) for process in processes] == [0, 0]
    found = noted(db)
    assert sorted((one[1], one[2], one[3], one[4]) for one in found) == sorted(
        [
            *(("2026-01", "", percent, 1_000) for percent in (50, 80, 100)),
            *(("2026-01", "", 0, amount) for amount in (300, 600, 900)),
            *(("2026-01-20", "", 0, amount) for amount in (450, 999)),
            ("2026-01", "user-0", 0, 240),
        ]
    )
    for _, _, _, percent, amount, spent in found:
        mark = amount * percent // 100 if percent else amount
        assert spent >= mark
    assert len(told(db)) == len(found)

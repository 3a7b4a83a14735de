"""Limits hold: whoever asks, however many at once, in whichever process."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import date

import pytest
from peewee import Database

from mai_usage_ext.metering.limits import LimitEventKind
from mai_usage_ext.ports import HoldState, Outcome, Role, Verdict
from mai_usage_ext.storage.limit_events import LimitEventRows
from mai_usage_ext.storage.models import (
    ClientMonthTotal,
    ClientOrganization,
    UserClientMapping,
)
from mai_usage_ext.storage.sessions import session, transaction, write
from tests.storage.books import read_books, state_of
from tests.storage.conftest import MakeWriter
from tests.storage.samples import make_entry, make_hold, make_organization, percent_marks

COST = 1_000_000


def limit(db: Database, organization: str, pusd: int | None, **columns: object) -> None:
    query = ClientOrganization.update(monthly_limit_pusd=pusd, **columns)
    with transaction(db):
        write(db, query.where(ClientOrganization.id == organization))


def limit_user(db: Database, organization: str, user_id: str, pusd: int) -> None:
    row = UserClientMapping.insert(
        user_id=user_id,
        valid_from_ms=0,
        organization_id=organization,
        role=Role.MEMBER.value,
        monthly_limit_pusd=pusd,
        created_at_ms=0,
    )
    with transaction(db):
        write(db, row)


def granted(verdicts: Sequence["Future[Verdict]"]) -> list[int]:
    answers = [verdict.result(60) for verdict in verdicts]
    return [answer.granted_pusd for answer in answers if answer.granted_pusd is not None]


def users_month(db: Database, organization: str, user_id: str) -> tuple[int, int] | None:
    row = ClientMonthTotal
    query = row.select().where((row.organization_id == organization) & (row.user_id == user_id))
    with session(db):
        found = query.bind(db).first()
    return None if found is None else (found.spent_pusd, found.held_pusd)


def test_ten_at_once_with_room_for_seven(
    db: Database, make_writer: MakeWriter, organization: str
) -> None:
    """A group is judged hold by hold: its sum would refuse all ten."""
    limit(db, organization, 7 * COST)
    writer = make_writer(start=False)
    holds = [make_hold(organization, estimate_pusd=COST) for _ in range(10)]
    verdicts = [writer.place(hold) for hold in holds]
    writer.start()
    assert granted(verdicts) == [COST] * 7
    assert verdicts[7].result() == Verdict(
        granted_pusd=None, limit_pusd=7 * COST, spent_pusd=0, held_pusd=7 * COST
    )
    assert state_of(db, holds[7].id) is None
    assert read_books(db, organization).held == 7 * COST


def test_what_is_freed_can_be_held_again(
    db: Database, make_writer: MakeWriter, organization: str
) -> None:
    limit(db, organization, COST)
    writer = make_writer()
    first = make_hold(organization, estimate_pusd=COST)
    assert writer.place(first).result(10).granted_pusd == COST
    assert writer.place(make_hold(organization, estimate_pusd=1)).result(10).granted_pusd is None
    writer.void(first, reason="an error answer").result(10)
    assert writer.place(make_hold(organization, estimate_pusd=COST)).result(10).granted_pusd == COST


def test_a_limit_that_only_warns(db: Database, make_writer: MakeWriter, organization: str) -> None:
    limit(db, organization, COST, on_limit="alert")
    writer = make_writer(marks=lambda: percent_marks(80, 100))
    hold = make_hold(organization, estimate_pusd=5 * COST)
    assert writer.place(hold).result(10).granted_pusd == 5 * COST
    writer.settle(hold, make_entry(hold, billed_pusd=5 * COST)).result(10)
    events, _ = LimitEventRows(db).page(organization_id=organization, offset=0, limit=9)
    assert [(event.kind, event.percent) for event in events] == [
        (LimitEventKind.THRESHOLD, 100),
        (LimitEventKind.THRESHOLD, 80),
    ]


def test_each_mark_once_and_several_at_once(
    db: Database, make_writer: MakeWriter, organization: str
) -> None:
    limit(db, organization, 100)
    writer = make_writer(marks=lambda: percent_marks(80, 90, 100))
    for cost in (79, 1, 5, 10, 5):
        hold = make_hold(organization, estimate_pusd=0)
        writer.place(hold).result(10)
        writer.settle(hold, make_entry(hold, billed_pusd=cost)).result(10)
    over = writer.place(make_hold(organization, estimate_pusd=1)).result(10)
    assert over.granted_pusd is None
    assert writer.place(make_hold(organization, estimate_pusd=1)).result(10).granted_pusd is None
    events, total = LimitEventRows(db).page(organization_id=organization, offset=0, limit=9)
    assert total == 4
    assert [(event.kind, event.percent, event.spent_pusd) for event in reversed(events)] == [
        (LimitEventKind.THRESHOLD, 80, 80),
        (LimitEventKind.THRESHOLD, 90, 95),
        (LimitEventKind.THRESHOLD, 100, 100),
        (LimitEventKind.REACHED, 100, 100),
    ]
    assert {event.user_id for event in events} == {None}


def test_a_hold_is_made_smaller_down_to_its_least(
    db: Database, make_writer: MakeWriter, organization: str
) -> None:
    limit(db, organization, 10 * COST)
    writer = make_writer()
    large = make_hold(organization, estimate_pusd=50 * COST)
    assert writer.place(large, least_pusd=11 * COST).result(10).granted_pusd is None
    assert writer.place(large, least_pusd=10 * COST).result(10).granted_pusd == 10 * COST
    assert read_books(db, organization).held == 10 * COST
    writer.void(large, reason="done").result(10)
    assert read_books(db, organization).held == 0


def test_another_month_has_its_own_room(
    db: Database, make_writer: MakeWriter, organization: str
) -> None:
    limit(db, organization, COST)
    writer = make_writer()
    february = {"day": date(2026, 2, 1), "month": "2026-02"}
    holds = [make_hold(organization, estimate_pusd=COST, **terms) for terms in ({}, february, {})]
    verdicts = [writer.place(hold) for hold in holds]
    assert [verdict.result(10).granted_pusd for verdict in verdicts] == [COST, COST, None]


def test_a_users_own_limit(db: Database, make_writer: MakeWriter, organization: str) -> None:
    limit(db, organization, 100 * COST)
    limit_user(db, organization, "ada", 3 * COST)
    writer = make_writer(start=False)
    holds = [make_hold(organization, estimate_pusd=COST) for _ in range(5)]
    verdicts = [writer.place(hold, has_user_limit=True) for hold in holds]
    other = writer.place(make_hold(organization, estimate_pusd=COST, user_id="bob"))
    writer.start()
    assert granted(verdicts) == [COST] * 3
    assert verdicts[4].result() == Verdict(
        granted_pusd=None, limit_pusd=3 * COST, held_pusd=3 * COST, is_users=True
    )
    assert other.result(10).granted_pusd == COST
    writer.settle(holds[0], make_entry(holds[0], billed_pusd=COST // 2)).result(10)
    assert users_month(db, organization, "ada") == (COST // 2, 2 * COST)
    assert users_month(db, organization, "bob") is None


def test_a_users_own_marks(db: Database, make_writer: MakeWriter, organization: str) -> None:
    limit_user(db, organization, "ada", 100)
    writer = make_writer(marks=lambda: percent_marks(80, 100))
    hold = make_hold(organization, estimate_pusd=1)
    writer.place(hold, has_user_limit=True).result(10)
    writer.settle(hold, make_entry(hold, billed_pusd=85)).result(10)
    assert writer.place(make_hold(organization, estimate_pusd=16)).result(10).is_users
    events, _ = LimitEventRows(db).page(organization_id=organization, offset=0, limit=9)
    assert [(event.kind, event.percent, event.user_id) for event in reversed(events)] == [
        (LimitEventKind.THRESHOLD, 80, "ada"),
        (LimitEventKind.REACHED, 100, "ada"),
    ]


def test_a_limit_set_in_the_middle_of_a_month_counts_what_was_before(
    db: Database, make_writer: MakeWriter, organization: str
) -> None:
    writer = make_writer()
    done, waiting, other = (make_hold(organization, estimate_pusd=COST) for _ in range(3))
    for hold in (done, waiting, other):
        writer.place(hold).result(10)
    writer.settle(done, make_entry(done, billed_pusd=2 * COST)).result(10)
    writer.void(other, reason="an error answer").result(10)
    limit_user(db, organization, "ada", 4 * COST)
    asked = [make_hold(organization, estimate_pusd=COST) for _ in range(2)]
    verdicts = [writer.place(hold, has_user_limit=True).result(10) for hold in asked]
    assert [verdict.granted_pusd for verdict in verdicts] == [COST, None]
    assert users_month(db, organization, "ada") == (2 * COST, 2 * COST)


def test_what_was_sent_is_held_and_booked_whatever_the_limit_says(
    db: Database, make_writer: MakeWriter, organization: str
) -> None:
    """An organization that goes on while nobody could check owes what it used all the same."""
    limit(db, organization, 0)
    writer = make_writer()
    waits, done = (make_hold(organization, estimate_pusd=COST) for _ in range(2))
    assert writer.place(waits).result(10).granted_pusd is None
    writer.defer(
        waits,
        state=HoldState.UNIDENTIFIED,
        outcome=Outcome.CANCELLED,
        generation_id=None,
        reason="it died",
    ).result(10)
    assert writer.settle(done, make_entry(done)).result(10) is True
    books = read_books(db, organization)
    books.assert_balanced()
    assert books.held == COST


def test_a_lowered_limit_holds_for_the_next_call(
    db: Database, make_writer: MakeWriter, organization: str
) -> None:
    writer = make_writer()
    assert writer.place(make_hold(organization, estimate_pusd=COST)).result(10).granted_pusd
    limit(db, organization, COST)
    assert writer.place(make_hold(organization, estimate_pusd=1)).result(10).granted_pusd is None
    limit(db, organization, None)
    assert writer.place(make_hold(organization, estimate_pusd=1)).result(10).granted_pusd == 1


@pytest.mark.slow
def test_four_processes_and_room_for_a_hundred(db: Database, database_url: str) -> None:
    """400 calls at once against one limit: exactly as many as fit, and never a picodollar over."""
    organization = make_organization(db, "Full")
    limit(db, organization, 100 * COST)
    arguments = [sys.executable, "-m", "tests.storage.crowd", "spend", database_url]
    processes = [
        subprocess.Popen(
            [*arguments, f"process-{number}", organization, "100", str(COST)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    answers = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sum(int(answer) for answer in answers) == 100
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.spent, books.held, books.entries) == (100 * COST, 0, 100)

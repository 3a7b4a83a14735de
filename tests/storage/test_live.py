"""What the live pages' statements say, on both databases, and that they go along indexes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from peewee import Database

from mai_usage_ext.ports import HoldState, Member, Outcome, Role
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.live import LiveRows
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.sessions import session
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.samples import AT_MS, DAY, make_entry, make_hold, make_organization

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)


def test_every_step_of_a_call_changes_the_figures(
    db: Database, writer: LedgerWriter, organization: str
) -> None:
    rows = LiveRows(db)

    def look() -> object:
        found = rows.figures([organization, "nobody"], first=YESTERDAY, last=TOMORROW)
        assert set(found) <= {organization}
        return found.get(organization)

    assert look() is None
    hold = make_hold(organization)
    writer.place(hold).result(10)
    assert look() == {(DAY, 0, 0, 0, 0, 1)}
    # A call whose cost is not known yet counts on.
    writer.defer(
        hold,
        state=HoldState.PENDING,
        outcome=Outcome.CANCELLED,
        generation_id="gen-1",
        reason="stopped",
        next_attempt_ms=AT_MS,
    ).result(10)
    assert look() == {(DAY, 0, 0, 0, 0, 1)}
    writer.settle(hold, make_entry(hold, "gen-1")).result(10)
    settled = (DAY, 1, 8174, 30, 425_048_001, 0)
    assert look() == {settled}
    # A free one changes no money.
    free = make_hold(organization, estimate_pusd=0, day=YESTERDAY)
    writer.place(free).result(10)
    writer.settle(free, make_entry(free, raw_pusd=0, billed_pusd=0)).result(10)
    assert look() == {settled, (YESTERDAY, 1, 8174, 30, 0, 0)}


def test_other_organizations_and_days_do_not_matter(
    db: Database, writer: LedgerWriter, organization: str
) -> None:
    other = make_organization(db, "Other")
    for hold in (make_hold(other), make_hold(organization, day=DAY - timedelta(days=2))):
        writer.place(hold).result(10)
        writer.settle(hold, make_entry(hold)).result(10)
        writer.place(replace(hold, id=hold.id + "-open")).result(10)
    found = LiveRows(db).figures([organization], first=YESTERDAY, last=TOMORROW)
    assert found == {}


def test_places_are_those_of_the_instant(db: Database, organization: str) -> None:
    other = make_organization(db, "Other")
    here = Member(
        organization_id=organization,
        user_id="ada",
        role=Role.MEMBER,
        openrouter_user_id="u_1",
        monthly_limit_pusd=None,
        valid_from_ms=100,
        valid_to_ms=300,
        source="admin",
        created_at_ms=100,
    )
    members = MemberRows(db)
    members.add(here)
    members.add(replace(here, organization_id=other, valid_from_ms=300, valid_to_ms=None))
    members.add(replace(here, user_id="ben", openrouter_user_id="u_2", valid_to_ms=None))
    rows, users = LiveRows(db), ["ada", "ben", "nobody"]
    assert rows.places(users, at_ms=99) == {}
    assert rows.places(users, at_ms=299) == {"ada": organization, "ben": organization}
    assert rows.places(users, at_ms=300) == {"ada": other, "ben": organization}
    assert rows.places(["nobody"], at_ms=300) == {}
    assert rows.places([], at_ms=300) == {}


def test_what_runs_every_second_goes_along_indexes(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Any = db.execute_sql
    explain = "EXPLAIN QUERY PLAN " if is_sqlite(db) else "EXPLAIN "
    plan: list[str] = []

    def explained(sql: str, parameters: Any = None) -> Any:
        plan.extend(str(row) for row in run(explain + sql, parameters).fetchall())
        return run(sql, parameters)

    with session(db):
        if not is_sqlite(db):
            # An empty table is read whole, whatever stands beside it.
            run("SET enable_seqscan = off")
        monkeypatch.setattr(db, "execute_sql", explained)
        LiveRows(db).figures(["a", "b"], first=YESTERDAY, last=TOMORROW)
        LiveRows(db).places(["a", "b"], at_ms=AT_MS)
        monkeypatch.undo()
    text = "\n".join(plan)
    assert "mai_usage_holds_day" in text
    for read_whole in ("SCAN client_live", "SCAN usage_holds", "SCAN user_client", "Seq Scan"):
        assert read_whole not in text

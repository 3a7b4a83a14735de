"""Who belongs where, row by row; and pseudonyms that leave every sum as it was."""

import threading
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from peewee import Database, fn

from mai_usage_ext.errors import Conflict
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import Member, Role
from mai_usage_ext.storage.alert_models import AlertRule
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.members import MemberRows
from mai_usage_ext.storage.models import (
    AlertEvent,
    ClientLiveCounter,
    ClientMonthTotal,
    ClientOrganization,
    ClientUserDailyUsage,
    DeletedUser,
    UsageHold,
    UsageLedger,
    UserClientMapping,
    all_models,
)
from mai_usage_ext.storage.sessions import session, transaction, write
from mai_usage_ext.storage.writer import LedgerWriter
from tests.storage.books import read_books
from tests.storage.samples import AT_MS, DAY, MONTH, make_entry, make_hold, make_organization

PSEUDONYM = "deleted-0123456789ab"


def stretch(organization_id: str, **changes: Any) -> Member:
    member = Member(
        organization_id=organization_id,
        user_id="ada",
        role=Role.MEMBER,
        openrouter_user_id="u_1",
        monthly_limit_pusd=None,
        valid_from_ms=AT_MS,
        valid_to_ms=None,
        source="admin",
        created_at_ms=AT_MS,
    )
    return replace(member, **changes)


@pytest.fixture
def rows(db: Database) -> MemberRows:
    return MemberRows(db)


def test_a_stretch_is_stored_and_found(rows: MemberRows, organization: str) -> None:
    member = stretch(organization, role=Role.MANAGER, monthly_limit_pusd=7, source="rule")
    rows.add(member)
    assert rows.current("ada", at_ms=AT_MS) == member
    assert rows.current("ada", at_ms=AT_MS - 1) is None
    assert rows.current("ben", at_ms=AT_MS) is None
    assert rows.history("ada") == [member]
    assert rows.history("ben") == []
    assert (rows.user_ids(), rows.holder_of("u_1"), rows.holder_of("u_2")) == (["ada"], "ada", None)


def test_one_open_stretch_for_each_user(db: Database, rows: MemberRows, organization: str) -> None:
    rows.add(stretch(organization))
    with transaction(db):
        with pytest.raises(Conflict, match="somebody else"):
            rows.add(stretch(organization, valid_from_ms=AT_MS + 5))
        # What failed inside leaves the whole transaction usable.
        rows.add(stretch(organization, user_id="ben"))
    assert rows.user_ids() == ["ada", "ben"]


def test_ending_planning_and_taking_back(rows: MemberRows, organization: str) -> None:
    first = stretch(organization)
    rows.add(first)
    rows.end(first, at_ms=AT_MS + 10)
    ended = replace(first, valid_to_ms=AT_MS + 10)
    planned = stretch(organization, valid_from_ms=AT_MS + 10)
    rows.add(planned)
    assert rows.history("ada") == [ended, planned]
    assert rows.current("ada", at_ms=AT_MS + 9) == ended
    assert rows.current("ada", at_ms=AT_MS + 10) == planned
    for outdated in (rows.end, lambda member, at_ms: rows.change(member, {"role": Role.MANAGER})):
        with pytest.raises(Conflict, match="somebody else"):
            outdated(first, at_ms=AT_MS + 20)
    rows.remove(planned)
    with pytest.raises(Conflict):
        rows.remove(planned)
    rows.reopen(ended)
    assert rows.history("ada") == [first]
    rows.change(first, {"role": Role.MANAGER, "monthly_limit_pusd": 5, "openrouter_user_id": "x"})
    assert rows.history("ada") == [
        replace(first, role=Role.MANAGER, monthly_limit_pusd=5, openrouter_user_id="x")
    ]
    with pytest.raises(ValueError, match="can be changed"):
        rows.change(first, {"valid_from_ms": 0})


def test_pages(db: Database, rows: MemberRows, organization: str) -> None:
    other = make_organization(db, "Zeta")
    for number, user_id in enumerate(("ada", "a_a", "ben", "cleo")):
        rows.add(
            stretch(
                organization if number < 3 else other,
                user_id=user_id,
                role=Role.MANAGER if user_id == "ben" else Role.MEMBER,
            )
        )
    everything: dict[str, Any] = {
        "organization_id": None, "role": None, "search": None,
        "at_ms": AT_MS, "offset": 0, "limit": 10,
    }  # fmt: skip

    def found(**wanted: Any) -> tuple[set[str], int]:
        members, total = rows.page(**{**everything, **wanted})
        return {member.user_id for member in members}, total

    assert found() == ({"ada", "a_a", "ben", "cleo"}, 4)
    assert found(organization_id=organization, role=Role.MEMBER) == ({"ada", "a_a"}, 2)
    assert found(search=["ben", "nobody"]) == ({"ben"}, 1)
    assert found(search=[]) == (set(), 0)
    assert found(search=["ben"], text="_") == ({"ben", "a_a"}, 2)
    assert found(search=[], text="CL") == ({"cleo"}, 1)
    assert found(at_ms=AT_MS - 1) == (set(), 0)
    assert found(limit=2)[1] == 4
    assert len(found(offset=3)[0]) == 1


def test_many_at_once(db: Database, rows: MemberRows, organization: str) -> None:
    names = [f"user-{number}" for number in range(1_200)]
    with transaction(db):
        for name in names:
            rows.add(stretch(organization, user_id=name, openrouter_user_id=name))
    found = rows.histories([*names, *names, "nobody"])
    assert sorted(found) == sorted(names)
    assert all(len(history) == 1 for history in found.values())


def test_organizations_by_id_or_slug(db: Database, rows: MemberRows, organization: str) -> None:
    other = make_organization(db, "Zeta")
    # A slug that reads like somebody else's id must not catch that one's members.
    write(
        db,
        ClientOrganization.update(slug=organization).where(ClientOrganization.id == other),
    )
    assert rows.organizations_named(["acme", organization, "nope", "zeta"]) == {
        "acme": organization,
        organization: organization,
        other: other,
    }


def test_the_lock_lets_one_at_a_time_in(db: Database, rows: MemberRows) -> None:
    inside, order = threading.Event(), []

    def second() -> None:
        inside.wait(10)
        with transaction(db):
            rows.lock()
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with transaction(db):
        rows.lock()
        inside.set()
        thread.join(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def a_rule(user_id: str) -> dict[str, Any]:
    """An alert rule about what a user spends."""
    texts = {"name": "much", "kind": "spend", "level": "user", "severity": "warning"}
    lists = {"parameters": "{}", "channels": "[]", "emails": "[]"}
    flags = {"is_enabled": True, "is_builtin": False, "notify_organization": False}
    return {
        **texts,
        **lists,
        **flags,
        "user_id": user_id,
        "created_at_ms": AT_MS,
        "updated_at_ms": AT_MS,
    }


def a_day(organization: str, user_id: str, day: date = DAY) -> dict[str, Any]:
    sums = dict.fromkeys(
        (name for name in ClientUserDailyUsage._meta.fields if name not in {"openrouter_user_id"}),
        1,
    )
    return {
        **sums, "organization_id": organization, "day": day, "user_id": user_id,
        "openrouter_user_id": "u_1",
    }  # fmt: skip


def spend(writer: LedgerWriter, organization: str, user_id: str, *, generation: str) -> None:
    hold = make_hold(organization, user_id=user_id)
    writer.place(hold)
    writer.settle(hold, make_entry(hold, generation)).result(10)


def money(db: Database) -> list[int]:
    """The sums over all users, of every table that has them."""
    sums = (
        (ClientMonthTotal, "spent_pusd"),
        (ClientMonthTotal, "held_pusd"),
        (UsageHold, "estimate_pusd"),
        (UsageLedger, "billed_pusd"),
        (UsageLedger, "raw_pusd"),
        (ClientLiveCounter, "billed_pusd"),
        (ClientLiveCounter, "requests"),
        (ClientUserDailyUsage, "billed_pusd"),
    )
    with session(db):
        return [
            int(table.select(fn.SUM(getattr(table, name))).bind(db).scalar())
            for table, name in sums
        ]


def users_in(db: Database) -> dict[str, set[str]]:
    """Who stands in which table."""
    with session(db):
        return {
            table._meta.table_name: {
                row[0] for row in table.select(table.user_id).tuples().bind(db)
            }
            for table in all_models()
            if "user_id" in table._meta.fields
        }


def test_a_pseudonym_replaces_a_user_everywhere(
    db: Database, rows: MemberRows, organization: str, writer: LedgerWriter
) -> None:
    for user_id in ("ada", "ben"):
        rows.add(stretch(organization, user_id=user_id, openrouter_user_id=user_id))
        spend(writer, organization, user_id, generation=f"gen-1768903200-{user_id}")
        writer.place(make_hold(organization, user_id=user_id)).result(10)
        total = {"organization_id": organization, "month": MONTH, "user_id": user_id}
        event = {**total, "kind": "threshold", "percent": 80, "limit_pusd": 1, "spent_pusd": 1}
        write(db, ClientMonthTotal.insert(**total, spent_pusd=5, held_pusd=3))
        write(db, AlertEvent.insert(**event, at_ms=AT_MS))
        write(db, AlertRule.insert(**a_rule(user_id)))
        write(db, ClientUserDailyUsage.insert(**a_day(organization, user_id)))
    [ada] = rows.history("ada")
    rows.end(ada, at_ms=AT_MS + 100)
    rows.add(replace(ada, valid_from_ms=AT_MS + 100))  # a planned move
    before, where = money(db), users_in(db)
    assert all("ada" in users for users in where.values())

    changed = rows.pseudonymise("ada", PSEUDONYM, user_hash="hash", now_ms=AT_MS + 50)

    assert changed > len(where)
    assert money(db) == before
    for table, users in users_in(db).items():
        assert users == where[table] - {"ada"} | {PSEUDONYM}, table
    # The organization's own sums agree with its ledger as before; users' rows are copies.
    books = read_books(db, organization)
    assert (books.entries, books.requests) == (2, 2)
    assert books.ledger_billed == books.cells_billed == books.spent - 10
    [ended] = rows.history(PSEUDONYM)
    assert (ended.valid_to_ms, ended.openrouter_user_id) == (AT_MS + 50, PSEUDONYM)
    assert rows.user_ids() == ["ben"]
    with session(db):
        [gone] = DeletedUser.select().bind(db)
        [daily] = (
            ClientUserDailyUsage.select().where(ClientUserDailyUsage.user_id == PSEUDONYM).bind(db)
        )
    assert (gone.user_hash, gone.pseudonym, gone.at_ms) == ("hash", PSEUDONYM, AT_MS + 50)
    assert daily.openrouter_user_id == PSEUDONYM
    assert rows.pseudonymise("ada", "deleted-2", user_hash="hash", now_ms=AT_MS) == 0
    with session(db):
        assert DeletedUser.select().bind(db).count() == 1


def test_a_late_settlement_is_caught_by_the_next_look(
    db: Database, rows: MemberRows, organization: str, writer: LedgerWriter
) -> None:
    hold = make_hold(organization)
    writer.place(hold).result(10)
    assert rows.seen_user_ids(DAY) == ["ada"]
    rows.pseudonymise("ada", PSEUDONYM, user_hash="hash", now_ms=AT_MS)
    assert rows.seen_user_ids(DAY) == []
    writer.settle(hold, make_entry(hold)).result(10)
    assert rows.seen_user_ids(DAY) == ["ada"]
    rows.pseudonymise("ada", "deleted-2", user_hash="hash", now_ms=AT_MS)
    assert rows.seen_user_ids(DAY) == []
    books = read_books(db, organization)
    books.assert_balanced()
    assert (books.entries, books.held) == (1, 0)


def test_whom_the_last_days_have_seen(
    db: Database, rows: MemberRows, organization: str, writer: LedgerWriter
) -> None:
    spend(writer, organization, "", generation="gen-1768903200-1")
    spend(writer, organization, "ada", generation="gen-1768903200-2")
    for user_id, day in (("ben", date(2026, 1, 19)), ("cleo", date(2026, 1, 18))):
        write(db, ClientUserDailyUsage.insert(**a_day(organization, user_id, day)))
    assert rows.seen_user_ids(date(2026, 1, 19)) == ["ada", "ben"]


def test_renaming_and_booking_at_once_agree(
    db: Database, rows: MemberRows, organization: str, writer: LedgerWriter
) -> None:
    """The writer and a pseudonym that is put in want the same rows; neither may get stuck."""
    other = make_organization(db, "Zeta")
    settled = []

    def book() -> None:
        for number in range(120):
            hold = make_hold((organization, other)[number % 2], user_id="ada")
            writer.place(hold)
            entry = make_entry(hold, f"gen-1768903200-{number}")
            settled.append(writer.settle(hold, entry).result(30))

    thread = threading.Thread(target=book)
    thread.start()
    renamed = number = 0
    while thread.is_alive():
        number += 1
        renamed += rows.pseudonymise("ada", f"deleted-{number}", user_hash="hash", now_ms=AT_MS)
    thread.join(30)
    rows.pseudonymise("ada", "deleted-last", user_hash="hash", now_ms=AT_MS)
    assert renamed > 0
    if not is_sqlite(db):
        assert tally["writer retries"] == 0  # no deadlock was broken by force
    assert settled == [True] * 120
    assert rows.seen_user_ids(DAY) == []
    for one in (organization, other):
        books = read_books(db, one)
        books.assert_balanced()
        assert (books.entries, books.held) == (60, 0)
    with session(db):
        assert not UsageLedger.select().where(UsageLedger.user_id == "ada").bind(db).exists()
        assert not UserClientMapping.select().bind(db).exists()

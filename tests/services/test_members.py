"""Members: histories that are ended, never rewritten; and what an admin is told is wrong."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.errors import BadInput, Conflict, NotFound, StorageUnavailable
from mai_usage_ext.guard import tally
from mai_usage_ext.ports import DEFAULT_ID, UNASSIGNED, Role
from tests.services.office import ADMIN, DAY_MS, NOW_MS, Office, open_office


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    with open_office(database_url) as opened:
        yield opened


@pytest.fixture
def lite(tmp_path: Any) -> Iterator[Office]:
    """One database is enough where the rules are tried and not the statements."""
    with open_office(f"sqlite:///{tmp_path}/usage.db") as opened:
        yield opened


def test_a_first_assignment(office: Office) -> None:
    member = office.members.assign(
        "ada", office.acme, role="manager", monthly_limit="12.5", actor=ADMIN
    )
    assert (member.role, member.monthly_limit_pusd) == (Role.MANAGER, 12_500_000_000_000)
    assert (member.source, member.valid_from_ms, member.valid_to_ms) == ("admin", NOW_MS, None)
    assert member.openrouter_user_id is not None
    assert member.openrouter_user_id.startswith("u_")
    assert office.store.current("ada", at_ms=NOW_MS) == member
    [record] = office.trail()
    assert (record.action, record.target_id, record.actor) == ("member.assigned", "ada", ADMIN)
    assert record.before is None
    assert record.after == {
        "client_org_id": office.acme,
        "role": "manager",
        "monthly_limit": "12.5",
        "openrouter_user_id": member.openrouter_user_id,
        "effective_from": "2026-01-20T10:00:00.000+00:00",
    }
    assert office.changes == ["changed"]


def test_a_move_ends_one_stretch_and_begins_another(office: Office) -> None:
    first = office.members.assign("ada", office.acme, role="manager", monthly_limit=5, actor=ADMIN)
    office.pass_time(DAY_MS)
    second = office.members.assign("ada", office.zeta, actor=ADMIN)
    assert office.stretches("ada") == [(office.acme, 0, 1), (office.zeta, 1, None)]
    assert second.openrouter_user_id == first.openrouter_user_id
    # Rights and allowances stay behind.
    assert (second.role, second.monthly_limit_pusd) == (Role.MEMBER, None)
    assert office.actions() == ["member.assigned", "member.moved"]
    moved = office.trail()[-1]
    assert moved.before is not None
    assert moved.after is not None
    assert moved.before["client_org_id"] == office.acme
    assert moved.after["client_org_id"] == office.zeta


def test_two_moves_in_one_millisecond_keep_both(office: Office) -> None:
    for organization in (office.acme, office.zeta, office.acme):
        office.members.assign("ada", organization, actor=ADMIN)
        office.pass_time(1)
    office.members.assign("ben", office.acme, actor=ADMIN)
    office.members.assign("ben", office.zeta, actor=ADMIN)
    assert [one.organization_id for one in office.store.history("ben")] == [
        office.acme,
        office.zeta,
    ]
    office.pass_time(5)
    for user_id, organization in (("ada", office.acme), ("ben", office.zeta)):
        current = office.store.current(user_id, at_ms=office.clock.at_ms)
        assert current is not None
        assert current.organization_id == organization


def test_role_and_limit_change_in_place(office: Office) -> None:
    office.members.assign("ada", office.acme, actor=ADMIN)
    office.pass_time(DAY_MS)
    changed = office.members.change("ada", {"role": "manager", "monthly_limit": "3"}, actor=ADMIN)
    assert (changed.role, changed.monthly_limit_pusd) == (Role.MANAGER, 3 * 10**12)
    assert office.stretches("ada") == [(office.acme, 0, None)]
    record = office.trail()[-1]
    assert record.action == "member.changed"
    assert record.before == {"role": "member", "monthly_limit": None}
    assert record.after == {"role": "manager", "monthly_limit": "3"}
    unlimited = office.members.change("ada", {"monthly_limit": None}, actor=ADMIN)
    assert (unlimited.monthly_limit_pusd, unlimited.role) == (None, Role.MANAGER)
    # The same again changes nothing and tells nobody.
    assert office.members.change("ada", {"monthly_limit": None}, actor=ADMIN) == unlimited
    assert len(office.trail()) == 3
    by_assigning = office.members.assign("ada", office.acme, role="member", actor=ADMIN)
    assert (by_assigning.role, by_assigning.valid_from_ms) == (Role.MEMBER, NOW_MS)


def test_a_planned_move(office: Office) -> None:
    office.members.assign("ada", office.acme, actor=ADMIN)
    at_ms = NOW_MS + 10 * DAY_MS
    planned = office.members.assign("ada", office.zeta, effective_from_ms=at_ms, actor=ADMIN)
    assert (planned.valid_from_ms, planned.valid_to_ms) == (at_ms, None)
    assert office.stretches("ada") == [(office.acme, 0, 10), (office.zeta, 10, None)]
    before, after = (office.store.current("ada", at_ms=at_ms + ms) for ms in (-1, 0))
    assert before is not None
    assert after is not None
    assert (before.organization_id, after.organization_id) == (office.acme, office.zeta)

    for effective_from_ms in (None, at_ms, at_ms + DAY_MS):
        with pytest.raises(Conflict, match="overlapping mapping") as raised:
            office.members.assign(
                "ada", DEFAULT_ID, effective_from_ms=effective_from_ms, actor=ADMIN
            )
        assert raised.value.field == "effective_from"
    with pytest.raises(Conflict, match="circle") as raised:
        office.members.assign("ada", office.acme, effective_from_ms=at_ms, actor=ADMIN)
    assert raised.value.field == "client_org_id"

    # Until then the present stretch can be changed, and the OpenRouter id changes in both.
    office.members.change("ada", {"role": "manager", "openrouter_user_id": "ada-1"}, actor=ADMIN)
    assert [(one.role, one.openrouter_user_id) for one in office.store.history("ada")] == [
        (Role.MANAGER, "ada-1"),
        (Role.MEMBER, "ada-1"),
    ]
    present = office.members.cancel_planned("ada", actor=ADMIN)
    assert present is not None
    assert office.stretches("ada") == [(office.acme, 0, None)]
    with pytest.raises(NotFound, match="no move is planned"):
        office.members.cancel_planned("ada", actor=ADMIN)
    assert office.members.assign("ada", office.zeta, actor=ADMIN).organization_id == office.zeta


def test_an_instant_may_be_text_or_datetime(lite: Office) -> None:
    lite.members.assign("ada", lite.acme, actor=ADMIN)
    for effective_from in (
        "2026-01-30T11:00:00+01:00",
        "2026-01-30t10:00:00.000z",
        datetime(2026, 1, 30, 10, tzinfo=UTC),
        NOW_MS + 10 * DAY_MS,
    ):
        wanted = {"client_org_id": lite.zeta, "effective_from": effective_from}
        planned = lite.members.change("ada", wanted, actor=ADMIN)
        assert planned.valid_from_ms == NOW_MS + 10 * DAY_MS
        lite.members.cancel_planned("ada", actor=ADMIN)
    late = {"client_org_id": lite.zeta, "effective_from": NOW_MS - 60_000}
    assert lite.members.change("ada", late, actor=ADMIN).valid_from_ms == NOW_MS + 1


def test_the_openrouter_id_stays_for_ever(office: Office) -> None:
    first = office.members.assign("ada", office.acme, actor=ADMIN).openrouter_user_id
    office.pass_time(DAY_MS)
    removed = office.members.remove("ada", actor=ADMIN)
    assert removed is not None
    office.pass_time(DAY_MS)
    again = office.members.assign("ada", office.zeta, actor=ADMIN)
    assert {removed.openrouter_user_id, again.openrouter_user_id} == {first}
    other = office.members.assign("ben", office.acme, actor=ADMIN).openrouter_user_id
    assert other != first
    with pytest.raises(Conflict, match="another user's") as raised:
        office.members.change("ben", {"openrouter_user_id": first}, actor=ADMIN)
    assert raised.value.field == "openrouter_user_id"
    with pytest.raises(Conflict, match="another user's"):
        office.members.assign("cleo", office.acme, openrouter_user_id=first, actor=ADMIN)
    given = office.members.assign("dan", office.acme, openrouter_user_id="dan~1", actor=ADMIN)
    assert given.openrouter_user_id == "dan~1"


def test_remove_goes_back_to_the_default(office: Office) -> None:
    office.members.assign("ada", office.acme, role="manager", actor=ADMIN)
    office.members.assign("ada", office.zeta, effective_from_ms=NOW_MS + 9 * DAY_MS, actor=ADMIN)
    office.pass_time(DAY_MS)
    member = office.members.remove("ada", actor=ADMIN)
    assert member is not None
    assert (member.organization_id, member.source) == (DEFAULT_ID, "unmapped")
    assert (member.role, member.monthly_limit_pusd) == (Role.MEMBER, None)
    assert office.stretches("ada") == [(office.acme, 0, 1), (DEFAULT_ID, 1, None)]
    assert office.actions()[-1] == "member.removed"
    told = len(office.trail())
    assert office.members.remove("ada", actor=ADMIN) == member
    assert len(office.trail()) == told
    with pytest.raises(NotFound):
        office.members.remove("ben", actor=ADMIN)


def test_remove_where_there_is_no_default(database_url: str) -> None:
    with open_office(database_url, default=False) as office:
        office.members.assign("ada", office.acme, actor=ADMIN)
        office.pass_time(DAY_MS)
        assert office.members.remove("ada", actor=ADMIN) is None
        assert office.stretches("ada") == [(office.acme, 0, 1), (UNASSIGNED, 1, None)]


def bad(office: Office) -> list[tuple[str, str, str, dict[str, object]]]:
    """Field, user, what is wrong, and the changes."""
    office.deactivate(office.zeta)
    into = {"client_org_id": office.acme}
    return [
        ("user_id", "nobody", "the host knows", into),
        ("user_id", "", "the host knows", into),
        ("user_id", "a\x00b", "the host knows", into),
        ("user_id", "'; DROP TABLE user_client_mappings; --", "the host knows", into),
        ("client_org_id", "ada", "exists", {"client_org_id": "nope"}),
        ("client_org_id", "ada", "active", {"client_org_id": 7}),
        ("client_org_id", "ada", "active", {"client_org_id": "x\x00"}),
        ("client_org_id", "ada", "deactivated", {"client_org_id": office.zeta}),
        ("client_org_id", "ada", "a client", {"client_org_id": UNASSIGNED}),
        ("role", "ada", "member or manager", {**into, "role": "owner"}),
        ("role", "ada", "member or manager", {**into, "role": None}),
        ("monthly_limit", "ada", "not negative", {**into, "monthly_limit": "-1"}),
        ("monthly_limit", "ada", "decimal", {**into, "monthly_limit": "NaN"}),
        ("monthly_limit", "ada", "decimal", {**into, "monthly_limit": 1.5}),
        ("monthly_limit", "ada", "decimal", {**into, "monthly_limit": "1e999"}),
        ("monthly_limit", "ada", "9,000,000", {**into, "monthly_limit": 9_000_001}),
        (
            "monthly_limit",
            "ada",
            "twelve decimals",
            {**into, "monthly_limit": Decimal("0.0000000000001")},
        ),
        ("openrouter_user_id", "ada", "ASCII", {**into, "openrouter_user_id": "a b"}),
        ("openrouter_user_id", "ada", "ASCII", {**into, "openrouter_user_id": "ł"}),
        ("openrouter_user_id", "ada", "ASCII", {**into, "openrouter_user_id": ""}),
        ("openrouter_user_id", "ada", "ASCII", {**into, "openrouter_user_id": "a" * 129}),
        ("effective_from", "ada", "now or later", {**into, "effective_from": NOW_MS - 61_000}),
        ("effective_from", "ada", "zone", {**into, "effective_from": "2026-02-01"}),
        ("effective_from", "ada", "zone", {**into, "effective_from": "2026-02-30T00:00:00Z"}),
        ("effective_from", "ada", "zone", {**into, "effective_from": "2026-02-01T00:00:00"}),
        ("effective_from", "ada", "zone", {**into, "effective_from": 10**18}),
        ("effective_from", "ada", "zone", {**into, "effective_from": True}),
        ("valid_to_ms", "ada", "only", {**into, "valid_to_ms": 1}),
    ]


def test_bad_input_names_its_field_and_writes_nothing(lite: Office) -> None:
    for field, user_id, expected, changes in bad(lite):
        with pytest.raises(BadInput, match=expected) as raised:
            lite.members.change(user_id, changes, actor=ADMIN)
        assert raised.value.field == field
    assert (lite.rows(), lite.trail(), lite.changes) == (0, [], [])


def test_moves_that_cannot_be(office: Office) -> None:
    with pytest.raises(NotFound):
        office.members.change("ada", {"role": "manager"}, actor=ADMIN)
    office.members.assign("ada", office.acme, actor=ADMIN)
    later = NOW_MS + DAY_MS
    for effective_from_ms in (None, later):
        with pytest.raises(Conflict, match="circle") as raised:
            office.members.assign(
                "ada", office.acme, effective_from_ms=effective_from_ms, actor=ADMIN
            )
        assert raised.value.field == "client_org_id"
    for changes in (
        {"role": "manager", "effective_from": later},
        {"role": "manager", "effective_from": later, "client_org_id": office.acme},
    ):
        with pytest.raises(BadInput, match="effective_from"):
            office.members.change("ada", changes, actor=ADMIN)
    assert office.stretches("ada") == [(office.acme, 0, None)]
    assert office.actions() == ["member.assigned"]


def test_a_first_assignment_may_be_planned(office: Office) -> None:
    later = NOW_MS + DAY_MS
    office.members.assign("ada", office.acme, effective_from_ms=later, actor=ADMIN)
    assert office.store.current("ada", at_ms=NOW_MS) is None
    assert office.members.get("ada").member.valid_from_ms == later
    with pytest.raises(Conflict, match="overlapping"):
        office.members.assign("ada", office.zeta, actor=ADMIN)
    assert office.members.cancel_planned("ada", actor=ADMIN) is None
    with pytest.raises(NotFound):
        office.members.get("ada")


def test_a_change_that_fails_halfway_leaves_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise StorageUnavailable("the disk is full")

    office.members.assign("ada", office.acme, actor=ADMIN)
    monkeypatch.setattr(office.audit, "record", fail)
    with pytest.raises(StorageUnavailable):
        office.members.assign("ada", office.zeta, actor=ADMIN)
    assert office.stretches("ada") == [(office.acme, 0, None)]


def test_pages(office: Office) -> None:
    for user_id, organization, role in (
        ("ada", office.acme, "manager"),
        ("ben", office.acme, None),
        ("cleo", office.zeta, None),
        ("dan", office.zeta, "manager"),
    ):
        office.members.assign(user_id, organization, role=role, actor=ADMIN)
    office.members.assign("eve", office.acme, effective_from_ms=NOW_MS + DAY_MS, actor=ADMIN)
    del office.people.users["ben"]

    def found(**wanted: Any) -> tuple[list[str], int]:
        views, total = office.members.page(**wanted)
        return [view.member.user_id for view in views], total

    assert found() == (["ada", "ben", "cleo", "dan"], 4)
    assert found(offset=1, limit=2) == (["ben", "cleo"], 4)
    assert found(organization_id=office.acme) == (["ada", "ben"], 2)
    assert found(organization_id=office.acme, role="manager") == (["ada"], 1)
    assert found(search=" CLEO@ ") == (["cleo"], 1)
    assert found(search="BE") == (["ben"], 1)  # the host has forgotten the name
    assert found(search="example.com") == (["ada", "cleo", "dan"], 3)
    assert found(search="%") == ([], 0)
    views, _ = office.members.page()
    assert [(view.name, view.email, view.is_deleted) for view in views][:2] == [
        ("Ada", "ada@example.com", False),
        ("", "", True),
    ]
    for field, wanted in (
        ("role", {"role": "owner"}), ("offset", {"offset": -1}), ("limit", {"limit": 0}),
        ("search", {"search": "a\x00"}), ("client_org_id", {"organization_id": "\x00"}),
    ):  # fmt: skip
        with pytest.raises(BadInput) as raised:
            office.members.page(**wanted)
        assert raised.value.field == field


def test_one_member_with_history(office: Office) -> None:
    office.members.assign("ada", office.acme, actor=ADMIN)
    office.pass_time(DAY_MS)
    office.members.assign("ada", office.zeta, actor=ADMIN)
    view = office.members.get("ada")
    assert (view.name, view.email, view.is_deleted) == ("Ada", "ada@example.com", False)
    assert view.member.organization_id == office.zeta
    assert [one.organization_id for one in view.history] == [office.acme, office.zeta]


def test_admins_who_move_one_user_at_once(office: Office) -> None:
    def move(number: int) -> str:
        try:
            office.members.assign("ada", (office.acme, office.zeta)[number % 2], actor=ADMIN)
        except Conflict as error:
            return error.field
        return "moved"

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(move, range(12)))
    history = office.store.history("ada")
    assert set(outcomes) <= {"moved", "client_org_id"}
    assert outcomes.count("moved") == len(history) == len(office.trail())
    assert [one.valid_to_ms for one in history[:-1]] == [one.valid_from_ms for one in history[1:]]
    assert history[-1].valid_to_ms is None
    assert len({one.openrouter_user_id for one in history}) == 1


def test_users_that_the_host_deleted(office: Office) -> None:
    for user_id in ("ada", "ben", "cleo", "dan", "eve"):
        office.members.assign(user_id, office.acme, actor=ADMIN)
    assert office.members.forget_deleted() == 0
    office.pass_time(DAY_MS)
    del office.people.users["ben"]
    assert office.members.forget_deleted() == 1
    assert office.members.forget_deleted() == 0
    with pytest.raises(NotFound):
        office.members.get("ben")
    record = office.trail()[-1]
    assert record.action == "user.pseudonymised"
    pseudonym = record.target_id
    assert pseudonym.startswith("deleted-")
    assert "ben" not in repr(record)
    view = office.members.get(pseudonym)
    assert (view.is_deleted, view.member.valid_to_ms) == (True, NOW_MS + DAY_MS)
    assert view.member.openrouter_user_id == pseudonym

    del office.people.users["ada"]
    office.members.user_deleted("ada")
    office.members.user_deleted("somebody who never called")
    assert office.actions().count("user.pseudonymised") == 2


def test_a_host_that_forgets_everybody_is_not_believed(office: Office) -> None:
    for user_id in ("ada", "ben", "cleo", "dan", "eve"):
        office.members.assign(user_id, office.acme, actor=ADMIN)
    known = dict(office.people.users)
    for left in ((), ("ada",)):
        office.people.users = {user_id: known[user_id] for user_id in left}
        assert office.members.forget_deleted() == 0
    assert tally["deleted users not believed"] == 2
    office.people.is_away = True
    with pytest.raises(StorageUnavailable):
        office.members.forget_deleted()
    assert sorted(office.store.user_ids()) == sorted(known)
    office.people.is_away, office.people.users = (
        False,
        {name: known[name] for name in ("ada", "ben")},
    )
    assert office.members.forget_deleted() == 3

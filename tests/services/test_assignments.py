"""Many members at once: what is read out of a file, and what comes of every row."""

from collections.abc import Iterator
from typing import Any

import pytest

from mai_usage_ext.errors import BadInput, StorageUnavailable
from mai_usage_ext.ports import Role
from mai_usage_ext.services.assignments import BulkResult
from tests.services.office import ADMIN, DAY_MS, NOW_MS, Office, open_office


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    with open_office(database_url) as opened:
        yield opened


@pytest.fixture
def lite(tmp_path: Any) -> Iterator[Office]:
    with open_office(f"sqlite:///{tmp_path}/usage.db") as opened:
        yield opened


def statuses(result: BulkResult) -> list[str]:
    return [row.status for row in result.rows]


def mixed(office: Office) -> list[dict[str, object]]:
    """Rows of every good outcome."""
    office.members.assign("ada", office.acme, actor=ADMIN)
    office.members.assign("ben", office.acme, actor=ADMIN)
    office.members.assign("cleo", office.acme, actor=ADMIN)
    office.pass_time(DAY_MS)
    return [
        {"user_id": "ada", "client_org_id": office.zeta, "role": "manager"},
        {"user_id": "ben", "client_org_id": "acme", "monthly_limit": "7.5"},
        {"user_id": "cleo", "client_org_id": office.acme},
        {"email": "Dan@Example.com", "client_org_id": "zeta"},
        {
            "user_id": "eve",
            "client_org_id": office.acme,
            "effective_from": "2026-01-30T11:00:00+01:00",
        },
    ]


def test_a_dry_run_says_what_a_real_one_does(office: Office) -> None:
    rows = mixed(office)
    before, told = office.rows(), len(office.trail())
    tried = office.members.assign_many(rows, dry_run=True, actor=ADMIN)
    assert (tried.is_dry_run, tried.is_written) == (True, False)
    assert (office.rows(), len(office.trail())) == (before, told)
    done = office.members.assign_many(rows, dry_run=False, actor=ADMIN)
    assert (done.is_dry_run, done.is_written) == (False, True)
    assert done.rows == tried.rows
    assert statuses(done) == ["moved", "changed", "unchanged", "created", "created"]
    assert [row.user_id for row in done.rows] == ["ada", "ben", "cleo", "dan", "eve"]
    assert [row.number for row in done.rows] == [1, 2, 3, 4, 5]
    assert done.counts == {"moved": 1, "changed": 1, "unchanged": 1, "created": 2}
    assert office.stretches("ada") == [(office.acme, 0, 1), (office.zeta, 1, None)]
    assert office.stretches("eve") == [(office.acme, 10, None)]
    [ben] = office.store.history("ben")
    assert ben.monthly_limit_pusd == 7_500_000_000_000
    assert office.actions()[told:] == [
        "member.moved", "member.changed", "member.assigned", "member.assigned",
    ]  # fmt: skip
    # Once more, nothing is left to do; the planned one cannot be planned again.
    again = office.members.assign_many(rows[:4], dry_run=False, actor=ADMIN)
    assert again.counts == {"unchanged": 4}


def test_all_or_nothing_unless_partial(office: Office) -> None:
    rows = [
        {"user_id": "ada", "client_org_id": "acme"},
        {"user_id": "nobody", "client_org_id": "nowhere", "role": "owner", "monthly_limit": "-1"},
        {"user_id": "ben", "client_org_id": "zeta"},
        {"user_id": "ada", "client_org_id": "zeta"},
    ]
    result = office.members.assign_many(rows, dry_run=False, actor=ADMIN)
    assert statuses(result) == ["created", "error", "created", "error"]
    assert (result.is_written, office.rows(), office.trail(), office.changes) == (False, 0, [], [])
    assert [problem.field for problem in result.rows[1].errors] == [
        "user_id", "client_org_id", "role", "monthly_limit",
    ]  # fmt: skip
    assert "has a row above" in result.rows[3].errors[0].message
    partial = office.members.assign_many(rows, dry_run=False, partial=True, actor=ADMIN)
    assert partial.rows == result.rows
    assert partial.is_written
    assert sorted(office.store.user_ids()) == ["ada", "ben"]
    assert office.actions() == ["member.assigned"] * 2


def test_rows_that_cannot_be(lite: Office) -> None:
    lite.members.assign("ada", lite.acme, actor=ADMIN)
    lite.members.assign("ada", lite.zeta, effective_from_ms=NOW_MS + DAY_MS, actor=ADMIN)
    lite.people.add("finn")
    rows: list[dict[str, object]] = [
        {"user_id": "ada", "client_org_id": "default"},
        {"client_org_id": "acme"},
        {"email": "nobody@example.com", "client_org_id": "acme"},
        {"user_id": "ben", "email": "cleo@example.com", "client_org_id": "acme"},
        {"user_id": "finn"},
        {"user_id": "cleo", "client_org_id": "unassigned"},
        {"user_id": "dan", "client_org_id": "acme", "colour": "red"},
        {"user_id": "eve", "client_org_id": "a\x00", "effective_from": "tomorrow"},
        {"user_id": 5, "client_org_id": ["acme"]},
        {"email": "ada@example.com", "client_org_id": "acme"},
    ]
    result = lite.members.assign_many(rows, dry_run=True, partial=True, actor=ADMIN)
    assert [[problem.field for problem in row.errors] for row in result.rows] == [
        ["effective_from"],
        ["user_id"],
        ["email"],
        ["email"],
        ["client_org_id"],
        ["client_org_id"],
        ["colour"],
        ["client_org_id", "effective_from"],
        ["user_id", "client_org_id"],
        ["user_id"],
    ]
    assert result.counts == {"error": 10}


COMMAS = """\ufeffuser_id,client_org_id,role,monthly_limit,effective_from
ada,acme,manager,"1.25",
"ben", zeta ,,none,2026-02-01T00:00:00Z

,,,,
cleo,acme,,,
"""
SEMICOLONS = (
    "Client_Org_Id;EMAIL\r\nacme;ada@example.com\r\nzeta;ben@example.com\r\nacme;cleo@example.com"
)


@pytest.mark.parametrize("text", [COMMAS, SEMICOLONS, COMMAS.replace("\n", "\r\n")])
def test_csv(lite: Office, text: str) -> None:
    result = lite.members.assign_many(text, dry_run=False, actor=ADMIN)
    assert [(row.number, row.user_id, row.status) for row in result.rows] == [
        (1, "ada", "created"),
        (2, "ben", "created"),
        (3, "cleo", "created"),
    ]
    [ada], [ben] = lite.store.history("ada"), lite.store.history("ben")
    assert (ada.organization_id, ben.organization_id) == (lite.acme, lite.zeta)
    if text is not SEMICOLONS:
        assert (ada.role, ada.monthly_limit_pusd) == (Role.MANAGER, 1_250_000_000_000)
        assert ben.valid_from_ms > NOW_MS


def test_an_empty_cell_leaves_the_limit_and_none_takes_it_away(lite: Office) -> None:
    for user_id in ("ada", "ben"):
        lite.members.assign(user_id, lite.acme, monthly_limit="5", actor=ADMIN)
    text = "user_id,client_org_id,monthly_limit\nada,acme,\nben,acme,None\n"
    result = lite.members.assign_many(text, dry_run=False, actor=ADMIN)
    assert statuses(result) == ["unchanged", "changed"]
    [ada], [ben] = lite.store.history("ada"), lite.store.history("ben")
    assert (ada.monthly_limit_pusd, ben.monthly_limit_pusd) == (5 * 10**12, None)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("colour", "user_id,client_org_id,colour\nada,acme,red\n"),
        ("user_id", "user_id,user_id,client_org_id\nada,ada,acme\n"),
        ("client_org_id", "user_id,role\nada,member\n"),
        ("user_id", "client_org_id,role\nacme,member\n"),
        ("rows", 'user_id,client_org_id\n"ada" x,acme\n'),
        ("rows", 'user_id,client_org_id\n"ada,acme\n'),
        ("rows", "user_id,client_org_id\n" + "ada,acme\n" * 5_001),
        ("rows", "user_id,client_org_id\n" + "a" * 2_000_000),
        ("rows", "user_id,client_org_id\n" + "a" * 200_000 + ",acme\n"),
        ("client_org_id", ""),
        ("rows", ",client_org_id\nada,acme\n"),
    ],
)
def test_csv_that_cannot_be_read(lite: Office, field: str, text: str) -> None:
    with pytest.raises(BadInput) as raised:
        lite.members.assign_many(text, dry_run=False, actor=ADMIN)
    assert raised.value.field == field
    assert lite.rows() == 0


def test_a_row_with_too_many_cells_is_its_own_error(lite: Office) -> None:
    text = "user_id,client_org_id\nada,acme,more\nben,acme\ncleo\n"
    result = lite.members.assign_many(text, dry_run=True, actor=ADMIN)
    assert statuses(result) == ["error", "created", "error"]
    assert [row.errors[0].field for row in result.rows if row.errors] == ["row", "client_org_id"]


def test_lists_that_cannot_be_read(lite: Office) -> None:
    too_many = [{"user_id": "ada", "client_org_id": "acme"}] * 5_001
    nonsense: Any = ["ada"]
    for rows in (too_many, nonsense):
        with pytest.raises(BadInput, match="rows"):
            lite.members.assign_many(rows, dry_run=True, actor=ADMIN)


def test_nothing_is_written_while_the_host_is_away(lite: Office) -> None:
    lite.people.is_away = True
    with pytest.raises(StorageUnavailable):
        lite.members.assign_many(
            [{"user_id": "ada", "client_org_id": "acme"}], dry_run=False, actor=ADMIN
        )
    assert lite.rows() == 0


def test_the_host_is_asked_once_for_all_ids(lite: Office) -> None:
    for number in range(1_500):
        lite.people.add(f"user-{number}")
    rows = [{"user_id": f"user-{number}", "client_org_id": "acme"} for number in range(1_500)]
    result = lite.members.assign_many(rows, dry_run=False, actor=ADMIN)
    assert result.counts == {"created": 1_500}
    assert lite.people.questions == 1
    assert len(lite.store.user_ids()) == 1_500

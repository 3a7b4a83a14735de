"""All organizations in one table: its numbers are those of the reports, in a fixed number of
statements."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from mai_usage_ext.ports import KeyState
from mai_usage_ext.storage.models import ClientOrganization
from mai_usage_ext.storage.sessions import transaction, write
from tests.api.office import Office, open_office
from tests.api.test_usage_reports import get, live_through
from tests.storage.counting import counted_statements
from tests.storage.daily import book, entry_on

TODAY = datetime.now(UTC).date()
PATH = "/usage/by-client"


@pytest.fixture(scope="module")
def branch(shared_database_url: str) -> Iterator[Office]:
    """A furnished office with a past, on each kind of database; its tests change nothing."""
    with open_office(shared_database_url) as opened:
        opened.furnish()
        for factor, slug in enumerate(("bakery", "studio"), 1):
            live_through(opened, opened.places[slug], factor=factor)
        yield opened


def rows_of(office: Office, asked: str = "") -> dict[str, Any]:
    return {row["slug"]: row for row in get(office, f"{PATH}?{asked}")["clients"]}


def before(day: date) -> tuple[date, date]:
    """The days of the month before up to the same number."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), min(last, last.replace(day=1) + (day - day.replace(day=1)))


def test_a_row_agrees_with_the_reports(branch: Office) -> None:
    rows = rows_of(branch)
    first, last = before(TODAY)
    for slug in ("bakery", "studio", "unkeyed"):
        row, client = rows[slug], branch.places[slug]
        month = get(branch, f"/usage/report?from={TODAY.replace(day=1)}&client_id={client}")
        earlier = get(branch, f"/usage/report?from={first}&to={last}&client_id={client}")
        for sums, report in ((row["this_month"], month), (row["previous_to_date"], earlier)):
            totals = report["totals"]
            assert sums == {
                "billed": totals["markup_cost"],
                "raw_cost": totals["raw_cost"],
                "profit": totals["profit"],
                "profit_margin_percent": totals["profit_margin_percent"],
                "requests": totals["total_requests"],
                "tokens": totals["total_tokens"],
            }
        stored = branch.admin("GET", f"/clients/{client}")["client"]
        assert (row["this_month"]["billed"], row["held"]) == (stored["spent"], stored["held"])
        assert (row["members"], row["monthly_limit"]) == (stored["members"], "77.123456")
        assert (row["month"], row["as_of"]) == (f"{TODAY:%Y-%m}", str(TODAY))
        assert row["last_activity"] == str(TODAY)
        tab = get(branch, f"/usage/report?days_back=30&client_id={client}&limit=30")["lines"]
        by_day = {line["group"]["day"]: line["markup_cost"] for line in tab}
        days = [str(TODAY - timedelta(days=back)) for back in range(29, -1, -1)]
        assert row["sparkline"] == [by_day.get(day, "0") for day in days]


def test_the_totals_are_of_all_and_the_page_is_not(branch: Office) -> None:
    whole = get(branch, PATH)
    page = get(branch, f"{PATH}?limit=1&offset=1")
    assert page["clients"] == whole["clients"][1:2]
    assert (page["totals"], page["total"]) == (whole["totals"], len(whole["clients"]))
    for name in ("totals", "previous_totals"):
        part = {"totals": "this_month"}.get(name, "previous_to_date")
        assert Decimal(whole[name]["billed"]) == sum(
            Decimal(row[part]["billed"]) for row in whole["clients"]
        )
    month = get(branch, f"/usage/report?from={TODAY.replace(day=1)}&group_by=")
    assert whole["totals"]["billed"] == month["totals"]["markup_cost"]


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("name", lambda row: row["client_name"].casefold()),
        ("spend", lambda row: Decimal(row["this_month"]["billed"])),
        ("profit", lambda row: Decimal(row["this_month"]["profit"])),
        ("requests", lambda row: row["this_month"]["requests"]),
        ("limit_used", lambda row: Decimal(row["used_percent"])),
        ("last_activity", lambda row: row["last_activity"]),
    ],
)
@pytest.mark.parametrize("sign", ["", "-"])
def test_sorting(branch: Office, sort: str, key: Any, sign: str) -> None:
    rows = get(branch, f"{PATH}?sort={sign}{sort}")["clients"]
    known = [row for row in rows if row["monthly_limit"] and row["last_activity"]]
    expected = sorted(known, key=key, reverse=sign == "-")
    assert [key(row) for row in known] == [key(row) for row in expected]
    if sort in ("limit_used", "last_activity"):
        # The unassigned have neither.
        assert rows[-1]["client_id"] == "unassigned"


def test_searching_and_filtering(office: Office) -> None:
    office.furnish()
    assert set(rows_of(office, "search=STUD")) == {"studio"}
    assert set(rows_of(office, "search=b%25")) == set()
    office.admin("DELETE", f"/clients/{office.places['unkeyed']}")
    assert set(rows_of(office, "status=deactivated")) == {"unkeyed"}
    assert {"bakery", "studio"} <= set(rows_of(office, "status=active"))
    assert get(office, f"{PATH}?search=nobody")["clients"] == []
    assert get(office, f"{PATH}?search=nobody")["totals"]["requests"] == 0


def test_keys_are_none_active_disabled_or_a_problem(office: Office) -> None:
    office.furnish()
    keys = {slug: row["key"] for slug, row in rows_of(office).items()}
    assert keys["unkeyed"] == {"state": "none", "label": None, "problem": None}
    assert (keys["bakery"]["state"], keys["bakery"]["problem"]) == ("active", None)
    assert not office.secrets() & {keys["bakery"]["label"]}
    office.admin("POST", f"/clients/{office.places['bakery']}/key/disable")
    change = {
        "openrouter_key_state": KeyState.LOST.value,
        "openrouter_key_problem": "OpenRouter does not know it.",
    }
    query = ClientOrganization.update(**change).where(
        ClientOrganization.id == office.places["studio"]
    )
    with transaction(office.database):
        write(office.database, query)
    keys = {slug: row["key"] for slug, row in rows_of(office).items()}
    assert keys["bakery"]["state"] == "disabled"
    assert keys["studio"]["state"] == "problem"
    assert keys["studio"]["problem"] == "OpenRouter does not know it."


def test_a_hundred_organizations_take_as_many_statements_as_one(office: Office) -> None:
    counts = []
    for number in (1, 100):
        while len(office.admin("GET", "/clients?limit=200")["clients"]) < number + 1:
            made = {"name": "Shop", "provision_key": False}
            client = office.admin("POST", "/clients", json=made, expect=201)["client"]["id"]
            book(office.database, entry_on(client, TODAY, raw_pusd=1, billed_pusd=2))
        # What is sealed stays in memory from the first time on.
        get(office, PATH)
        with counted_statements(office.database) as sent:
            body = get(office, f"{PATH}?limit=200")
        assert body["total"] == number + 1
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 15


def test_organizations_on_other_days_have_their_own_month(office: Office) -> None:
    for slug, zone in (("east", "Pacific/Kiritimati"), ("west", "Pacific/Niue")):
        body = {"name": slug, "slug": slug, "timezone": zone, "provision_key": False}
        office.places[slug] = office.admin("POST", "/clients", json=body, expect=201)["client"][
            "id"
        ]
    rows = rows_of(office)
    east, west = (date.fromisoformat(rows[slug]["as_of"]) for slug in ("east", "west"))
    assert east == west + timedelta(days=1)
    for slug, day in (("east", east), ("west", west)):
        book(office.database, entry_on(office.places[slug], day, billed_pusd=10**12))
    rows = rows_of(office)
    for slug, day in (("east", east), ("west", west)):
        assert rows[slug]["this_month"]["billed"] == "1"
        assert rows[slug]["sparkline"] == ["0"] * 29 + ["1"]
        assert rows[slug]["last_activity"] == str(day)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("sort=secret", "sort"),
        ("sort=--spend", "sort"),
        ("status=gone", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("offset=-1", "offset"),
        (f"search={'a' * 201}", "search"),
        ("search=%00", "search"),
    ],
)
def test_tables_that_cannot_be_meant(branch: Office, asked: str, field: str) -> None:
    answer = branch.ask("admin", "GET", f"{PATH}?{asked}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field

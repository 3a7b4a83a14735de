"""Any report of one's own organization: it agrees with every other, and tells of no one else."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.api.office import Office, open_office
from tests.api.test_usage_reports import (
    BACK,
    BAD,
    MODEL,
    RANGE,
    TODAY,
    added,
    day,
    get,
    live_through,
    own_figures,
)

REPORT = "/usage/my-organization/report"
ANNAS, BORIS = "anna", "boris"
# Everything that the ledger reaches back to.
RECENT = f"from={day(BACK[2])}&to={TODAY}"


@pytest.fixture(scope="module")
def branch(shared_database_url: str) -> Iterator[Office]:
    """A furnished office with a past, on each kind of database; its tests change nothing."""
    with open_office(shared_database_url) as opened:
        opened.furnish()
        for factor, slug in enumerate(("bakery", "studio"), 1):
            live_through(opened, opened.places[slug], factor=factor)
        yield opened


def report(office: Office, asked: str, user: str = ANNAS) -> Any:
    return get(office, f"{REPORT}?limit=2000&{asked}", user)


@pytest.mark.parametrize(
    "group_by", ["", "day", "week", "month", "user", "model", "provider", "day,user", "day,model"]
)
def test_a_managers_report_adds_up_to_the_days(branch: Office, group_by: str) -> None:
    daily = get(branch, f"/usage/my-organization/daily?{RANGE}", ANNAS)
    body = report(branch, f"{RANGE}&group_by={group_by}")
    assert own_figures(body["totals"]) == own_figures(daily["total"])
    assert added([own_figures(line) for line in body["lines"]]) == own_figures(body["totals"])
    assert (body["role"], body["is_complete"]) == ("manager", True)
    assert body["total"] == len(body["lines"])
    if group_by == "day":
        by_day = {row["date"]: row["cost"] for row in daily["daily"]}
        assert all(by_day[line["group"]["day"]] == line["cost"] for line in body["lines"])


@pytest.mark.parametrize("group_by", ["purpose", "user,model", "day,purpose", "provider,user"])
def test_what_only_single_calls_tell_reaches_as_far_as_they_are_kept(
    branch: Office, group_by: str
) -> None:
    body = report(branch, f"{RECENT}&group_by={group_by}")
    assert own_figures(body["totals"]) == own_figures(report(branch, RECENT)["totals"])
    answer = branch.ask(ANNAS, "GET", f"{REPORT}?{RANGE}&group_by={group_by}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "from"
    assert f"{day(BACK[3] - 1)} or later" in answer.json()["detail"]


def test_a_member_sees_what_all_used_together_and_of_users_only_themselves(branch: Office) -> None:
    together = report(branch, f"{RANGE}&group_by=model", BORIS)
    assert together["totals"] == report(branch, f"{RANGE}&group_by=model")["totals"]
    assert (together["role"], together["is_complete"]) == ("member", True)
    own = get(branch, f"/usage/my-organization/by-user?{RANGE}", BORIS)
    for asked in ("group_by=user", "group_by=day,user", "group_by=day&user_id=boris"):
        body = report(branch, f"{RANGE}&{asked}", BORIS)
        assert body["is_complete"] is False
        assert own_figures(body["totals"]) == own_figures(own["total"])
        assert {line["group"].get("user", BORIS) for line in body["lines"]} == {BORIS}
        text = json.dumps(body)
        assert ANNAS not in text.lower()
        assert "ghost" not in text


def test_the_period_before_and_the_rest_tell_a_member_nothing_of_others(branch: Office) -> None:
    asked = f"from={day(1)}&to={TODAY}&group_by=user&compare=previous&top=1"
    body = report(branch, asked, BORIS)
    assert [line["group"] for line in body["lines"]] == [{"user": BORIS}]
    assert [line["group"] for line in body["series"]] == [{"user": BORIS}]
    before = report(branch, f"from={day(3)}&to={day(2)}&group_by=user", BORIS)
    assert body["comparison"]["total"] == before["totals"]
    assert body["lines"][0]["previous"] == before["totals"]


@pytest.mark.parametrize("other", [ANNAS, "ghost", "chen", "nobody"])
@pytest.mark.parametrize("group_by", ["day", "user", "model"])
def test_another_users_id_is_not_found_for_a_member(
    branch: Office, other: str, group_by: str
) -> None:
    path = f"{REPORT}?group_by={group_by}&user_id={other}"
    answer = branch.ask(BORIS, "GET", path)
    assert answer.status_code == 404
    assert answer.json()["detail"] == "there is no user of that id whose usage you may see"


def test_a_manager_of_one_organization_finds_nothing_of_another(branch: Office) -> None:
    body = report(branch, f"{RANGE}&group_by=day&user_id=chen")
    assert (body["lines"], body["totals"]["requests"]) == ([], 0)
    assert body["client_id"] == branch.places["bakery"]


def test_filters_narrow_to_what_the_grouping_tells(branch: Office) -> None:
    models = {
        line["group"]["model"]: line for line in report(branch, f"{RANGE}&group_by=model")["lines"]
    }
    body = report(branch, f"{RANGE}&group_by=day&model={MODEL}")
    assert own_figures(body["totals"]) == own_figures(models[MODEL])
    assert added([own_figures(line) for line in body["lines"]]) == own_figures(models[MODEL])
    providers = report(branch, f"{RANGE}&group_by=provider&model={MODEL}")["lines"]
    assert added([own_figures(line) for line in providers]) == own_figures(models[MODEL])
    one = report(branch, f"{RANGE}&group_by=&provider=Bolt&model={MODEL}")
    assert one["totals"]["requests"] == sum(
        line["requests"] for line in providers if line["group"]["provider"] == "Bolt"
    )
    users = report(branch, f"{RECENT}&group_by=user&model={MODEL}")
    assert own_figures(users["totals"]) == own_figures(
        report(branch, f"{RECENT}&group_by=&model={MODEL}")["totals"]
    )


def test_all_but_the_dearest_are_one_line(branch: Office) -> None:
    whole = report(branch, f"{RANGE}&group_by=day,user")
    body = report(branch, f"{RANGE}&group_by=day,user&top=1")
    assert body["totals"] == whole["totals"]
    assert added([own_figures(line) for line in body["lines"]]) == own_figures(body["totals"])
    dearest, rest = body["series"]
    assert (dearest["is_rest"], rest["is_rest"]) == (False, True)
    assert (rest["group"], rest["user_name"], rest["days"]) == ({"user": ""}, None, None)
    users = report(branch, f"{RANGE}&group_by=user")["lines"]
    assert dearest == users[0]
    assert Decimal(rest["cost"]) == sum(Decimal(line["cost"]) for line in users[1:])
    for line in body["lines"]:
        assert line["group"]["user"] == ("" if line["is_rest"] else users[0]["group"]["user"])
    assert report(branch, f"{RANGE}&group_by=day,user&top=50")["lines"] == whole["lines"]


def test_an_admins_report_folds_and_filters_as_well(branch: Office) -> None:
    path = f"/usage/report?{RANGE}&limit=2000&group_by=day,organization"
    whole, body = get(branch, path), get(branch, f"{path}&top=1")
    assert body["totals"] == whole["totals"]
    assert [line["client_name"] for line in body["series"]] == ["Studio'; --", None]
    assert sum(Decimal(line["raw_cost"]) for line in body["lines"]) == Decimal(
        whole["totals"]["raw_cost"]
    )
    assert whole["series"] is None
    client = branch.places["bakery"]
    own = report(branch, f"{RANGE}&group_by=day&user_id=boris")
    theirs = get(branch, f"/usage/report?{RANGE}&client_id={client}&user_id=boris")
    assert theirs["totals"]["markup_cost"] == own["totals"]["cost"]


@pytest.mark.parametrize("user", [ANNAS, BORIS])
@pytest.mark.parametrize("group_by", ["day,model", "user", "provider"])
def test_nobody_learns_what_it_cost(branch: Office, user: str, group_by: str) -> None:
    asked = f"{RANGE}&compare=previous&group_by={group_by}&top=1"
    text = json.dumps(report(branch, asked, user)).lower()
    for word in ("raw", "markup", "profit", "margin"):
        assert word not in text
    assert branch.places["studio"] not in text


def test_sorting_and_pages(branch: Office) -> None:
    lines = report(branch, f"{RANGE}&group_by=user&sort=cost&order=asc")["lines"]
    costs = [Decimal(line["cost"]) for line in lines]
    assert costs == sorted(costs)
    page = get(
        branch, f"{REPORT}?{RANGE}&group_by=user&sort=cost&order=asc&offset=1&limit=2", ANNAS
    )
    assert (page["lines"], page["total"]) == (lines[1:3], len(lines))


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        *BAD,
        ("group_by=organization", "group_by"),
        ("group_by=day,organization", "group_by"),
        ("group_by=day,user,model", "group_by"),
        ("group_by=hour", "group_by"),
        ("sort=raw_cost", "sort"),
        ("sort=margin", "sort"),
        ("sort=markup_cost", "sort"),
        ("order=up", "order"),
        ("compare=next", "compare"),
        ("top=0", "top"),
        ("top=51", "top"),
        ("top=3&group_by=day", "top"),
        ("top=3&group_by=user,purpose", "top"),
        ("limit=2001", "limit"),
        ("offset=-1", "offset"),
        ("model=a%00b", "model"),
        ("user_id=%00", "user_id"),
        ("provider=%00", "provider"),
        (f"model={'a' * 201}", "model"),
    ],
)
def test_reports_that_cannot_be_meant(branch: Office, asked: str, field: str) -> None:
    answer = branch.ask(ANNAS, "GET", f"{REPORT}?{asked}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


def test_the_forecast_is_the_admins_of_the_own_organization(branch: Office) -> None:
    own = get(branch, "/usage/my-organization/forecast", BORIS)
    assert own == get(branch, f"/usage/forecast?client_id={branch.places['bakery']}")
    assert own["monthly_limit"] == "77.123456"


def test_the_tab_says_who_reads_it_and_where_the_limits_stand(furnished: Office) -> None:
    furnished.admin("PATCH", "/user-mappings/boris", json={"monthly_limit": "2"})
    furnished.admin("PATCH", f"/clients/{furnished.places['bakery']}", json={"on_limit": "alert"})
    manager, member = (get(furnished, "/usage/my-organization", who) for who in (ANNAS, BORIS))
    assert (manager["role"], manager["user_id"], manager["own_limit"]) == ("manager", ANNAS, None)
    assert (member["role"], member["user_id"]) == ("member", BORIS)
    assert (manager["is_active"], member["is_active"]) == (True, True)
    limit = member["limit"]
    assert limit == manager["limit"]
    assert (limit["monthly_limit"], limit["on_limit"]) == ("77.123456", "alert")
    assert limit["spent"] == member["stats"]["this_month"]["cost"]
    assert Decimal(limit["remaining"]) == Decimal("77.123456") - Decimal(limit["spent"])
    assert limit["used_percent"] == member["stats"]["this_month"]["limit_percent"]
    last = date.fromisoformat(f"{member['stats']['this_month']['month']}-01") + timedelta(days=31)
    assert limit["resets_at"] == f"{last:%Y-%m}-01T00:00:00.000Z"
    assert member["own_limit"] == {
        "monthly_limit": "2",
        "spent": "0",
        "held": "0",
        "remaining": "2",
        "used_percent": "0.00",
        "resets_at": limit["resets_at"],
        "on_limit": "block",
    }
    told = datetime.fromisoformat(member["server_time"])
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)

"""The usage routes: every number agrees with every other, and nobody sees what is not theirs."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest

from mai_usage_ext.metering.estimate import ModelPrice
from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import Outcome, Source
from mai_usage_ext.storage.model_prices import StoredPriceRows
from mai_usage_ext.storage.sealing import SealRows
from tests.api.office import Office, open_office
from tests.storage.daily import book, entry_on
from tests.storage.test_usage_lines import put_imported

NOW_MS = int(datetime.now(UTC).timestamp() * 1000)
TODAY = datetime.now(UTC).date()
MODEL = "acme/model-1"
# Live, sealed, sealed with a late entry and a correction, imported.
BACK = (0, 1, 9, 40)
RANGE = f"from={TODAY - timedelta(days=60)}&to={TODAY}"
DIMENSIONS = ("organization", "day", "week", "month", "user", "model", "provider")
# With these only single calls could tell, which an imported day does not have.
GROUPINGS = [
    ",".join(one)
    for size in (0, 1, 2)
    for one in combinations(DIMENSIONS, size)
    if not ("user" in one and {"model", "provider"} & set(one))
]


def day(back: int) -> date:
    return TODAY - timedelta(days=back)


def live_through(office: Office, organization: str, *, factor: int) -> None:
    """Sixty days of an organization, in every state that days can be in."""
    db = office.database
    for number, back in enumerate((*BACK[:3], *BACK[:3])):
        entry = entry_on(
            organization,
            day(back),
            user_id=("anna", "boris", "ghost", None)[number % 4],
            model=(MODEL, "acme/model-2")[number % 2],
            provider=("Acme", "Bolt")[number % 2],
            purpose=("chat", "title")[number % 2],
            outcome=tuple(Outcome)[number % 3],
            raw_pusd=100_000_007 * factor,
            billed_pusd=130_000_011 * factor,
        )
        assert book(db, entry) == [True]
    put_imported(db, organization, day(BACK[3]), user="anna", model=MODEL, amount=1_000 * factor)
    for back in BACK[1:3]:
        assert SealRows(db).seal(organization, day(back), now_ms=NOW_MS)
    late = entry_on(organization, day(BACK[2]), user_id="boris", raw_pusd=5, billed_pusd=7)
    correction = entry_on(
        organization, day(BACK[2]), source=Source.ADJUSTMENT, user_id=None, billed_pusd=3
    )
    assert book(db, late, correction) == [True, True]


@pytest.fixture(scope="module")
def branch(shared_database_url: str) -> Iterator[Office]:
    """A furnished office with a past, on each kind of database; its tests change nothing."""
    with open_office(shared_database_url) as opened:
        opened.furnish()
        for factor, slug in enumerate(("bakery", "studio"), 1):
            live_through(opened, opened.places[slug], factor=factor)
        StoredPriceRows(opened.database).save(
            {MODEL: ModelPrice(prompt_pusd=1_000, completion_pusd=0, cache_read_pusd=100)},
            now_ms=NOW_MS,
        )
        yield opened


def get(office: Office, path: str, user: str = "admin") -> Any:
    answer = office.ask(user, "GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


Figures = tuple[int, int, int, int, Decimal, Decimal, Decimal]


def figures(row: Any) -> Figures:
    """What must agree, of an answer to an admin."""
    return (
        row["total_requests"],
        row["total_tokens"],
        row["failures"],
        row["cancelled"],
        Decimal(row["raw_cost"]),
        Decimal(row["markup_cost"]),
        Decimal(row["profit"]),
    )


def own_figures(row: Any) -> tuple[int, int, int, int, Decimal]:
    return (
        row["requests"],
        row["tokens"],
        row["failures"],
        row["cancelled"],
        Decimal(row["cost"]),
    )


def added(rows: list[Any]) -> tuple[Any, ...]:
    return tuple(map(sum, zip(*rows, strict=True)))


def everything_of(office: Office, slug: str) -> Figures:
    client = office.places[slug]
    return figures(get(office, f"/usage/report?{RANGE}&group_by=&client_id={client}")["totals"])


def test_the_sums_are_those_that_were_booked(branch: Office) -> None:
    """One call from the furnishing, six, two late ones, and an imported day."""
    requests, tokens, failures, cancelled, raw, billed, profit = everything_of(branch, "bakery")
    assert requests == 9 + 1_000
    assert tokens == 9 * 8_204 + 2 * 1_000
    assert (failures, cancelled) == (2 + 1_000, 2 + 1_000)
    assert raw == Decimal(usd_from_pusd(2 * 326_960_001 + 6 * 100_000_007 + 5 + 1_000))
    assert billed == Decimal(usd_from_pusd(425_048_001 + 6 * 130_000_011 + 7 + 3 + 1_000))
    assert profit == billed - raw


@pytest.mark.parametrize("group_by", GROUPINGS)
def test_every_grouping_adds_up_to_the_same(branch: Office, group_by: str) -> None:
    expect = {slug: everything_of(branch, slug) for slug in ("bakery", "studio", "unkeyed")}
    for slug, whole in expect.items():
        client = branch.places[slug]
        path = f"/usage/report?{RANGE}&group_by={group_by}&client_id={client}&limit=200"
        body = get(branch, path)
        assert figures(body["totals"]) == whole
        assert added([figures(line) for line in body["lines"]]) == whole
        assert body["total"] == len(body["lines"])
        for line in body["lines"]:
            assert list(line["group"]) == [name for name in group_by.split(",") if name]
    body = get(branch, f"/usage/report?{RANGE}&group_by={group_by}&limit=200")
    assert figures(body["totals"]) == added(list(expect.values()))
    assert added([figures(line) for line in body["lines"]]) == figures(body["totals"])


@pytest.mark.parametrize("slug", ["bakery", "studio"])
def test_every_route_adds_up_to_the_same(branch: Office, slug: str) -> None:
    whole, client = everything_of(branch, slug), branch.places[slug]
    users = get(branch, f"/usage/by-user/{client}?{RANGE}")
    models = get(branch, f"/usage/by-model/{client}?{RANGE}")
    for body, name in ((users, "user_usage"), (models, "model_usage")):
        assert figures(body["totals"]) == whole
        assert added([figures(row) for row in body[name]]) == whole
    for route in ("summary", "billing"):
        body = get(branch, f"/usage/{route}?{RANGE}&client_id={client}")
        assert figures(body["clients"][0]) == whole
        summary = body["summary"]
        assert Decimal(summary["total_markup_cost"]) == whole[5]
        assert Decimal(summary["total_profit"]) == whole[6]
        assert (summary["total_requests"], summary["total_tokens"]) == whole[:2]
        assert summary["active_clients"] == 1
    for group_by in ("day", "week", "month"):
        body = get(branch, f"/usage/revenue?{RANGE}&client_id={client}&group_by={group_by}")
        for name, place in (("revenue", 5), ("raw_cost", 4), ("profit", 6)):
            assert sum(Decimal(line[name]) for line in body["lines"]) == whole[place]
            assert Decimal(body["totals"][name]) == whole[place]
    manager = {"bakery": "anna", "studio": "chen"}[slug]
    own = (*whole[:4], whole[5])
    for route, name in (
        ("daily", "daily"),
        ("by-user", "user_usage"),
        ("by-model", "model_usage"),
    ):
        body = get(branch, f"/usage/my-organization/{route}?{RANGE}", manager)
        assert own_figures(body["total"]) == own
        assert added([own_figures(row) for row in body[name]]) == own


def test_the_tab_agrees_with_the_reports(branch: Office) -> None:
    client = branch.places["bakery"]
    stats = get(branch, "/usage/my-organization", "anna")["stats"]
    month = get(branch, f"/usage/summary?client_id={client}")
    assert stats["this_month"]["cost"] == month["summary"]["total_markup_cost"]
    assert stats["this_month"]["tokens"] == month["summary"]["total_tokens"]
    today = get(branch, f"/usage/today?client_id={client}")
    assert stats["today"]["cost"] == today["summary"]["total_markup_cost"]
    assert stats["today"]["requests"] == today["summary"]["total_requests"]
    daily = get(branch, "/usage/my-organization/daily", "boris")["daily"]
    assert [(row["date"], row["cost"]) for row in daily] == [
        (row["date"], row["cost"]) for row in stats["daily_history"]
    ]
    forecast = get(branch, f"/usage/forecast?client_id={client}")
    assert forecast["so_far"] == stats["this_month"]["cost"]
    assert stats["this_month"]["forecast"] == {
        name: forecast[name] for name in ("low", "expected", "high")
    }
    assert (stats["this_month"]["monthly_limit"], forecast["monthly_limit"]) == ("77.123456",) * 2
    before = stats["this_month"]["last_month"]
    last = TODAY.replace(day=1) - timedelta(days=1)
    asked = f"from={last.replace(day=1)}&to={last}&client_id={client}"
    assert get(branch, f"/usage/billing?{asked}")["summary"]["total_markup_cost"] == before["cost"]


def test_all_clients_today(branch: Office) -> None:
    body = get(branch, "/usage/today")
    assert {row["client_name"] for row in body["clients"]} == {
        "Bäckerei <b>",
        "Studio'; --",
        "Unkeyed",
    }
    assert body["summary"]["active_clients"] == 3
    assert body["summary"]["total_requests"] == sum(
        row["total_requests"] for row in body["clients"]
    )
    assert get(branch, "/usage/today?limit=1&offset=1")["clients"] == body["clients"][1:2]


def test_people_have_names(branch: Office) -> None:
    client = branch.places["bakery"]
    rows = {row["user_id"]: row for row in get(branch, f"/usage/by-user/{client}")["user_usage"]}
    assert (rows["anna"]["user_name"], rows["anna"]["user_email"]) == ("Anna", "anna@example.com")
    assert rows["anna"]["openrouter_user_id"]
    assert (rows["ghost"]["user_name"], rows["ghost"]["user_email"]) == ("deleted user", "")
    assert rows[""]["user_name"] == "unknown user"
    assert rows["anna"]["days_active"] == 2
    lines = get(branch, f"/usage/report?{RANGE}&group_by=organization,user")["lines"]
    told = {(line["client_name"], line["user_name"]) for line in lines}
    assert ("Bäckerei <b>", "Anna") in told


def test_caches_and_speed_of_models(branch: Office) -> None:
    client = branch.places["bakery"]
    rows = get(branch, f"/usage/by-model/{client}")["model_usage"]
    by_model = {(row["model_name"], row["provider"]): row for row in rows}
    known, unknown = by_model[MODEL, "Acme"], by_model["acme/model-2", "Bolt"]
    assert Decimal(known["cache_savings"]) == Decimal(known["cached_tokens"] * 900) / 10**12
    assert unknown["cache_savings"] is None
    assert (known["first_byte_ms"], known["tokens_per_second"]) == (210, "15.79")


def test_the_ledger_tells_purposes_and_users_with_models(branch: Office) -> None:
    client, first = branch.places["bakery"], day(BACK[2])
    for group_by in ("purpose", "user,model", "purpose,day"):
        asked = f"from={first}&client_id={client}&group_by={group_by}"
        body = get(branch, f"/usage/report?{asked}")
        assert figures(body["totals"]) == figures(
            get(branch, f"/usage/report?from={first}&client_id={client}&group_by=")["totals"]
        )
    purposes = get(branch, f"/usage/report?from={first}&client_id={client}&group_by=purpose")
    by_purpose = {line["group"]["purpose"]: line for line in purposes["lines"]}
    assert by_purpose["title"]["task_percent"] == "100.00"
    assert by_purpose["chat"]["task_percent"] == "0.00"
    answer = branch.ask(
        "admin", "GET", f"/usage/report?{RANGE}&client_id={client}&group_by=purpose"
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "from"
    assert f"{day(BACK[3] - 1)} or later" in answer.json()["detail"]


def test_the_period_before(branch: Office) -> None:
    client = branch.places["bakery"]
    asked = f"from={day(9)}&to={day(1)}&client_id={client}&compare=previous"
    body = get(branch, f"/usage/report?{asked}&group_by=user")
    comparison = body["comparison"]
    assert comparison["period"] == {"from": str(day(18)), "to": str(day(10)), "days": 9}
    assert comparison["total"]["total_requests"] == 0
    assert comparison["markup_cost_change_percent"] is None
    assert all(line["previous"]["total_requests"] == 0 for line in body["lines"])
    shorter = f"from={day(5)}&to={TODAY}&client_id={client}&compare=previous"
    body = get(branch, f"/usage/report?{shorter}&group_by=day")
    now, before = (
        Decimal(one["markup_cost"]) for one in (body["totals"], body["comparison"]["total"])
    )
    assert Decimal(body["comparison"]["markup_cost_change_percent"]) == (
        (now - before) * 100 / before
    ).quantize(Decimal("0.01"))
    assert body["lines"][0]["previous"] is None
    assert get(branch, f"/usage/billing?{shorter}")["comparison"] == body["comparison"]


def test_sorting_and_pages(branch: Office) -> None:
    path = f"/usage/report?{RANGE}&group_by=organization,user"
    costs = [Decimal(line["markup_cost"]) for line in get(branch, path)["lines"]]
    assert costs == sorted(costs, reverse=True)
    lines = get(branch, f"{path}&sort=requests&order=asc")["lines"]
    counts = [line["total_requests"] for line in lines]
    assert counts == sorted(counts)
    page = get(branch, f"{path}&sort=requests&order=asc&offset=2&limit=3")
    assert page["lines"] == lines[2:5]
    assert (page["total"], page["offset"], page["limit"]) == (len(lines), 2, 3)
    keys = [line["group"] for line in get(branch, f"{path}&sort=key&order=desc")["lines"]]
    assert keys == sorted(keys, key=lambda group: tuple(group.values()), reverse=True)
    speeds = [line["tokens_per_second"] for line in get(branch, f"{path}&sort=speed")["lines"]]
    assert speeds == sorted(speeds, key=lambda one: Decimal(one or -1), reverse=True)


def test_activity(branch: Office) -> None:
    body = get(branch, "/usage/activity")
    assert body["total"] == len(body["clients"]) == 3
    assert {row["client_name"]: row["trend"] for row in body["clients"]}["Unkeyed"] == "idle"
    idle = get(branch, "/usage/activity?trend=idle")
    assert [row["client_name"] for row in idle["clients"]] == ["Unkeyed"]


OWN = ("", "/today", "/daily", "/by-user", "/by-model", "/forecast")


@pytest.mark.parametrize("path", OWN)
@pytest.mark.parametrize("user", ["anna", "boris", "chen", "dora"])
def test_nobody_learns_what_it_cost_or_of_others(branch: Office, user: str, path: str) -> None:
    asked = "" if path in ("", "/today", "/forecast") else f"?{RANGE}"
    text = json.dumps(get(branch, f"/usage/my-organization{path}{asked}", user)).lower()
    for word in ("raw", "markup", "profit", "margin"):
        assert word not in text
    mine, others = ("bakery", "studio") if user in ("anna", "boris") else ("studio", "bakery")
    assert branch.places[mine] in text
    assert branch.places[others] not in text
    assert usd_from_pusd(100_000_007) not in text
    assert usd_from_pusd(200_000_014) not in text


def test_a_member_sees_the_own_line_only(branch: Office) -> None:
    path = f"/usage/my-organization/by-user?{RANGE}"
    own, everybody = get(branch, path, "boris"), get(branch, path, "anna")
    assert [row["user_id"] for row in own["user_usage"]] == ["boris"]
    assert (own["is_complete"], everybody["is_complete"]) == (False, True)
    assert own["user_usage"][0] in everybody["user_usage"]
    assert {row["user_id"] for row in everybody["user_usage"]} == {"anna", "boris", "ghost", ""}
    assert own_figures(own["total"]) == own_figures(own["user_usage"][0])


BAD = [
    ("from=2026-02-02&to=2026-02-01", "to"),
    ("start_date=2026-02-02&end_date=2026-02-01", "end_date"),
    ("from=2020-01-01&to=2026-01-01", "from"),
    ("from=yesterday", "from"),
    ("to=2026-13-01", "to"),
    ("from=2026-01-01&start_date=2026-01-02", "start_date"),
    ("days_back=0", "days_back"),
    ("days_back=1101", "days_back"),
    ("days_back=many", "days_back"),
    ("days_back=3&from=2026-01-01", "days_back"),
]
RANGED = (
    "/usage/summary",
    "/usage/billing",
    "/usage/report",
    "/usage/revenue",
    "/usage/by-user/{bakery}",
    "/usage/by-model/{bakery}",
    "/usage/my-organization/daily",
    "/usage/my-organization/by-user",
    "/usage/my-organization/by-model",
)


@pytest.mark.parametrize(("asked", "field"), BAD)
@pytest.mark.parametrize("path", RANGED)
def test_ranges_that_cannot_be_meant(branch: Office, path: str, asked: str, field: str) -> None:
    user = "anna" if "my-org" in path else "admin"
    answer = branch.ask(user, "GET", f"{path.format_map(branch.places)}?{asked}")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("group_by=weekday", "group_by"),
        ("group_by=day,,user", "group_by"),
        ("group_by=day,day", "group_by"),
        ("group_by=day,user,model", "group_by"),
        ("group_by=organization,day,user,model", "group_by"),
        ("compare=next", "compare"),
        ("sort=secret", "sort"),
        ("order=up", "order"),
        ("limit=0", "limit"),
        ("limit=2001", "limit"),
        ("top=0", "top"),
        ("top=51", "top"),
        ("top=1&group_by=organization,user", "top"),
        ("model=%00", "model"),
        ("offset=-1", "offset"),
        ("from=0001-01-01&to=0001-01-02&compare=previous", "from"),
    ],
)
def test_reports_that_cannot_be_meant(branch: Office, asked: str, field: str) -> None:
    answer = branch.ask("admin", "GET", f"/usage/report?{asked}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "path",
    [
        "/usage/summary?client_id=nobody",
        "/usage/today?client_id=nobody",
        "/usage/billing?client_id=nobody",
        "/usage/report?client_id=nobody",
        "/usage/revenue?client_id=nobody",
        "/usage/forecast?client_id=nobody",
        "/usage/by-user/nobody",
        "/usage/by-model/nobody",
    ],
)
def test_unknown_organizations(branch: Office, path: str) -> None:
    answer = branch.ask("admin", "GET", path)
    assert answer.status_code == 404
    assert "nobody" in answer.json()["detail"]


@pytest.mark.parametrize("asked", ["group_by=hour", "group_by="])
def test_revenue_is_by_time(branch: Office, asked: str) -> None:
    answer = branch.ask("admin", "GET", f"/usage/revenue?{asked}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "group_by"

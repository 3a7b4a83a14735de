"""What the report routes answer about the golden year, beside the script's sums."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from tests.golden.fixtures import GoldenYear
from tests.golden.measures import (
    NOTHING,
    change,
    days_with_usage,
    has_tasks,
    measures_of,
    own_measures_of,
    share,
    sums_of,
    told,
)
from tests.golden.office import EVENING, Office, open_office

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Days:
    """Days that are asked for, and those before them that they are compared with."""

    first: str
    last: str
    first_before: str
    last_before: str

    @property
    def where(self) -> str:
        return f"day BETWEEN DATE '{self.first}' AND DATE '{self.last}'"

    @property
    def where_before(self) -> str:
        return f"day BETWEEN DATE '{self.first_before}' AND DATE '{self.last_before}'"

    @property
    def query(self) -> dict[str, str]:
        return {"since": self.first, "until": self.last}


RANGES = {
    "month": Days("2024-02-01", "2024-02-29", "2024-01-01", "2024-01-31"),
    "quarter": Days("2024-04-01", "2024-06-30", "2024-01-01", "2024-03-31"),
    "year": Days("2024-01-01", "2024-12-31", "2022-12-31", "2023-12-31"),
    "week of changed clocks": Days("2024-03-25", "2024-03-31", "2024-03-18", "2024-03-24"),
    "leap day": Days("2024-02-29", "2024-02-29", "2024-02-28", "2024-02-28"),
    "across the year's end": Days("2024-12-28", "2025-01-03", "2024-12-21", "2024-12-27"),
}
GROUPINGS = [
    ("day",),
    ("week",),
    ("organization", "month"),
    ("organization", "user"),
    ("model", "provider"),
    ("month", "model"),
    ("purpose",),
    ("user", "model"),
    ("week", "purpose"),
]
TIMES = {"day", "week", "month"}

of_days = pytest.mark.parametrize("days", RANGES.values(), ids=RANGES.keys())


@pytest.fixture(scope="module")
def open_year(golden_year: GoldenYear) -> Iterator[Office]:
    with open_office(golden_year.url) as opened:
        yield opened


@pytest.fixture
def office(open_year: Office) -> Office:
    open_year.clock.now = EVENING
    return open_year


def clients_of(golden_year: GoldenYear) -> list[tuple[str | None, str]]:
    """All, and each; with SQL that says so."""
    return [(None, "true"), *((one, f"organization = '{one}'") for one in golden_year.ids)]


def check_lines(
    golden_year: GoldenYear,
    lines: list[tuple[tuple[str, ...], int, dict[str, Any]]],
    group_by: tuple[str, ...],
    where: str,
) -> None:
    """Key, days and measures of all lines, in the order that they have without being asked."""
    sums = golden_year.sums(group_by, where=where)
    tasks, days = (
        has_tasks(golden_year, group_by, where),
        days_with_usage(golden_year, group_by, where),
    )
    wanted = {key: measures_of(one, has_tasks=tasks.of(key)) for key, one in sums.items()}
    found = {key: told(line, wanted[key]) for key, _, line in lines}
    assert found == wanted
    assert {key: count for key, count, _ in lines} == days
    keys = sorted(wanted)
    if group_by[0] not in TIMES:
        keys.sort(key=lambda key: -wanted[key]["markup_cost"])
    assert [key for key, _, _ in lines] == keys


def check_comparison(
    golden_year: GoldenYear, answer: dict[str, Any], days: Days, whose: str, *, tasks: bool = True
) -> None:
    now = measures_of(sums_of(golden_year, f"{days.where} AND {whose}"))
    before = measures_of(sums_of(golden_year, f"{days.where_before} AND {whose}"), has_tasks=tasks)
    comparison = answer["comparison"]
    assert comparison["period"]["from"] == days.first_before
    assert comparison["period"]["to"] == days.last_before
    assert told(comparison["total"], before) == before
    changes = {
        f"{name}_change_percent": change(now[measure], before[measure])
        for name, measure in (
            ("requests", "total_requests"),
            ("tokens", "total_tokens"),
            ("markup_cost", "markup_cost"),
        )
    }
    assert told(comparison, changes) == changes


def check_summary(golden_year: GoldenYear, answer: dict[str, Any], where: str) -> None:
    total = measures_of(sums_of(golden_year, where))
    summary = {
        "total_raw_cost": total["raw_cost"],
        "total_markup_cost": total["markup_cost"],
        "total_profit": total["profit"],
        "total_tokens": total["total_tokens"],
        "total_requests": total["total_requests"],
        "profit_margin_percent": total["profit_margin_percent"],
        "active_clients": len(golden_year.sums(("organization",), where=where)),
    }
    assert told(answer["summary"], summary) == summary
    lines = [((one["client_id"],), one["days_active"], one) for one in answer["clients"]]
    check_lines(golden_year, lines, ("organization",), where)


@of_days
@pytest.mark.parametrize("path", ["/usage/summary", "/usage/billing"])
def test_overviews(golden_year: GoldenYear, office: Office, days: Days, path: str) -> None:
    for client_id, whose in clients_of(golden_year):
        answer = office.ask(path, client_id=client_id, compare="previous", **days.query)
        check_summary(golden_year, answer, f"{days.where} AND {whose}")
        check_comparison(golden_year, answer, days, whose)


@of_days
def test_any_grouping(golden_year: GoldenYear, office: Office, days: Days) -> None:
    for number, group_by in enumerate(GROUPINGS):
        clients = clients_of(golden_year)
        # All of them, and one of the three in turn.
        for client_id, whose in (clients[0], clients[1 + number % 3]):
            answer = office.pages(
                "/usage/report",
                "lines",
                client_id=client_id,
                group_by=",".join(group_by),
                compare="previous",
                **days.query,
            )
            where = f"{days.where} AND {whose}"
            lines = [
                (tuple(line["group"][name] for name in group_by), line["days"], line)
                for line in answer["lines"]
            ]
            check_lines(golden_year, lines, group_by, where)
            total = measures_of(
                sums_of(golden_year, where),
                has_tasks=has_tasks(golden_year, group_by, where).of_all,
            )
            assert told(answer["totals"], total) == total
            before = f"{days.where_before} AND {whose}"
            tasks = has_tasks(golden_year, group_by, before)
            check_comparison(golden_year, answer, days, whose, tasks=tasks.of_all)
            if not TIMES.intersection(group_by):
                sums = golden_year.sums(group_by, where=before)
                for key, _, line in lines:
                    one = sums.get(key) or NOTHING
                    wanted = measures_of(one, has_tasks=tasks.of(key))
                    assert told(line["previous"], wanted) == wanted


@of_days
def test_revenue(golden_year: GoldenYear, office: Office, days: Days) -> None:
    for client_id, whose in clients_of(golden_year):
        where = f"{days.where} AND {whose}"
        for group_by in ("day", "week", "month"):
            answer = office.ask(
                "/usage/revenue",
                client_id=client_id,
                group_by=group_by,
                compare="previous",
                **days.query,
            )
            wanted = [
                {"period": key[0], **revenue_of(measures_of(one))}
                for key, one in sorted(golden_year.sums((group_by,), where=where).items())
            ]
            found = [
                {
                    "period": one["period"],
                    **told(one, revenue_of(measures_of(NOTHING))),
                }
                for one in answer["lines"]
            ]
            assert found == wanted
            total = revenue_of(measures_of(sums_of(golden_year, where)))
            assert told(answer["totals"], total) == total
            check_comparison(golden_year, answer, days, whose)


def revenue_of(measures: dict[str, Any]) -> dict[str, Any]:
    return {
        "revenue": measures["markup_cost"],
        "raw_cost": measures["raw_cost"],
        "profit": measures["profit"],
        "profit_margin_percent": measures["profit_margin_percent"],
        "requests": measures["total_requests"],
    }


@of_days
def test_users_and_models(golden_year: GoldenYear, office: Office, days: Days) -> None:
    for client_id, whose in clients_of(golden_year)[1:]:
        where = f"{days.where} AND {whose}"
        for path, name, group_by, names, count in (
            ("by-user", "user_usage", ("user",), ("user_id",), "days_active"),
            (
                "by-model",
                "model_usage",
                ("model", "provider"),
                ("model_name", "provider"),
                "days_used",
            ),
        ):
            answer = office.pages(f"/usage/{path}/{client_id}", name, **days.query)
            lines = [(tuple(one[key] for key in names), one[count], one) for one in answer[name]]
            check_lines(golden_year, lines, group_by, where)
            tasks = has_tasks(golden_year, group_by, where).of_all
            total = measures_of(sums_of(golden_year, where), has_tasks=tasks)
            assert told(answer["totals"], total) == total


@pytest.mark.parametrize(
    ("at", "today"),
    [
        (EVENING, ("2024-12-31", "2024-12-31", "2024-12-30")),
        (datetime(2024, 12, 30, 12, tzinfo=UTC), ("2024-12-31", "2024-12-30", "2024-12-30")),
        # Sealed by now, and in three zones at once: the day after, the leap day, the leap day.
        (datetime(2024, 2, 29, 12, tzinfo=UTC), ("2024-03-01", "2024-02-29", "2024-02-29")),
    ],
    ids=["evening", "noon", "leap day"],
)
def test_today(
    golden_year: GoldenYear, office: Office, at: datetime, today: tuple[str, ...]
) -> None:
    office.clock.now = at
    each = {
        one: f"(organization = '{one}' AND day = '{day}')"
        for one, day in zip(golden_year.ids, today, strict=True)
    }
    everybody = f"({' OR '.join(each.values())})"
    answer = office.ask("/usage/today")
    assert answer["summary"]["active_clients"] == 3
    for client_id, where in [(None, everybody), *each.items()]:
        answer = office.ask("/usage/today", client_id=client_id)
        check_summary(golden_year, answer, where)


def test_activity(golden_year: GoldenYear, office: Office) -> None:
    """When it is evening there, the 30th is not over everywhere."""
    answer = office.ask("/usage/activity")
    assert answer["until"] == "2024-12-29"
    found = {one["client_id"]: one for one in answer["clients"]}
    assert set(found) == set(golden_year.ids)
    for client_id, line in found.items():
        wanted: dict[str, Any] = {}
        requests = []
        for name, first, last in (
            ("recent", "2024-12-23", "2024-12-29"),
            ("before", "2024-11-25", "2024-12-22"),
        ):
            where = f"organization = '{client_id}' AND day BETWEEN '{first}' AND '{last}'"
            sums = measures_of(sums_of(golden_year, where))
            requests.append(sums["total_requests"])
            wanted |= {
                f"{name}_requests": sums["total_requests"],
                f"{name}_tokens": sums["total_tokens"],
                f"{name}_cost": sums["markup_cost"],
            }
        wanted["change_percent"] = share(4 * requests[0] - requests[1], requests[1])
        assert told(line, wanted) == wanted


def test_forecast_begins_with_what_is_used(golden_year: GoldenYear, office: Office) -> None:
    for client_id, whose in clients_of(golden_year):
        answer = office.ask("/usage/forecast", client_id=client_id)
        until = "2024-12-30" if client_id == golden_year.ids[2] else "2024-12-31"
        assert answer["as_of"] == until
        where = f"{whose} AND day BETWEEN '2024-12-01' AND '{until}'"
        so_far = Fraction(answer["so_far"])
        assert so_far == Fraction(sums_of(golden_year, where).billed)


# Whose organization by now, and whether everybody's usage is theirs to see.
MEMBERS = {
    "hana": (0, True),
    "rua": (0, False),
    "ola": (1, True),
    "ewa": (1, False),
    "sam": (2, True),
    "tama": (2, False),
}


@of_days
@pytest.mark.parametrize("user", MEMBERS)
def test_own_organization(golden_year: GoldenYear, office: Office, days: Days, user: str) -> None:
    number, is_manager = MEMBERS[user]
    whose = f"organization = '{golden_year.ids[number]}'"
    where = f"{days.where} AND {whose}"
    count = (date.fromisoformat(days.last) - date.fromisoformat(days.first)).days + 1

    answer = office.ask("/usage/my-organization/daily", user=user, **days.query)
    check_own_total(golden_year, answer, where, count)
    used = golden_year.sums(("day",), where=where)
    first = date.fromisoformat(days.first)
    dates = [str(first + timedelta(days=n)) for n in range(count)]
    nothing = NOTHING
    wanted = [own_measures_of(used.get((day,), nothing)) for day in dates]
    assert [one["date"] for one in answer["daily"]] == dates
    assert [told(one, wanted[0]) for one in answer["daily"]] == wanted

    answer = office.ask("/usage/my-organization/by-user", user=user, **days.query)
    seen = where if is_manager else f"{where} AND \"user\" = '{user}'"
    assert answer["is_complete"] is is_manager
    check_own_total(
        golden_year, answer, seen, count, tasks=has_tasks(golden_year, ("user",), seen).of_all
    )
    check_own_lines(golden_year, answer["user_usage"], ("user",), ("user_id",), seen)

    answer = office.ask("/usage/my-organization/by-model", user=user, **days.query)
    group_by = ("model", "provider")
    check_own_total(
        golden_year, answer, where, count, tasks=has_tasks(golden_year, group_by, where).of_all
    )
    check_own_lines(golden_year, answer["model_usage"], group_by, ("model_name", "provider"), where)


def check_own_total(
    golden_year: GoldenYear, answer: dict[str, Any], where: str, days: int, *, tasks: bool = True
) -> None:
    wanted = own_measures_of(sums_of(golden_year, where), has_tasks=tasks)
    wanted["average_daily_cost"] = round(wanted["cost"] / days, 12)
    wanted["average_daily_tokens"] = round(Fraction(wanted["tokens"], days))
    assert told(answer["total"], wanted) == wanted


def check_own_lines(
    golden_year: GoldenYear,
    lines: list[dict[str, Any]],
    group_by: tuple[str, ...],
    names: tuple[str, ...],
    where: str,
) -> None:
    tasks = has_tasks(golden_year, group_by, where)
    wanted = {
        key: own_measures_of(one, has_tasks=tasks.of(key))
        for key, one in golden_year.sums(group_by, where=where).items()
    }
    found = {tuple(one[name] for name in names): one for one in lines}
    assert {key: told(one, wanted[key]) for key, one in found.items()} == wanted
    assert len(found) == len(lines)


@pytest.mark.parametrize("user", ["hana", "ola", "sam"])
def test_the_tab(golden_year: GoldenYear, office: Office, user: str) -> None:
    """Today, this month, the one before and thirty days, as everybody sees them first."""
    number, _ = MEMBERS[user]
    whose = f"organization = '{golden_year.ids[number]}'"
    today = date(2024, 12, 30) if number == 2 else date(2024, 12, 31)
    stats = office.ask("/usage/my-organization", user=user)["stats"]

    def check(found: dict[str, Any], condition: str, suffix: str = "") -> None:
        one = own_measures_of(sums_of(golden_year, f"{whose} AND {condition}"))
        wanted = {f"{name}{suffix}": one[name] for name in ("tokens", "cost", "requests")}
        assert told(found, wanted) == wanted

    check(stats["today"], f"day = '{today}'")
    check(stats["this_month"], f"day BETWEEN '2024-12-01' AND '{today}'")
    before = stats["this_month"]["last_month"]
    check(before, "month = '2024-11'")
    check(before, f"month = '2024-11' AND day <= '2024-11-{min(today.day, 30)}'", "_to_date")
    history = stats["daily_history"]
    assert [one["date"] for one in history] == [
        str(today - timedelta(days=n)) for n in reversed(range(30))
    ]
    for one in history:
        check(one, f"day = '{one['date']}'")

"""Comparisons with OpenRouter's figures, as an admin asks for them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.reconciliation import (
    Figures,
    Finding,
    KeyUsage,
    ModelDifference,
    ReconciliationRecord,
)
from mai_usage_ext.storage.reconciliation import ReconciliationRows
from tests.api.office import Office

DAY = date(2026, 6, 15)


def keep(office: Office) -> None:
    """A line of the bakery's key, and one of a key of nobody the day before."""
    rows = ReconciliationRows(office.database)
    ours, theirs = (
        Figures(requests=2, prompt_tokens=7, completion_tokens=3, raw_pusd=994),
        Figures(requests=3, prompt_tokens=9, completion_tokens=4, raw_pusd=1000),
    )
    first = ReconciliationRecord(
        day=DAY,
        key_hash="a" * 64,
        organization_id=office.places["bakery"],
        finding=Finding.ADJUSTED,
        reason="OpenRouter showed more than was booked; the rest was booked",
        is_below=True,
        captured=ours,
        adjusted_pusd=6,
        provider=theirs,
        models=[ModelDifference(model="m", ours=ours, theirs=theirs)],
        identified=1,
        closed_holds=2,
        checked_at_ms=0,
    )
    second = ReconciliationRecord(
        day=DAY - timedelta(days=1),
        key_hash="b" * 64,
        organization_id=None,
        finding=Finding.WAITING,
        reason="1 calls of this day are still being settled",
        is_below=False,
        captured=Figures(),
        adjusted_pusd=0,
        provider=Figures(),
    )
    for line in (first, second):
        rows.save(line)


def test_days_add_up_their_keys(any_office: Office) -> None:
    keep(any_office)
    more = ReconciliationRecord(
        day=DAY,
        key_hash="c" * 64,
        organization_id=None,
        finding=Finding.UNEXPLAINED,
        reason="nobody has this key",
        is_below=True,
        captured=Figures(),
        adjusted_pusd=0,
        provider=Figures(raw_pusd=1_000),
    )
    ReconciliationRows(any_office.database).save(more)
    asked = f"from={DAY - timedelta(days=9)}&to={DAY}"
    body = any_office.admin("GET", f"/reconciliations/days?{asked}")
    assert body["period"] == {"from": "2026-06-06", "to": "2026-06-15", "days": 10}
    before, last = body["days"]
    assert (before["date"], before["capture_rate"]) == ("2026-06-14", None)
    assert (before["keys"], before["waiting"]) == (1, 1)
    assert last == {
        "date": "2026-06-15",
        "captured": usd_from_pusd(994),
        "adjusted": usd_from_pusd(6),
        "provider": usd_from_pusd(2_000),
        "difference": usd_from_pusd(1_000),
        "capture_rate": "0.497",
        "keys": 2,
        "below": 2,
        "waiting": 0,
        "unexplained": 1,
    }
    total = {name: value for name, value in last.items() if name != "date"}
    assert body["totals"] == {**total, "keys": 3, "waiting": 1}
    bakery = any_office.admin(
        "GET", f"/reconciliations/days?{asked}&client_id={any_office.places['bakery']}"
    )
    assert [(day["provider"], day["capture_rate"]) for day in bakery["days"]] == [
        (usd_from_pusd(1_000), "0.994")
    ]
    assert any_office.admin("GET", "/reconciliations/days?to=2020-01-01")["days"] == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("from=2026-02-02&to=2026-02-01", "to"),
        ("from=yesterday", "from"),
        ("days_back=0", "days_back"),
        ("client_id=%00", "client_id"),
    ],
)
def test_days_that_cannot_be_meant(office: Office, asked: str, field: str) -> None:
    answer = office.ask("admin", "GET", f"/reconciliations/days?{asked}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


def test_lines_say_both_sides_in_raw_usd(any_office: Office) -> None:
    keep(any_office)
    page = any_office.admin("GET", "/reconciliations")
    first, second = page["reconciliations"]
    assert (page["total"], page["problems"]) == (2, [])
    assert first == {
        "date": "2026-06-15",
        "key_hash": "a" * 64,
        "client_id": any_office.places["bakery"],
        "status": "adjusted",
        "reason": "OpenRouter showed more than was booked; the rest was booked",
        "capture_rate": "0.994",
        "is_below": True,
        "captured": "0.000000000994",
        "adjusted": "0.000000000006",
        "provider": "0.000000001",
        "difference": "0",
        "captured_requests": 2,
        "provider_requests": 3,
        "models": [
            {
                "model": "m",
                "ours": {
                    "requests": 2,
                    "prompt_tokens": 7,
                    "completion_tokens": 3,
                    "raw": "0.000000000994",
                },
                "theirs": {
                    "requests": 3,
                    "prompt_tokens": 9,
                    "completion_tokens": 4,
                    "raw": "0.000000001",
                },
            }
        ],
        "identified": 1,
        "closed_holds": 2,
        "checked_at": "1970-01-01T00:00:00.000Z",
    }
    assert (second["client_id"], second["capture_rate"]) == (None, None)


@pytest.mark.parametrize(
    ("params", "days"),
    [
        ({"from": "2026-06-15"}, [15]),
        ({"to": "2026-06-14"}, [14]),
        ({"status": "waiting"}, [14]),
        ({"is_below": "true"}, [15]),
        ({"client_id": "{bakery}"}, [15]),
        ({"client_id": "{studio}"}, []),
        ({"limit": "1", "offset": "1"}, [14]),
    ],
)
def test_lines_by_filter(office: Office, params: dict[str, str], days: list[int]) -> None:
    office.furnish()
    keep(office)
    wanted = {name: value.format_map(office.places) for name, value in params.items()}
    page = office.admin("GET", "/reconciliations", params=wanted)
    shown = [date.fromisoformat(line["date"]).day for line in page["reconciliations"]]
    assert shown == days


@pytest.mark.parametrize("params", [{"from": "today"}, {"status": "odd"}, {"to": "2026-02-30"}])
def test_a_filter_that_makes_no_sense_is_refused(office: Office, params: dict[str, str]) -> None:
    answer = office.ask("admin", "GET", "/reconciliations", params=params)
    assert answer.status_code == 422
    assert next(iter(params)) in answer.text


def test_a_run_and_the_day_that_openrouter_did_not_answer(office: Office) -> None:
    office.furnish()
    body = {"date": office.places["past_day"]}
    answer = office.admin("POST", "/reconciliations/run", json=body)
    assert (answer["date"], answer["is_final"]) == (body["date"], True)
    assert office.admin("GET", "/reconciliations")["problems"] == []
    # Two organizations have keys, and none was used on that day.
    assert answer["reconciliations"] == []

    office.simulator.switch(management_status=429)
    office.admin("POST", "/reconciliations/run", json=body, expect=502)
    [problem] = office.admin("GET", "/reconciliations")["problems"]
    assert problem["date"] == body["date"]
    assert "429" in problem["problem"]


def test_days_that_cannot_be_compared(office: Office) -> None:
    today = datetime.now(UTC).date()
    for wrong in (str(today), str(today - timedelta(days=40)), "yesterday", ""):
        answer = office.ask("admin", "POST", "/reconciliations/run", json={"date": wrong})
        assert answer.status_code == 422, wrong


def test_counters_since_the_look_before(office: Office) -> None:
    rows = ReconciliationRows(office.database)
    for at_ms, usage in ((1000, 10), (2000, 25)):
        look = KeyUsage(key_hash="c" * 64, label="sk-or-v1-abc...def", usage_pusd=usage)
        rows.note_counters([look], now_ms=at_ms)
    page = office.admin("GET", "/reconciliations/keys")
    assert page["total"] == 1
    assert page["counters"] == [
        {
            "key_hash": "c" * 64,
            "client_id": None,
            "label": "sk-or-v1-abc...def",
            "usage": usd_from_pusd(25),
            "difference": usd_from_pusd(15),
            "at": "1970-01-01T00:00:02.000Z",
            "previous_at": "1970-01-01T00:00:01.000Z",
        }
    ]

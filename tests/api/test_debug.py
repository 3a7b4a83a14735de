"""What an operator asks when something looks wrong, over HTTP."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mai_usage_ext.ports import HoldState, Outcome
from mai_usage_ext.storage.models import ClientLiveCounter, UsageLedger
from mai_usage_ext.storage.sealing import SealRows
from mai_usage_ext.storage.sessions import transaction, write
from mai_usage_ext.storage.slow_queries import SlowQueries
from mai_usage_ext.storage.writer import LedgerWriter
from tests.api.office import Office, open_office
from tests.storage.samples import make_hold

GENERATIONS = "/debug/generations/"


def test_a_call_is_followed_from_its_hold_to_its_month(any_office: Office) -> None:
    found = any_office.admin("GET", GENERATIONS + any_office.places["booked"])
    assert found["client_id"] == any_office.places["unkeyed"]
    assert found["hold"]["state"] == "settled"
    [entry] = found["entries"]
    assert (entry["raw"], entry["billed"]) == ("0.000326960001", "0.000425048001")
    assert found["live_counter"]["billed"] == "0.000425048001"
    assert found["month"] == {
        "month": f"{datetime.now(UTC):%Y-%m}",
        "spent": "0.000425048001",
        "held": "0",
        "monthly_limit": "77.123456",
    }
    assert found["price_rule"]["markup_rate"] == "1.731"
    assert found["sealed_day"] is found["reconciliation"] is found["broadcast"] is None
    told = "\n".join(found["sentences"])
    assert "0.000326960001 USD × 1.3 + 0 USD fee = 0.000425048001 USD, rounded half-even" in told
    assert "the entry keeps the price that held when the call was made" in told
    assert "it is settled" in told
    assert "under a limit of 77.123456 USD" in told
    assert any(record["action"].startswith("organization") for record in found["audit"])


def test_by_the_holds_id_and_on_a_sealed_day(any_office: Office) -> None:
    generation = any_office.places["booked"]
    by_generation = any_office.admin("GET", GENERATIONS + generation)
    today = datetime.fromisoformat(by_generation["date"]).date()
    SealRows(any_office.database).seal(by_generation["client_id"], today, now_ms=1_000)
    found = any_office.admin("GET", GENERATIONS + by_generation["hold"]["id"])
    assert found["entries"] == by_generation["entries"]
    assert found["live_counter"] is None
    assert found["sealed_day"]["requests"] == 1
    assert any("is sealed (ledger" in sentence for sentence in found["sentences"])


def test_a_call_that_waits_says_for_what(furnished: Office) -> None:
    hold = make_hold(furnished.places["bakery"], id="0123456789abcdef")
    writer = LedgerWriter(furnished.database, owner="x")
    writer.start()
    writer.place(hold).result(10)
    writer.defer(
        hold,
        state=HoldState.UNPRICED,
        outcome=Outcome.COMPLETED,
        generation_id="gen-odd",
        reason="cost is null",
    ).result(10)
    writer.stop(5)
    for name in (hold.id, "gen-odd"):
        found = furnished.admin("GET", GENERATIONS + name)
        assert found["entries"] == []
        assert any("cost is null" in sentence for sentence in found["sentences"])


def test_an_unknown_id_says_what_that_means(shared_office: Office) -> None:
    answer = shared_office.admin("GET", GENERATIONS + "gen-nobody", expect=404)
    assert "went unmetered" in answer["detail"]
    shared_office.admin("GET", GENERATIONS + "x" * 201, expect=422)


def test_the_self_test_says_its_price_first_and_spends_nothing(office: Office) -> None:
    offered = office.admin("POST", "/debug/self-test", json={})
    assert offered["status"] == "unconfirmed"
    assert offered["most"] in offered["message"]
    assert float(offered["most"]) > 0
    assert office.simulator.bill.total_cost() == 0


def test_a_confirmed_self_test_without_a_key_says_where_to_enter_one(office: Office) -> None:
    found = office.admin("POST", "/debug/self-test", json={"confirm": True})
    assert (found["status"], found["cost"]) == ("failed", None)
    [step] = [one for one in found["steps"] if one["status"] == "failed"]
    assert step["name"] == "key"
    assert office.simulator.url in step["advice"]


@pytest.mark.slow
def test_the_simulated_self_test_runs_beside_the_books(office: Office) -> None:
    with office.unchanged():
        found = office.admin("POST", "/debug/self-test", json={"target": "simulator"})
    assert found["status"] == "ok", found
    names = [step["name"] for step in found["steps"]]
    assert names == ["price", "key", "call", "hold", "entry", "counters", "month"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"target": "moon"}, "target"),
        ({"confirm": "yes"}, "confirm"),
        ({"model": ""}, "model"),
        ({"model": "nobody/nothing"}, "model"),
        ({"spend": True}, "spend"),
    ],
)
def test_bad_input_of_the_self_test(office: Office, body: dict[str, Any], field: str) -> None:
    answer = office.admin("POST", "/debug/self-test", json=body, expect=422)
    assert field in {error["field"] for error in answer["errors"]}
    assert office.simulator.bill.total_cost() == 0


def test_the_way_to_openrouter_step_by_step(office: Office) -> None:
    found = office.admin("POST", "/debug/openrouter")
    assert found["status"] == "ok", found
    names = [step["name"] for step in found["steps"]]
    assert names == ["name", "connection", "models", "management key", "credits"]
    health = office.admin("GET", "/health")
    [check] = [one for one in health["checks"] if one["name"] == "openrouter"]
    assert "credits left" in check["seen"]


@pytest.mark.parametrize(
    ("environ", "step", "word"),
    [
        ({"OPENROUTER_BASE_URL": "http://127.0.0.1:9/api/v1"}, "connection", "firewall"),
        ({"OPENROUTER_BASE_URL": "http://no.such.invalid/api/v1"}, "name", "name server"),
        ({"OPENROUTER_PROVISIONING_KEY": "sk-or-v1-" + "9" * 64}, "management key", "enter a key"),
        ({"OPENROUTER_PROVISIONING_KEY": ""}, "management key", "OPENROUTER_PROVISIONING_KEY"),
    ],
)
def test_a_way_that_is_barred_says_where_and_what_to_do(
    sqlite_url: str, environ: dict[str, str], step: str, word: str
) -> None:
    with open_office(sqlite_url, environ) as office:
        found = office.admin("POST", "/debug/openrouter")
        failed = [one for one in found["steps"] if one["status"] == "failed"]
        assert found["status"] == "failed"
        assert failed[0]["name"] == step
        assert word in failed[0]["advice"]
        assert "9" * 64 not in str(found)


def test_validation_lists_what_was_changed_by_hand(any_office: Office) -> None:
    assert any_office.admin("POST", "/debug/validate")["status"] == "ok"
    cell = ClientLiveCounter
    with transaction(any_office.database):
        query = cell.update(requests=cell.requests + 2)
        write(any_office.database, query.where(cell.organization_id == any_office.places["studio"]))
    with any_office.unchanged():
        found = any_office.admin("POST", "/debug/validate")
    [day] = found["day_differences"]
    assert found["status"] == "failed"
    assert (day["client_id"], day["where"]) == (any_office.places["studio"], "live counters")
    assert (day["stored"], day["recomputed"]) == ({"requests": 3}, {"requests": 1})


def test_slow_queries_are_listed_without_values(office: Office) -> None:
    slow = office.services.debug.slow_queries
    assert isinstance(slow, SlowQueries)
    assert office.admin("GET", "/debug/slow-queries")["threshold_ms"] == 100
    slow.note(f"SELECT * FROM {UsageLedger._meta.table_name} WHERE user_id = 'ada'", 0.25)
    found = office.admin("GET", "/debug/slow-queries", params={"limit": 1})
    [query] = found["items"]
    assert (query["count"], query["max_ms"]) == (1, 250)
    assert "ada" not in query["statement"]


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1"])
def test_bad_input_of_slow_queries(shared_office: Office, limit: str) -> None:
    answer = shared_office.admin("GET", "/debug/slow-queries", params={"limit": limit}, expect=422)
    assert answer["errors"][0]["field"] == "limit"

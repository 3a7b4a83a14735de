"""Keys, limits, credits, activity and analytics: who may, how much is left, what was used."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.simulator.conftest import Client

MONDAY = "2026-03-02T12:00:00+00:00"


async def _set_clock(client: Client, now: str) -> None:
    assert (await client.control("POST", "/clock", {"now": now})).status == 200


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "No auth credentials found"),
        ({"Authorization": "Basic abc"}, "No auth credentials found"),
        ({"Authorization": "Bearer sk-or-v1-unknown"}, "User not found."),
    ],
)
async def test_who_is_unknown_gets_401(
    client: Client, headers: dict[str, str], message: str
) -> None:
    for method, path in (("POST", "/chat/completions"), ("GET", "/key"), ("GET", "/keys")):
        url = client.simulator.url + path
        async with client.session.request(method, url, json={}, headers=headers) as response:
            assert response.status == 401
            assert (await response.json())["error"] == {"code": 401, "message": message}


async def test_the_two_kinds_of_keys_do_not_stand_in_for_each_other(client: Client) -> None:
    paid = await client.chat(key=client.simulator.management_key)
    assert (paid.status, paid.json["error"]["message"]) == (401, "User not found.")
    for method, path in (
        ("GET", "/keys"),
        ("POST", "/keys"),
        ("GET", "/credits"),
        ("GET", "/activity"),
        ("GET", "/analytics/meta"),
    ):
        answer = await client.call(method, path, {})
        assert answer.status == 403
        assert "Only management keys can perform this operation" in str(answer.json)
    own = await client.manage("GET", "/key")
    assert own.json["data"]["is_management_key"] is True


async def test_a_generation_is_shown_to_any_key(client: Client) -> None:
    path = f"/generation?id={(await client.chat()).json['id']}"
    assert (await client.call("GET", path)).status == 200
    assert (await client.manage("GET", path)).status == 200


async def test_a_new_key_works_until_it_is_disabled_expired_or_deleted(client: Client) -> None:
    await _set_clock(client, MONDAY)
    body = {"name": "Acme", "expires_at": "2026-03-03T00:00:00Z"}
    made = await client.manage("POST", "/keys", body)
    assert made.status == 201
    secret, path = made.json["key"], f"/keys/{made.json['data']['hash']}"
    assert secret not in str(made.json["data"])
    assert (await client.chat(key=secret)).status == 200
    await client.manage("PATCH", path, {"disabled": True})
    assert (await client.chat(key=secret)).status == 401
    await client.manage("PATCH", path, {"disabled": False})
    await client.control("POST", "/clock", {"advance": 86_400})
    assert (await client.chat(key=secret)).status == 401
    await client.control("DELETE", "/clock")
    made = await client.manage("POST", "/keys", {"name": "Acme"})
    secret, path = made.json["key"], f"/keys/{made.json['data']['hash']}"
    assert (await client.chat(key=secret)).status == 200
    assert (await client.manage("DELETE", path)).json == {"deleted": True}
    assert (await client.chat(key=secret)).status == 401
    assert (await client.manage("GET", path)).status == 404


async def test_keys_come_a_hundred_a_page(client: Client) -> None:
    for number in range(205):
        await client.manage("POST", "/keys", {"name": f"Key {number}"})
    pages = [(await client.manage("GET", f"/keys?offset={n}")).json["data"] for n in (0, 100, 200)]
    assert [len(page) for page in pages] == [100, 100, 6]
    assert len({key["hash"] for page in pages for key in page}) == 206
    assert (await client.manage("GET", "/keys?offset=-1")).status == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "A", "limit": "ten"}, "limit"),
        ({"name": "A", "limit": -1}, "limit"),
        ({"name": "A", "limit": True}, "limit"),
        ({"name": "A", "limit_reset": "hourly"}, "limit_reset"),
        ({"name": "A", "include_byok_in_limit": 1}, "include_byok_in_limit"),
        ({"name": "A", "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "A", "expires_at": "2026-03-03T00:00:00"}, "expires_at"),
    ],
)
async def test_a_wrong_field_of_a_key_is_named(
    client: Client, body: dict[str, Any], field: str
) -> None:
    answer = await client.manage("POST", "/keys", body)
    assert answer.status == 400
    assert answer.json["error"]["message"].startswith(f"{field}: ")


async def test_an_empty_change_is_400_and_an_unknown_key_404(client: Client) -> None:
    made = await client.manage("POST", "/keys", {"name": "Acme"})
    path = f"/keys/{made.json['data']['hash']}"
    assert (await client.manage("PATCH", path, {})).status == 400
    assert (await client.manage("PATCH", "/keys/unknown", {"name": "B"})).status == 404
    assert (await client.manage("DELETE", "/keys/unknown")).status == 404


async def test_a_spent_limit_is_403_until_its_window_ends(client: Client) -> None:
    await _set_clock(client, MONDAY)
    body = {"name": "Acme", "limit": 0.0000001, "limit_reset": "monthly"}
    made = await client.manage("POST", "/keys", body)
    secret, path = made.json["key"], f"/keys/{made.json['data']['hash']}"
    # The limit is soft: the call that crosses it is answered.
    assert (await client.chat(key=secret)).status == 200
    refused = await client.chat(key=secret)
    assert refused.status == 403
    assert refused.json["error"]["message"].startswith("Key limit exceeded (monthly limit). ")
    spent = (await client.manage("GET", path)).json["data"]
    assert spent["limit_remaining"] == 0
    assert spent["usage"] == client.simulator.bill.total_cost()
    raised = await client.manage("PATCH", path, {"limit": 1})
    assert raised.json["data"]["usage"] == spent["usage"]
    assert raised.json["data"]["limit_remaining"] == 1 - spent["usage"]
    await client.manage("PATCH", path, {"limit": 0.0000001})
    assert (await client.chat(key=secret)).status == 403
    await _set_clock(client, "2026-04-01T00:00:00Z")
    assert (await client.chat(key=secret)).status == 200


async def test_a_limit_for_ever_and_one_of_zero(client: Client) -> None:
    made = await client.manage("POST", "/keys", {"name": "Acme", "limit": 0})
    answer = await client.chat(key=made.json["key"])
    assert answer.status == 403
    assert "(total limit)" in answer.json["error"]["message"]
    client.simulator.switch(limit_zero_status=402, error_metadata={"limit_source": "key"})
    answer = await client.chat(key=made.json["key"])
    assert answer.status == 402
    assert answer.json["error"]["metadata"] == {"limit_source": "key"}


async def test_byok_counts_towards_a_limit_only_where_asked(client: Client) -> None:
    for counts, status in ((False, 200), (True, 403)):
        body = {"name": "Acme", "limit": 0.00002, "include_byok_in_limit": counts}
        secret = (await client.manage("POST", "/keys", body)).json["key"]
        await client.chat(key=secret, simulate={"byok": True})
        assert (await client.chat(key=secret)).status == status


async def test_windows_of_usage(client: Client) -> None:
    costs = {}
    for name, now in (
        ("earlier month", "2026-02-27T12:00:00Z"),
        ("earlier week", "2026-03-01T12:00:00Z"),
        ("earlier day", "2026-03-02T23:59:59Z"),
        ("today", "2026-03-03T00:00:00Z"),
    ):
        await _set_clock(client, now)
        costs[name] = (await client.chat(f"Good {name}")).json["usage"]["cost"]
    data = (await client.call("GET", "/key")).json["data"]
    assert data["usage_daily"] == costs["today"]
    assert data["usage_weekly"] == costs["today"] + costs["earlier day"]
    assert data["usage_monthly"] == data["usage_weekly"] + costs["earlier week"]
    assert data["usage"] == sum(costs.values())


async def test_usage_may_lag(client: Client) -> None:
    await client.chat()
    client.simulator.switch(key_lag=60)
    assert (await client.call("GET", "/key")).json["data"]["usage"] == 0
    await client.control("POST", "/clock", {"advance": 61})
    usage = (await client.call("GET", "/key")).json["data"]["usage"]
    assert usage == client.simulator.bill.total_cost()


async def test_without_credits_402(client: Client) -> None:
    client.simulator.switch(total_credits="0.000001")
    assert (await client.chat()).status == 200
    answer = await client.chat()
    assert answer.status == 402
    assert "Insufficient credits" in answer.json["error"]["message"]
    assert answer.headers["Retry-After"]
    credit = (await client.manage("GET", "/credits")).json["data"]
    assert credit["total_credits"] == Decimal("0.000001")


async def test_activity_shows_completed_days_only(client: Client) -> None:
    days = ("2026-01-01", "2026-03-01", "2026-03-02")
    for day in days:
        await _set_clock(client, f"{day}T12:00:00Z")
        await client.chat()
        await client.chat(model="openai/gpt-4o", simulate={"reasoning_tokens": 5})
    shown = (await client.manage("GET", "/activity")).json["data"]
    # January is older than thirty days, and the second of March is not over.
    assert {row["date"] for row in shown} == {"2026-03-01"}
    assert {row["model"] for row in shown} == {"openai/gpt-4o", "openai/gpt-4o-mini"}
    assert [row["reasoning_tokens"] for row in shown if row["model"] == "openai/gpt-4o"] == [5]
    client.simulator.switch(include_today=True)
    both = (await client.manage("GET", "/activity")).json["data"]
    assert {row["date"] for row in both} == {"2026-03-01", "2026-03-02"}
    one = (await client.manage("GET", "/activity?date=2026-03-02")).json["data"]
    assert {row["date"] for row in one} == {"2026-03-02"}
    key_hash = client.simulator.bill.records[0].key_hash
    own = await client.manage("GET", f"/activity?api_key_hash={key_hash}")
    assert own.json["data"] == both
    assert (await client.manage("GET", "/activity?api_key_hash=other")).json["data"] == []
    assert (await client.manage("GET", "/activity?date=yesterday")).status == 400


@pytest.mark.parametrize(("switch", "day"), [("start", "2026-03-02"), ("end", "2026-03-03")])
async def test_the_day_of_a_call_over_midnight(client: Client, switch: str, day: str) -> None:
    client.simulator.switch(activity_day=switch, include_today=True)
    await _set_clock(client, "2026-03-02T23:59:59.990Z")
    await client.chat()
    record = client.simulator.bill.records[0]
    await _set_clock(client, "2026-03-03T00:00:01Z")
    assert record.charge is not None
    client.simulator.bill.finish(record, record.tokens, record.charge)
    shown = (await client.manage("GET", "/activity")).json["data"]
    assert [row["date"] for row in shown] == [day]


async def test_analytics_finds_a_generation_by_its_user(client: Client) -> None:
    answer = await client.chat(user="user-1")
    await client.chat(user="user-2")
    query = {
        "metrics": ["request_count", "total_usage", "tokens_total"],
        "dimensions": ["generation_id"],
        "filters": [{"field": "external_user", "operator": "eq", "value": "user-1"}],
    }
    rows = (await client.manage("POST", "/analytics/query", query)).json["data"]["data"]
    usage = answer.json["usage"]
    assert rows == [
        {
            "generation_id": answer.json["id"],
            "request_count": "1",
            "total_usage": usage["cost"],
            "tokens_total": str(usage["total_tokens"]),
        }
    ]
    client.simulator.switch(analytics_strings=False)
    rows = (await client.manage("POST", "/analytics/query", query)).json["data"]["data"]
    assert rows[0]["request_count"] == 1


async def test_analytics_by_time_and_truncated(client: Client) -> None:
    for now in ("2026-01-01T10:00:00Z", "2026-03-01T10:30:00Z", "2026-03-02T12:00:00Z"):
        await _set_clock(client, now)
        await client.chat()
    query: dict[str, Any] = {"metrics": ["request_count"], "granularity": "hour"}
    found = (await client.manage("POST", "/analytics/query", query)).json["data"]
    # January is out of the thirty-one days that can be asked for.
    assert [row["date"] for row in found["data"]] == [
        "2026-03-01T10:00:00.000Z",
        "2026-03-02T12:00:00.000Z",
    ]
    found = (await client.manage("POST", "/analytics/query", {**query, "limit": 1})).json["data"]
    assert found["metadata"]["truncated"] is True
    assert len(found["data"]) == found["metadata"]["row_count"] == 1
    span = {"start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z"}
    found = await client.manage("POST", "/analytics/query", {**query, "time_range": span})
    assert len(found.json["data"]["data"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"metrics": ["happiness"]},
        {"metrics": ["request_count"], "dimensions": ["colour"]},
        {"metrics": ["request_count"], "granularity": "eon"},
        {"metrics": ["request_count"], "time_range": {"start": "x", "end": "y"}},
        {"metrics": ["request_count"], "filters": [{"field": "model", "operator": "like"}]},
        {"metrics": ["request_count"], "filters": [{"field": "model", "operator": "in"}]},
    ],
)
async def test_a_wrong_query_is_400(client: Client, query: dict[str, Any]) -> None:
    assert (await client.manage("POST", "/analytics/query", query)).status == 400


async def test_analytics_can_be_absent_or_know_less(client: Client) -> None:
    client.simulator.switch(analytics_generation_id=False)
    meta = (await client.manage("GET", "/analytics/meta")).json["data"]
    assert "generation_id" not in [dimension["name"] for dimension in meta["dimensions"]]
    query = {"metrics": ["request_count"], "dimensions": ["generation_id"]}
    assert (await client.manage("POST", "/analytics/query", query)).status == 400
    client.simulator.switch(analytics=False)
    assert (await client.manage("GET", "/analytics/meta")).status == 404
    assert (await client.manage("POST", "/analytics/query", query)).status == 404


async def test_management_can_fail(client: Client) -> None:
    client.simulator.switch(management_status=500, times=1)
    assert (await client.chat()).status == 200
    assert (await client.manage("GET", "/keys")).status == 500
    assert (await client.manage("GET", "/keys")).status == 200
    client.simulator.switch(management_status=503, endpoint="/credits")
    assert (await client.manage("GET", "/keys")).status == 200
    assert (await client.manage("GET", "/credits")).status == 503

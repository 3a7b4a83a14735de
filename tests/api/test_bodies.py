"""What a request's body may be, and that nobody but an admin learns anything from one."""

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from pydantic import Field

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.bodies import MOST_BYTES
from mai_usage_ext.api.problems import ProblemRoute
from mai_usage_ext.api.schemas.values import Fields, Money
from mai_usage_ext.api.services import ApiServices


class Thing(Fields):
    name: str
    price: Money = "0"
    parts: list[int] = Field(default_factory=list)


def no_services() -> ApiServices:
    raise AssertionError("no service is asked before the body is read")


def host_user(request: Request) -> Any:
    user_id = request.headers.get("x-user")
    if not user_id:
        raise HTTPException(401, "Not authenticated")
    return SimpleNamespace(id=user_id, role="admin" if user_id == "admin" else "user")


def make_app() -> FastAPI:
    app, router = FastAPI(), APIRouter(route_class=ProblemRoute)
    door = Door(no_services, verified_user=host_user)
    body = door.body(Thing)

    @router.post("/things/{thing_id}")
    def make(
        thing_id: int,
        colour: str,
        fields: dict[str, Any] = body,
        actor: Any = door.admin,
    ) -> dict[str, Any]:
        return {"fields": {name: repr(value) for name, value in fields.items()}, "by": actor.id}

    app.include_router(router)
    return app


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(make_app()) as running:
        yield running


JSON = {"content-type": "application/json"}
URL = "/things/1?colour=red"


def post(client: TestClient, body: str | bytes, *, user: str = "admin", **headers: str) -> Any:
    return client.post(URL, content=body, headers={**JSON, "x-user": user, **headers})


def test_numbers_stay_exact(client: TestClient) -> None:
    answer = post(client, '{"name": "Łódź", "price": 0.10000000000000000001}')
    assert answer.status_code == 200
    assert answer.json()["fields"] == {
        "name": "'Łódź'",
        "price": "Decimal('0.10000000000000000001')",
    }


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ("", 400, "Expecting value"),
        ("{", 400, "line 1"),
        ('{"name": NaN}', 400, "NaN is not a JSON number"),
        ('{"name": "x", "price": Infinity}', 400, "Infinity"),
        ('{"name": "x", "price": -Infinity}', 400, "Infinity"),
        ('{"name": "a", "name": "b"}', 400, "stands twice"),
        ('{"name": "a", "parts": [{"x": 1, "x": 2}]}', 400, "stands twice"),
        ('{"name": "\\u0000"}', 400, "NUL"),
        ('{"name": "\\ud800"}', 400, "surrogate"),
        (b'{"name": "\xff"}', 400, "UTF-8"),
        ("[" * 100_000, 400, "deep"),
        ('{"name": "x", "price": ' + "9" * 5_000 + "}", 400, "not usable JSON"),
        ('{"name": "x", "price": 0.' + "1" * 500 + "}", 400, "400 characters"),
        ("[]", 422, "not a JSON object"),
        ("null", 422, "not a JSON object"),
        ('{"name": "x", "colour": 1}', 422, "colour"),
        ('{"price": 1}', 422, "name"),
        ('{"name": 1}', 422, "name"),
        ('{"name": "x", "price": true}', 422, "price"),
        ('{"name": "x", "price": []}', 422, "price"),
        ('{"name": "x", "parts": [1, "2"]}', 422, "parts.1"),
        ('{"name": "x", "parts": [1e999999]}', 422, "parts.0"),
    ],
)
def test_what_cannot_be_used(client: TestClient, body: str | bytes, status: int, says: str) -> None:
    answer = post(client, body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert says in problem["detail"]
    if says in ("colour", "name", "price", "parts.0", "parts.1"):
        assert problem["errors"][0]["field"] == says


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_content_type(client: TestClient, kind: str) -> None:
    headers = {"x-user": "admin", "content-type": kind}
    answer = client.post(URL, content=b'{"name": "x"}', headers=headers)
    assert answer.status_code == 415


def test_a_long_body_is_refused_by_what_it_declares(client: TestClient) -> None:
    answer = post(client, b" " * (MOST_BYTES + 1))
    assert answer.status_code == 413
    assert "1,000,000 bytes" in answer.json()["detail"]


async def send(*, user: str, chunks: int, size: int) -> tuple[int, int]:
    """Status, and how many chunks of an undeclared length were taken before it came."""
    taken, status = 0, 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b" " * size, "more_body": taken < chunks}

    async def answer(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/things/1",
        "raw_path": b"/things/1",
        "query_string": b"colour=red",
        "headers": [(b"content-type", b"application/json"), (b"x-user", user.encode())],
        "client": ("192.0.2.7", 1),
        "server": ("testserver", 80),
    }
    await asyncio.wait_for(make_app()(scope, receive, answer), 30)
    return status, taken


async def test_a_long_body_is_not_read_to_its_end() -> None:
    assert await send(user="admin", chunks=100, size=100_000) == (413, 11)


async def test_a_strangers_body_is_not_read_at_all() -> None:
    assert await send(user="eve", chunks=100, size=100_000) == (404, 0)


@pytest.mark.parametrize("body", ["", "{", '{"name": 1}', '{"name": "x"}', '{"nope": 1}'])
@pytest.mark.parametrize("url", [URL, "/things/x", "/things/1?colour=%00", "/things/%00"])
def test_everybody_else_gets_one_and_the_same_answer(
    client: TestClient, url: str, body: str
) -> None:
    stranger = client.post(url, content=body, headers={**JSON, "x-user": "eve"})
    assert (stranger.status_code, stranger.json()["detail"]) == (404, "there is no such page")
    unsigned = client.post(url, content=body, headers=JSON)
    assert (unsigned.status_code, unsigned.json()) == (401, {"detail": "Not authenticated"})


def test_an_admin_is_told_which_parameter_is_wrong(client: TestClient) -> None:
    headers = {**JSON, "x-user": "admin"}
    body = json.dumps({"name": "x"})
    missing = client.post("/things/1", content=body, headers=headers)
    assert missing.json()["errors"][0]["field"] == "colour"
    wrong = client.post("/things/x?colour=red", content=body, headers=headers)
    assert wrong.json()["errors"][0]["field"] == "thing_id"
    nul = client.post("/things/1?colour=%00", content=body, headers=headers)
    assert (nul.status_code, nul.json()["errors"][0]["field"]) == (422, "colour")

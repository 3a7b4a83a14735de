"""The route that OpenRouter sends to: who may, what it takes, and what it answers."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from mai_usage_ext.api.broadcast import HEADER, broadcast_router
from mai_usage_ext.api.rate_limits import RateLimiter
from mai_usage_ext.api.usage import PREFIX
from mai_usage_ext.errors import NotRunning
from mai_usage_ext.ports.broadcast import BroadcastFinding
from mai_usage_ext.simulator.encoding import dumps
from mai_usage_ext.storage.broadcast import BroadcastRows
from tests.api.office import Office
from tests.services.test_broadcast_spans import COST, span

SECRET = "a-secret-of-openrouter"
PATH = f"{PREFIX}/broadcast"
GOOD = {"resourceSpans": [{"scopeSpans": [{"spans": [span()]}]}]}
FINE = {"partialSuccess": {"rejectedSpans": 0, "errorMessage": ""}}


def client_of(office: Office, secret: str | None = SECRET, **more: Any) -> TestClient:
    app = FastAPI()
    given = None if secret is None else SecretStr(secret)
    app.include_router(
        broadcast_router(lambda: office.services, secret=given, prefix=PREFIX, **more)
    )
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client(shared_office: Office) -> Iterator[TestClient]:
    with client_of(shared_office) as opened:
        yield opened


def send(client: TestClient, body: Any, *, secret: str | None = SECRET, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else dumps(body).encode()
    sent = {"content-type": "application/json", **headers}
    if secret is not None:
        sent[HEADER] = secret
    return client.post(PATH, content=content, headers=sent)


def kept(office: Office) -> list[str]:
    records, _ = BroadcastRows(office.database).page(None, offset=0, limit=100)
    return [record.call.generation_id for record in records]


def test_a_delivery_is_kept_once(office: Office) -> None:
    with client_of(office) as client:
        for body in (dumps(GOOD).encode(), gzip.compress(dumps(GOOD).encode())):
            encoding = {"content-encoding": "gzip"} if body[:1] == b"\x1f" else {}
            answer = send(client, body, **encoding)
            assert (answer.status_code, answer.json()) == (200, FINE)
    assert kept(office) == ["gen-1781524000-abc"]
    [shown] = office.admin("GET", "/broadcast")["broadcasts"]
    assert (shown["status"], shown["raw"], shown["openrouter_user_id"], shown["key_name"]) == (
        "waiting",
        "0.0000135",
        "or-ada",
        None,
    )
    assert office.admin("GET", "/broadcast", params={"status": "differs"})["total"] == 0
    assert office.ask("admin", "GET", "/broadcast", params={"status": "odd"}).status_code == 422


def test_good_spans_count_beside_bad_ones(office: Office) -> None:
    spans = [span({COST: None}), span(), None, span({"gen_ai.response.id": {"stringValue": "g2"}})]
    with client_of(office) as client:
        answer = send(client, {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    assert answer.status_code == 200
    said = answer.json()["partialSuccess"]
    assert said["rejectedSpans"] == 2
    assert f"spans[0]: {COST} is missing" in said["errorMessage"]
    assert set(kept(office)) == {"gen-1781524000-abc", "g2"}


@pytest.mark.parametrize(
    "body", [b"", b'{"resourceSpans": []}', b"{}"], ids=["no body", "no spans", "nothing"]
)
def test_openrouters_test_of_the_connection(client: TestClient, body: bytes) -> None:
    answer = send(client, body, **{"X-Test-Connection": "true"})
    assert (answer.status_code, answer.json()) == (200, FINE)
    assert send(client, body, secret="wrong", **{"X-Test-Connection": "true"}).status_code == 401


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], SECRET + "x", "ä" * 22])
def test_nobody_without_the_secret(
    shared_office: Office, client: TestClient, secret: str | None
) -> None:
    headers = {} if secret is None else {HEADER: secret.encode()}
    with shared_office.unchanged():
        answer = client.post(PATH, content=b"{", headers=headers)
    assert answer.status_code == 401
    assert HEADER in answer.json()["detail"]
    assert SECRET not in answer.text


@pytest.mark.parametrize("secret", [None, "", SECRET])
def test_without_a_configured_secret_it_says_how_to_enable_it(
    shared_office: Office, secret: str | None
) -> None:
    with client_of(shared_office, secret=None) as client:
        answer = send(client, GOOD, secret=secret)
    assert answer.status_code == 403
    assert "MAI_USAGE_BROADCAST_SECRET" in answer.json()["detail"]


def test_a_stranger_learns_nothing_of_a_meter_that_does_not_run() -> None:
    def away() -> Any:
        raise NotRunning("the database is gone")

    app = FastAPI()
    app.include_router(broadcast_router(away, secret=SecretStr(SECRET), prefix=PREFIX))
    with TestClient(app) as client:
        assert send(client, GOOD, secret="wrong").status_code == 401
        answer = send(client, GOOD)
    assert (answer.status_code, answer.json()["detail"]) == (503, "the database is gone")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"resourceSpans": 1}, "resourceSpans"),
        ({"resourceSpans": [{"scopeSpans": [7]}]}, "resourceSpans[0].scopeSpans[0]"),
        ([GOOD], "body"),
    ],
)
def test_what_is_no_trace_names_the_field(
    shared_office: Office, client: TestClient, body: Any, field: str
) -> None:
    with shared_office.unchanged():
        answer = send(client, body)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["field"] == field


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"resourceSpans": NaN}', {}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"content-type": "application/x-protobuf"}, 415),
        (b"{}", {"content-encoding": "br"}, 415),
        (b"{}", {"content-encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0)[:-9], {"content-encoding": "gzip"}, 400),
        (b"", {"content-encoding": "gzip"}, 400),
    ],
)
def test_what_cannot_be_read(
    shared_office: Office, client: TestClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    with shared_office.unchanged():
        answer = send(client, body, **headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_bodies_that_are_too_long(shared_office: Office) -> None:
    padded = json.dumps({"resourceSpans": [], "padding": "x" * 10_000}).encode()
    with client_of(shared_office, most_bytes=10_000) as client, shared_office.unchanged():
        assert send(client, padded).status_code == 413
        bomb = gzip.compress(padded * 100)
        assert len(bomb) < 10_000
        assert send(client, bomb, **{"content-encoding": "gzip"}).status_code == 413
        assert send(client, b"{}").status_code == 200


def test_prompts_may_hold_what_no_database_takes(office: Office) -> None:
    """They are not kept, so what is in them is no reason to lose the call."""
    odd = span({"gen_ai.prompt": {"stringValue": "\0 \ud800"}})
    with client_of(office) as client:
        answer = send(client, {"resourceSpans": [{"scopeSpans": [{"spans": [odd]}]}]})
    assert (answer.status_code, len(kept(office))) == (200, 1)


def test_guessing_is_limited_and_openrouter_is_not(shared_office: Office) -> None:
    limiter = RateLimiter(limit=lambda: 3)
    with client_of(shared_office, limiter=limiter) as client:
        guesses = [send(client, b"{}", secret=f"guess {number}").status_code for number in range(5)]
        assert guesses == [401, 401, 401, 429, 429]
        assert {send(client, b"{}").status_code for _ in range(300)} == {200}
        answer = send(client, b"{}")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_findings_by_kind_and_page(office: Office) -> None:
    spans = [span({"gen_ai.response.id": {"stringValue": f"gen-{number}"}}) for number in range(3)]
    with client_of(office) as client:
        send(client, {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    BroadcastRows(office.database).judge("gen-1", BroadcastFinding.DIFFERS, "7 booked, 8 told")
    page = office.admin("GET", "/broadcast", params={"status": "differs"})
    assert [(one["generation_id"], one["reason"]) for one in page["broadcasts"]] == [
        ("gen-1", "7 booked, 8 told")
    ]
    page = office.admin("GET", "/broadcast", params={"limit": 1, "offset": 1})
    assert (len(page["broadcasts"]), page["total"]) == (1, 3)

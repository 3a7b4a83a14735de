"""Webhooks as an admin makes, watches and mends them; bad input is refused by its field."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from mai_usage_ext.ports.events import EventKind
from mai_usage_ext.services.webhooks import MOST_ENDPOINTS
from mai_usage_ext.storage.events import EventRows
from mai_usage_ext.storage.vault import KeyRing
from mai_usage_ext.storage.webhook_endpoints import EndpointRows
from tests.api.office import Office
from tests.api.refusals import Refusal, refused

HOOK = "/webhooks/{webhook}"


@pytest.fixture
def receiver() -> Iterator[Any]:
    """A server on 127.0.0.1; ``got`` are headers and bodies, ``status`` is what it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            server.got.append((dict(self.headers.items()), body))  # type: ignore[attr-defined]
            self.send_response(server.status)  # type: ignore[attr-defined]
            self.end_headers()
            self.wfile.write(b"noted")

        def log_message(self, *_args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 200  # type: ignore[attr-defined]
    server.url = f"http://127.0.0.1:{server.server_port}/hook"  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def happens(office: Office, subject: str) -> None:
    EventRows(office.database).add(
        EventKind.KEY_CREATED, subject=subject, at_ms=2**42, data={"client_id": "x"}
    )


def work(office: Office) -> None:
    """What the jobs do."""
    office.services.deliveries.spread_events()
    assert office.client.portal is not None
    office.client.portal.call(office.services.deliveries.run_once)


def test_from_making_one_to_replaying_what_it_missed(any_office: Office, receiver: Any) -> None:
    office = any_office
    body = {"url": receiver.url, "description": " Books ", "events": ["key.created"]}
    made = office.admin("POST", "/webhooks", json=body, expect=201)
    hook, secret = made["webhook"], made["secret"]
    path = f"/webhooks/{hook['id']}"
    assert (hook["description"], hook["events"], hook["enabled"]) == (
        "Books",
        ["key.created"],
        True,
    )
    assert secret.startswith("whsec_")
    assert secret not in str(office.admin("GET", path)) + str(office.admin("GET", "/webhooks"))

    tested = office.admin("POST", f"{path}/test")
    assert (tested["success"], tested["message"]) == (True, "The receiver answered 200.")
    headers, text = receiver.got[-1]
    assert Webhook(secret).verify(text, headers)["type"] == "webhook.ping"

    receiver.status = 500
    happens(office, "first")
    work(office)
    listed = office.admin("GET", f"{path}/deliveries", params={"state": "failed"})
    [failed] = listed["deliveries"]
    assert (failed["status"], failed["answer"], failed["attempts"]) == (500, "noted", 1)
    assert failed["event"]["subject"] == "first"
    assert failed["next_attempt_at"] > failed["last_attempt_at"]
    assert office.admin("GET", path)["webhook"]["failing_since"] is not None

    receiver.status = 200
    again = office.admin("POST", f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"})
    assert again["count"] == 1
    work(office)
    total = office.admin("GET", f"{path}/deliveries", params={"event": "key.created"})
    states = [(one["state"], one["replay_of"]) for one in total["deliveries"]]
    assert states == [("delivered", failed["id"]), ("dead", None)]
    assert {one["event_id"] for one in total["deliveries"]} == {failed["event_id"]}

    once_more = office.admin("POST", f"/webhooks/deliveries/{failed['id']}/replay", expect=201)
    refusal = Refusal("POST", f"/webhooks/deliveries/{once_more['delivery']['id']}/replay")
    refused(office, Refusal(refusal.method, refusal.path, status=409))
    work(office)
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    assert ids[1:] == [failed["event_id"]] * 3

    rotated = office.admin("POST", f"{path}/rotate-secret", params={"overlap_hours": 1})
    assert rotated["webhook"]["previous_secret_until"] is not None
    office.admin("POST", f"{path}/test")
    headers, text = receiver.got[-1]
    for each in (secret, rotated["secret"]):
        Webhook(each).verify(text, headers)

    office.admin("PATCH", path, json={"enabled": False})
    happens(office, "unheard")
    work(office)
    unheard = office.admin("GET", f"{path}/deliveries", params={"limit": 1})["deliveries"][0]
    assert (unheard["state"], unheard["attempts"]) == ("dead", 0)
    office.admin("DELETE", path)
    office.admin("GET", path, expect=404)


def test_every_change_is_audited_without_secrets(furnished: Office) -> None:
    body = {"url": "http://127.0.0.1:9/services/T0/hidden-path"}
    made = furnished.admin("POST", "/webhooks", json=body, expect=201)
    path = f"/webhooks/{made['webhook']['id']}"
    furnished.admin("PATCH", path, json={"events": ["limit.reached", "key.rotated"]})
    furnished.admin("PATCH", path, json={"events": ["key.rotated", "limit.reached"]})
    rotated = furnished.admin("POST", f"{path}/rotate-secret")
    furnished.admin("POST", f"{path}/replay", json={"since": "2026-01-01"})
    furnished.admin("DELETE", path)
    target = {"target": f"webhook:{made['webhook']['id']}"}
    records = furnished.admin("GET", "/audit", params=target)["records"][::-1]
    assert [record["action"] for record in records] == [
        "webhook.created",
        "webhook.changed",
        "webhook.secret_rotated",
        "webhook.deliveries_replayed",
        "webhook.deleted",
    ]
    assert {record["actor"]["id"] for record in records} == {"admin"}
    assert records[0]["after"]["url"] == "http://127.0.0.1:9/…"
    assert records[1]["before"] == {"events": []}
    assert records[1]["after"] == {"events": ["limit.reached", "key.rotated"]}
    assert records[2]["after"] == {"secret": "changed", "overlap_hours": 24}
    for hidden in ("hidden-path", made["secret"], rotated["secret"]):
        assert hidden not in str(records)


def test_pages(furnished: Office) -> None:
    for _ in range(3):
        furnished.admin("POST", "/webhooks", json={"url": "http://127.0.0.1:9/"}, expect=201)
    everything = furnished.admin("GET", "/webhooks")
    some = furnished.admin("GET", "/webhooks", params={"offset": 1, "limit": 2})
    assert (everything["total"], len(everything["webhooks"])) == (4, 4)
    assert some["webhooks"] == everything["webhooks"][1:3]
    path = HOOK.format_map(furnished.places)
    for _ in range(3):
        furnished.admin("POST", f"{path}/test")
    all_four = furnished.admin("GET", f"{path}/deliveries")["deliveries"]
    page = furnished.admin("GET", f"{path}/deliveries", params={"offset": 1, "limit": 2})
    assert (page["total"], page["deliveries"]) == (4, all_four[1:3])
    assert [one["id"] for one in all_four] == sorted((one["id"] for one in all_four), reverse=True)
    for params, count in (
        ({"to": "2026-01-01"}, 0),
        ({"from": "2026-01-01"}, 4),
        ({"state": "delivered"}, 0),
        ({"event": "webhook.ping"}, 4),
        ({"event": "key.created"}, 0),
    ):
        assert furnished.admin("GET", f"{path}/deliveries", params=params)["total"] == count


def test_there_is_a_most(office: Office) -> None:
    rows = EndpointRows(office.database, KeyRing(["a key to seal with"]))
    for number in range(MOST_ENDPOINTS):
        rows.create(f"wh_{number}", {"url": "https://x"}, secret="whsec_eA==", now_ms=1)
    refused(office, Refusal("POST", "/webhooks", json={"url": "http://127.0.0.1:9/"}, status=409))


def test_a_disabled_one_replays_nothing(furnished: Office) -> None:
    furnished.admin("PATCH", HOOK.format_map(furnished.places), json={"enabled": False})
    since = {"since": "2026-01-01"}
    for path, json in ((f"{HOOK}/replay", since), ("/webhooks/deliveries/{delivery}/replay", None)):
        refused(furnished, Refusal("POST", path, json=json, field="enabled", status=409))


URL = {"url": "http://127.0.0.1:9/"}


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("POST", "/webhooks", json={}, field="url"),
        *(
            Refusal("POST", "/webhooks", json={"url": url}, field="url")
            for url in (
                "",
                1,
                None,
                "hooks.example.com",
                "ftp://127.0.0.1/",
                "http://10.0.0.1/",
                "http://169.254.169.254/latest/meta-data/",
                "https://[::1]/",
                "https://user:pw@127.0.0.1/",
                f"https://93.184.215.14/{'x' * 2000}",
            )
        ),
        Refusal("POST", "/webhooks", json={**URL, "secret": "x"}, field="secret"),
        Refusal("POST", "/webhooks", json={**URL, "description": "x" * 201}, field="description"),
        Refusal("POST", "/webhooks", json={**URL, "description": "a\nb"}, field="description"),
        Refusal("POST", "/webhooks", json={**URL, "events": ["no.such"]}, field="events"),
        Refusal("POST", "/webhooks", json={**URL, "events": ["webhook.ping"]}, field="events"),
        Refusal("POST", "/webhooks", json={**URL, "events": "key.created"}, field="events"),
        Refusal("POST", "/webhooks", json={**URL, "events": [1]}, field="events"),
        Refusal("POST", "/webhooks", json={**URL, "client_id": "nobody"}, field="client_id"),
        Refusal("POST", "/webhooks", json={**URL, "client_id": ""}, field="client_id"),
        Refusal("POST", "/webhooks", json={**URL, "enabled": "yes"}, field="enabled"),
        Refusal("PATCH", HOOK, json={"url": "http://192.168.0.1/"}, field="url"),
        Refusal("PATCH", HOOK, json={"events": ["no.such"]}, field="events"),
        Refusal("PATCH", HOOK, json={"id": "x"}, field="id"),
        Refusal("PATCH", HOOK, json={"enabled": None}, field="enabled"),
        Refusal(
            "POST", f"{HOOK}/rotate-secret", params={"overlap_hours": "169"}, field="overlap_hours"
        ),
        Refusal(
            "POST", f"{HOOK}/rotate-secret", params={"overlap_hours": "-1"}, field="overlap_hours"
        ),
        Refusal(
            "POST", f"{HOOK}/rotate-secret", params={"overlap_hours": "1.5"}, field="overlap_hours"
        ),
        Refusal("POST", f"{HOOK}/replay", json={}, field="since"),
        Refusal("POST", f"{HOOK}/replay", json={"since": "yesterday"}, field="since"),
        Refusal("POST", f"{HOOK}/replay", json={"since": "2026-01-01T00:00:00"}, field="since"),
        Refusal("POST", f"{HOOK}/replay", json={"since": 5}, field="since"),
        Refusal("GET", f"{HOOK}/deliveries", params={"state": "lost"}, field="state"),
        Refusal("GET", f"{HOOK}/deliveries", params={"from": "yesterday"}, field="from"),
        Refusal("GET", f"{HOOK}/deliveries", params={"to": "2026-02-30"}, field="to"),
        Refusal("GET", f"{HOOK}/deliveries", params={"event": "x" * 201}, field="event"),
        Refusal("GET", f"{HOOK}/deliveries", params={"limit": "201"}, field="limit"),
        Refusal("GET", "/webhooks", params={"offset": "-1"}, field="offset"),
        Refusal("POST", "/webhooks/deliveries/x/replay", field="delivery_id"),
        Refusal("POST", "/webhooks/deliveries/0/replay", field="delivery_id"),
        Refusal("POST", "/webhooks/deliveries/999999/replay", status=404),
        *(
            Refusal(method, f"/webhooks/wh_nobody{rest}", json=json, status=404)
            for method, rest, json in (
                ("GET", "", None),
                ("PATCH", "", {"enabled": True}),
                ("DELETE", "", None),
                ("POST", "/rotate-secret", None),
                ("POST", "/test", None),
                ("GET", "/deliveries", None),
                ("POST", "/replay", {"since": "2026-01-01"}),
            )
        ),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(shared_office: Office, refusal: Refusal) -> None:
    refused(shared_office, refusal)


@pytest.mark.parametrize("environ", [{"MAI_USAGE_WEBHOOK_ALLOW": "", "MAI_USAGE_WEBHOOK_HTTP": ""}])
def test_without_the_operators_leave_only_https_to_the_public(office: Office) -> None:
    for url in ("http://93.184.215.14/", "https://127.0.0.1/"):
        refused(office, Refusal("POST", "/webhooks", json={"url": url}, field="url"))
    office.admin("POST", "/webhooks", json={"url": "https://93.184.215.14/"}, expect=201)


@pytest.mark.parametrize("environ", [{"WEBUI_SECRET_KEY": ""}])
def test_without_a_key_to_seal_with_there_is_no_webhook(office: Office) -> None:
    refused(office, Refusal("POST", "/webhooks", json={"url": "http://127.0.0.1:9/"}, status=409))

"""Every route × everybody, generated from the route table: nobody sees what is not theirs."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from mai_usage_ext.api.usage import ALIAS, PREFIX
from tests.api.office import Office
from tests.api.routes import ADMIN, MANAGED, OPEN, OWN, ROUTES, filled, known_routes, request_of

# Who, and the organization they belong to.
STRANGER, MEMBER, MANAGER, OTHER = "eve", "boris", "anna", "chen"
BELONGS = {MEMBER: "bakery", MANAGER: "bakery", OTHER: "studio"}
NAMES = {"bakery": "Bäckerei <b>", "studio": "Studio'; --"}
# Words that only an admin's answers have.
WORDS = ("markup", "raw", "profit", "limit", "openrouter", "hash", "label", "contacts", "notes")
# What one may know of one's own limit and of pages, and nothing else about limits.
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
OWN_LIMIT = (
    '"monthly_limit":"77.123456"',
    '"limit_percent"',
    '"limit_reached_on"',
    '"limit":{',
    '"own_limit":null',
    '"on_limit":"block"',
    '"limit":50',
)
NUMBERS = ("77.123456", "1.731", "0.000326960001")

NONSENSE = {"limit": "-1", "offset": "x", "sort": "secret", "role": "king"}

ANSWER_404 = {
    "type": "about:blank",
    "title": "Not found",
    "status": 404,
    "detail": "there is no such page",
}


def test_every_route_has_a_kind() -> None:
    assert set(ROUTES) == known_routes()
    assert {case.kind for case in ROUTES.values()} <= {OWN, MANAGED, ADMIN, OPEN}


def variations(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A request as it works, and others that would be wrong in some way."""
    yield options
    yield {}
    headers = {"content-type": "application/json", "if-match": "nonsense"}
    for content in (b"{", b'{"nope": 1}', b'{"name": 1, "markup_rate": -1}'):
        yield {"content": content, "headers": headers}
    yield {"params": NONSENSE, **options}


@pytest.mark.parametrize("prefix", [PREFIX, ALIAS])
@pytest.mark.parametrize("user", [None, STRANGER, MEMBER, MANAGER, OTHER])
@pytest.mark.parametrize("route", [name for name, case in ROUTES.items() if case.kind == ADMIN])
def test_an_admins_route_does_not_exist_for_others(
    shared_office: Office, route: str, user: str | None, prefix: str
) -> None:
    method, path, _, options = request_of(shared_office, route)
    with shared_office.unchanged():
        for variation in variations(options):
            answer = shared_office.ask(user, method, path, prefix=prefix, **variation)
            if user is None:
                assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
            else:
                assert (answer.status_code, answer.json()) == (404, ANSWER_404)
            assert "etag" not in answer.headers


@pytest.mark.parametrize("prefix", [PREFIX, ALIAS])
@pytest.mark.parametrize("user", [None, STRANGER, MEMBER, MANAGER, OTHER])
@pytest.mark.parametrize("route", [name for name, case in ROUTES.items() if case.kind == OWN])
def test_one_sees_ones_own_organization_only(
    shared_office: Office, route: str, user: str | None, prefix: str
) -> None:
    method, path, _, options = request_of(shared_office, route)
    for variation in variations(options):
        answer = shared_office.ask(user, method, path, prefix=prefix, **variation)
        if user is None:
            assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
        elif variation.get("params") and answer.status_code == 422:
            # Routes that answer in pages say which parameter is wrong, and nothing else.
            assert {error["field"] for error in answer.json()["errors"]} <= set(NONSENSE)
            continue
        elif user == STRANGER:
            assert answer.status_code == 404
            assert "do not belong to an organization" in answer.json()["detail"]
        else:
            assert answer.status_code == 200
            assert (
                body_of(shared_office, answer)["client_id"] == shared_office.places[BELONGS[user]]
            )
        assert_no_leak(shared_office, answer.text, user)


def body_of(office: Office, answer: Any) -> Any:
    """The JSON of an answer, or of the first event of a stream; whose it is, of a file."""
    if answer.headers["content-type"].startswith("text/csv"):
        name = answer.headers["content-disposition"].partition('"')[2]
        return {"client_id": office.places[name.partition("_")[0]]}
    if answer.headers["content-type"].startswith("text/event-stream"):
        return json.loads(answer.text.partition("\ndata: ")[2].partition("\n")[0])
    return answer.json()


def assert_no_leak(office: Office, body: str, user: str | None) -> None:
    for slug in ("bakery", "studio", "unkeyed"):
        if BELONGS.get(user or "") != slug:
            assert office.places[slug] not in body
            assert json.dumps(NAMES.get(slug, "Unkeyed"))[1:-1] not in body
        assert slug not in body
        assert f"private words about {slug}" not in body
    for secret in office.secrets():
        assert secret not in body
    for known in OWN_LIMIT:
        body = body.replace(known, "")
    # The thousandths of an instant may look like any number.
    body = INSTANT.sub("", body)
    for hidden in (*WORDS, *NUMBERS):
        assert hidden not in body


@pytest.mark.parametrize("route", ROUTES)
def test_an_admin_may_everything_and_sees_no_secret(furnished: Office, route: str) -> None:
    method, path, case, options = request_of(furnished, route)
    if "key/enable" in path:
        furnished.admin("POST", path.replace("enable", "disable"))
    if case.kind in (OWN, MANAGED):
        furnished.assign("admin", "bakery", role="manager")
    answer = furnished.ask("admin", method, path, **options)
    assert answer.status_code == case.status, answer.text
    for secret in furnished.secrets():
        assert secret not in answer.text


@pytest.mark.parametrize("route", [name for name, case in ROUTES.items() if case.places])
def test_what_does_not_exist_is_not_found(shared_office: Office, route: str) -> None:
    method, _, path = route.partition(" ")
    numbers = dict.fromkeys(("rule_id", "alert_id", "mute_id", "delivery_id"), "999999")
    path = path.format_map(defaultdict(lambda: "nobody", numbers))
    body = ROUTES[route].json
    options = {} if body is None else {"json": filled(shared_office, body)}
    with shared_office.unchanged():
        answer = shared_office.ask("admin", method, path, **options)
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("route", [name for name, case in ROUTES.items() if case.kind == OWN])
def test_a_member_of_a_deactivated_organization_still_reads_own_usage(
    furnished: Office, route: str
) -> None:
    furnished.admin("DELETE", f"/clients/{furnished.places['bakery']}")
    method, path, _, _ = request_of(furnished, route)
    assert furnished.ask(MEMBER, method, path).status_code == 200


def test_the_same_on_both_databases(any_office: Office) -> None:
    for route in ROUTES:
        method, path, _, options = request_of(any_office, route)
        stranger = any_office.ask(STRANGER, method, path, **options)
        expected = 200 if ROUTES[route].kind == OPEN else 404
        assert stranger.status_code == expected, route
        admin = any_office.ask("admin", method, path, **options)
        assert admin.status_code < 500, (route, admin.text)

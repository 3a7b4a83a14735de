"""Whom an admin may put into an organization, and where each of them is now."""

from typing import Any

import pytest

from tests.api.office import PEOPLE, Office

PATH = "/user-mappings/candidates"


def found(office: Office, asked: str = "") -> dict[str, Any]:
    body = office.admin("GET", f"{PATH}?{asked}")
    return {one["user_id"]: one for one in body["candidates"]}


def test_everybody_whom_the_host_knows_and_where_they_are(furnished: Office) -> None:
    candidates = found(furnished)
    assert set(candidates) == set(PEOPLE)
    assert candidates["anna"] == {
        "user_id": "anna",
        "name": "Anna",
        "email": "anna@example.com",
        "client_org_id": furnished.places["bakery"],
        "client_name": "Bäckerei <b>",
        "role": "manager",
        "source": "admin",
        "is_assigned": True,
    }
    # A move that is planned has not happened.
    assert candidates["dora"]["client_org_id"] == furnished.places["studio"]
    nowhere = candidates["eve"]
    assert [nowhere[name] for name in ("client_org_id", "client_name", "role", "source")] == [
        None
    ] * 4
    assert nowhere["is_assigned"] is False


def test_by_default_is_not_assigned(furnished: Office) -> None:
    furnished.admin("DELETE", "/user-mappings/boris")
    boris = found(furnished)["boris"]
    assert (boris["source"], boris["is_assigned"]) == ("unmapped", False)


def test_searching_and_pages(furnished: Office) -> None:
    assert set(found(furnished, "search=ANNA")) == {"anna"}
    assert found(furnished, "search=nobody") == {}
    body = furnished.admin("GET", f"{PATH}?offset=1&limit=2")
    everybody = furnished.admin("GET", PATH)["candidates"]
    assert body["candidates"] == everybody[1:3]
    assert (body["total"], body["offset"], body["limit"]) == (len(PEOPLE), 1, 2)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("limit=201", "limit"),
        ("offset=-1", "offset"),
        ("search=%00", "search"),
        ("search=%07", "search"),
        (f"search={'a' * 201}", "search"),
    ],
)
def test_pages_that_cannot_be_meant(furnished: Office, asked: str, field: str) -> None:
    answer = furnished.ask("admin", "GET", f"{PATH}?{asked}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field

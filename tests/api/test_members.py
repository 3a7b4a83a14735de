"""Members over the API: who sees which organization follows at once."""

import pytest

from mai_usage_ext.api.usage import ALIAS
from tests.api.office import Office

OWN = "/usage/my-organization"


def place_of(office: Office, user: str) -> str | None:
    """The slug of the organization whose usage the user sees now."""
    answer = office.ask(user, "GET", OWN)
    if answer.status_code == 404:
        return None
    return {office.places[slug]: slug for slug in ("bakery", "studio", "unkeyed")}[
        answer.json()["client_id"]
    ]


def test_a_member_from_the_first_day_to_the_last(any_office: Office) -> None:
    assert place_of(any_office, "eve") is None
    body = {"user_id": "eve", "client_org_id": any_office.places["bakery"], "monthly_limit": 2.5}
    made = any_office.admin("POST", "/user-mappings", json=body, expect=201)["mapping"]
    assert place_of(any_office, "eve") == "bakery"
    assert (made["role"], made["monthly_limit"], made["is_active"]) == ("member", "2.5", True)
    assert (made["name"], made["email"]) == ("Eve", "eve@example.com")
    assert "eve" not in made["openrouter_user_id"]

    path = "/user-mappings/eve"
    change = {"role": "manager", "monthly_limit": None}
    changed = any_office.admin("PATCH", path, json=change)["mapping"]
    assert (changed["role"], changed["monthly_limit"]) == ("manager", None)
    move = {"client_org_id": any_office.places["studio"]}
    moved = any_office.admin("PATCH", path, json=move)
    assert place_of(any_office, "eve") == "studio"
    assert moved["mapping"]["openrouter_user_id"] == made["openrouter_user_id"]
    assert len(moved["history"]) == 2
    assert moved["history"][0]["valid_to"] == moved["history"][1]["valid_from"]

    gone = any_office.admin("DELETE", path)
    assert gone["success"] is True
    assert place_of(any_office, "eve") is None
    assert len(gone["history"]) == 3


def test_what_the_first_version_sent(furnished: Office) -> None:
    body = {"user_id": "eve", "client_org_id": furnished.places["bakery"]}
    body |= {"openrouter_user_id": None}  # type: ignore[dict-item]
    made = furnished.admin("POST", "/user-mappings", json=body, prefix=ALIAS, expect=201)
    assert made["success"] is True
    assert made["mapping"]["openrouter_user_id"].startswith("u_")
    assert furnished.admin("DELETE", "/user-mappings/eve", prefix=ALIAS)["success"] is True


def test_a_planned_move_and_its_end(furnished: Office) -> None:
    """Dora's is planned for the year 2999."""
    before = furnished.admin("GET", "/user-mappings/dora")
    assert before["mapping"]["is_active"] is True
    assert before["history"][-1]["valid_from"] == "2999-01-01T00:00:00.000Z"
    assert place_of(furnished, "dora") == "studio"
    after = furnished.admin("DELETE", "/user-mappings/dora/planned")
    assert [stretch["valid_to"] for stretch in after["history"]] == [None]
    assert furnished.ask("admin", "DELETE", "/user-mappings/dora/planned").status_code == 404


def test_lists_are_searched_and_paged(furnished: Office) -> None:
    def users(**params: object) -> list[str]:
        page = furnished.admin("GET", "/user-mappings", params=params)
        return [mapping["user_id"] for mapping in page["mappings"]]

    assert users() == ["anna", "boris", "chen", "dora"]
    assert users(client_id=furnished.places["studio"]) == ["chen", "dora"]
    assert users(role="manager") == ["anna", "chen"]
    assert users(search="BORIS@") == ["boris"]
    assert users(search="%") == []
    assert users(offset=1, limit=2) == ["boris", "chen"]
    assert furnished.admin("GET", "/user-mappings?limit=1")["total"] == 4


CSV = "user_id,client_org_id,role,monthly_limit\neve,studio,manager,3.5\nadmin,bakery,,none\n"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_bulk_as_csv(furnished: Office, mark: str) -> None:
    headers = {"content-type": "text/csv; charset=utf-8"}
    content = (mark + CSV).encode()
    tried = furnished.admin(
        "POST", "/user-mappings/bulk?dry_run=true", content=content, headers=headers
    )
    assert (tried["is_written"], tried["counts"]) == (False, {"created": 2})
    assert place_of(furnished, "eve") is None
    done = furnished.admin("POST", "/user-mappings/bulk", content=content, headers=headers)
    assert (done["is_written"], done["counts"]) == (True, {"created": 2})
    assert place_of(furnished, "eve") == "studio"
    assert furnished.admin("GET", "/user-mappings/eve")["mapping"]["monthly_limit"] == "3.5"


def test_a_bulk_as_a_list_with_one_bad_row(furnished: Office) -> None:
    rows = [
        {"email": "eve@example.com", "client_org_id": "studio", "monthly_limit": 0.1},
        {"user_id": "nobody", "client_org_id": "studio"},
    ]
    assert furnished.ask("admin", "POST", "/user-mappings/bulk", json=rows).status_code == 422
    assert place_of(furnished, "eve") is None
    done = furnished.admin("POST", "/user-mappings/bulk?partial=true", json=rows)
    assert (done["is_written"], done["counts"]) == (True, {"created": 1, "error": 1})
    assert place_of(furnished, "eve") == "studio"
    assert furnished.admin("GET", "/user-mappings/eve")["mapping"]["monthly_limit"] == "0.1"


class TestWithDefaultOrganization:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return {"MAI_USAGE_DEFAULT_ORGANIZATION": "Everybody"}

    def test_whoever_is_unmapped_goes_back(self, office: Office) -> None:
        office.furnish()
        gone = office.admin("DELETE", "/user-mappings/boris")
        assert (gone["mapping"]["client_org_id"], gone["mapping"]["source"]) == (
            "default",
            "unmapped",
        )
        own = office.ask("boris", "GET", OWN).json()
        assert own["stats"]["client_org_name"] == "Everybody"

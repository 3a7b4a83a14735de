"""Organizations and the directory: who belongs where, and what a bad name is told."""

from collections.abc import Iterator
from typing import Any

import pytest

from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.errors import BadInput, NoOrganization, NotFound
from mai_usage_ext.ports import UNASSIGNED, SystemClock
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.settings import Settings


@pytest.fixture(params=["Default", "off"])
def bench(request: pytest.FixtureRequest, database_url: str) -> Iterator[Workbench]:
    environ = {
        "MAI_USAGE_DATABASE_URL": database_url,
        "MAI_USAGE_DEFAULT_ORGANIZATION": request.param,
        "DEFAULT_MARKUP_RATE": "1.5",
        "BILLING_CURRENCY": "EUR",
        "MAI_USAGE_TIMEZONE": "Europe/Warsaw",
    }
    opened = open_workbench(Settings.from_env(environ))
    yield opened
    opened.close()


def directory_of(bench: Workbench) -> Directory:
    return Directory(bench.organization_rows, default_id=bench.default_id, clock=SystemClock())


def test_whoever_nobody_has_mapped(bench: Workbench) -> None:
    directory = directory_of(bench)
    place = directory.place("stranger")
    if bench.default_id is None:
        assert (place.organization.id, place.is_assigned) == (UNASSIGNED, False)
        with pytest.raises(NoOrganization, match="Ask your administrator"):
            directory.organization_of("stranger")
    else:
        assert (place.organization.name, place.is_assigned) == ("Default", True)
        assert directory.organization_of("stranger").organization.time_zone == "Europe/Warsaw"
    assert place.organization.rate_micro == 1_500_000
    assert directory.place(None).organization.id == UNASSIGNED


def test_a_new_organization_has_the_defaults(bench: Workbench) -> None:
    made = bench.organizations.create("Acme GmbH")
    assert (made.rate_micro, made.billing_currency, made.time_zone) == (
        1_500_000, "EUR", "Europe/Warsaw",
    )  # fmt: skip
    assert bench.organizations.create("Acme GmbH").slug != made.slug
    special = bench.organizations.create("X", time_zone="Asia/Tokyo", markup_rate="2")
    assert (special.rate_micro, special.time_zone) == (2_000_000, "Asia/Tokyo")


def test_an_assignment_is_seen_once_memory_lets_go(bench: Workbench) -> None:
    directory, acme = directory_of(bench), bench.organizations.create("Acme")
    directory.place("alice")
    bench.organizations.assign("alice", acme.id)
    directory.forget()
    assert directory.place("alice").organization.id == acme.id
    assert directory.cached("alice") is not None
    assert directory.stale("nobody") is None


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "x" * 201}),
        ("name", {"name": "a\nb"}),
        ("timezone", {"name": "A", "time_zone": "Mars/Phobos"}),
        ("markup_rate", {"name": "A", "markup_rate": "-1"}),
        ("markup_rate", {"name": "A", "markup_rate": 1.3}),
    ],
)
def test_bad_input_names_its_field(bench: Workbench, field: str, wanted: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=f"^{field} is ") as raised:
        bench.organizations.create(**wanted)
    assert raised.value.field == field


def test_assignments_that_cannot_be(bench: Workbench) -> None:
    with pytest.raises(NotFound, match="no organization 'nope'"):
        bench.organizations.assign("alice", "nope")
    acme = bench.organizations.create("Acme")
    with pytest.raises(BadInput, match="user_id"):
        bench.organizations.assign("", acme.id)

"""The directory: who belongs where, from memory for a few seconds."""

from collections.abc import Iterator

import pytest

from mai_usage_ext.bootstrap import Workbench, open_workbench
from mai_usage_ext.errors import NoOrganization
from mai_usage_ext.ports import SYSTEM, UNASSIGNED, SystemClock
from mai_usage_ext.services.directory import Directory
from mai_usage_ext.settings import Settings


@pytest.fixture(params=["Default", "off"])
def bench(request: pytest.FixtureRequest, database_url: str) -> Iterator[Workbench]:
    environ = {
        "MAI_USAGE_DATABASE_URL": database_url,
        "MAI_USAGE_DEFAULT_ORGANIZATION": request.param,
        "DEFAULT_MARKUP_RATE": "1.5",
        "MAI_USAGE_TIMEZONE": "Europe/Warsaw",
    }
    opened = open_workbench(Settings.from_env(environ))
    yield opened
    opened.close()


@pytest.fixture
def directory(bench: Workbench) -> Directory:
    return Directory(
        bench.organization_rows,
        newcomers=bench.newcomers,
        default_id=bench.default_id,
        clock=SystemClock(),
    )


def test_whoever_nobody_has_mapped(bench: Workbench, directory: Directory) -> None:
    place = directory.place("stranger")
    if bench.default_id is None:
        assert (place.organization.id, place.is_assigned) == (UNASSIGNED, False)
        assert place.openrouter_user_id is None
        with pytest.raises(NoOrganization, match="Ask your administrator"):
            directory.organization_of("stranger")
    else:
        assert (place.organization.name, place.is_assigned) == ("Default", True)
        assert directory.organization_of("stranger").organization.time_zone == "Europe/Warsaw"
        assert place.openrouter_user_id
        assert place.openrouter_user_id != "stranger"
    assert place.organization.rate_micro == 1_500_000
    assert directory.place(None).organization.id == UNASSIGNED


def test_a_look_that_writes_nothing(bench: Workbench, directory: Directory) -> None:
    place = directory.for_now("stranger")
    assert place.organization.id == (bench.default_id or UNASSIGNED)
    assert place.openrouter_user_id is None
    assert directory.cached("stranger") is place
    assert bench.organization_rows.membership("stranger", at_ms=2**52) is None
    assert directory.for_now(None).organization.id == UNASSIGNED


def test_an_assignment_is_seen_once_memory_lets_go(bench: Workbench, directory: Directory) -> None:
    acme = bench.organizations.create({"name": "Acme"}, actor=SYSTEM)
    directory.place("alice")
    bench.members.assign("alice", acme.id, monthly_limit="5", actor=SYSTEM)
    directory.forget()
    place = directory.place("alice")
    assert (place.organization.id, place.has_limit) == (acme.id, True)
    assert directory.cached("alice") is place
    assert directory.stale("alice") is place
    assert directory.stale("nobody") is None


def test_what_was_read_before_a_change_is_not_remembered_after_it(
    bench: Workbench, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = bench.organization_rows.get

    def read_slowly(organization_id: str, *, at_ms: int) -> object:
        found = read(organization_id, at_ms=at_ms)
        directory.forget()
        return found

    monkeypatch.setattr(bench.organization_rows, "get", read_slowly)
    place = directory.place("ada")
    assert place.user_id == "ada"
    assert directory.cached("ada") is None
    monkeypatch.undo()
    assert directory.place("ada") is directory.cached("ada")

"""Automatic provisioning: rules, the default organization, and everybody once."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mai_usage_ext.guard import tally
from mai_usage_ext.ports import DEFAULT_ID, SYSTEM, AssignmentRule, HostUser, Member, Role
from mai_usage_ext.services.newcomers import fits
from tests.services.office import ADMIN, DAY_MS, NOW_MS, Office, open_office


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    with open_office(database_url) as opened:
        yield opened


def domain(value: str, organization_id: str = "", role: str = "member") -> AssignmentRule:
    return AssignmentRule(
        kind="email_domain", value=value, organization_id=organization_id, role=role
    )


def group(value: str, organization_id: str = "") -> AssignmentRule:
    return AssignmentRule(kind="group", value=value, organization_id=organization_id)


@pytest.mark.parametrize(
    ("rule", "email", "is_fit"),
    [
        (domain("acme.com"), "ada@acme.com", True),
        (domain("ACME.com"), "Ada@Acme.COM", True),
        (domain("acme.com"), "ada@eu.acme.com", False),
        (domain("acme.com"), "ada@notacme.com", False),
        (domain("*.acme.com"), "ada@eu.acme.com", True),
        (domain("*.acme.com"), "ada@a.b.ACME.com", True),
        (domain("*.acme.com"), "ada@acme.com", False),
        (domain("*.acme.com"), "ada@notacme.com", False),
        (domain("acme.com"), '"@acme.com"@evil.com', False),
        (domain("acme.com"), "", False),
        (domain(""), "", False),
        (group("bakers"), "ada@acme.com", True),
        (group("g-1"), "ada@acme.com", True),
        (group("Bakers"), "ada@acme.com", False),
        (AssignmentRule(kind="moon", value="full", organization_id=""), "ada@acme.com", False),
    ],
)
def test_what_a_rule_fits(rule: AssignmentRule, email: str, is_fit: bool) -> None:
    user = HostUser(id="ada", name="Ada", email=email, groups=("g-1", "bakers"))
    assert fits(rule, user) is is_fit


def test_without_rules_the_host_is_not_asked(office: Office) -> None:
    place = office.newcomers.place("ada")
    assert isinstance(place, Member)
    assert (place.organization_id, place.source, place.role) == (
        DEFAULT_ID, "default", Role.MEMBER,
    )  # fmt: skip
    assert place.openrouter_user_id is not None
    assert office.newcomers.place("ada") == place
    assert (office.people.questions, office.rows()) == (0, 1)
    [record] = office.trail()
    assert (record.action, record.actor) == ("member.provisioned", SYSTEM)


def test_the_first_rule_that_fits_decides(office: Office) -> None:
    office.people.add("ada", groups=("bakers",))
    office.rules = [
        domain("elsewhere.com", office.acme),
        AssignmentRule(kind="group", value="bakers", organization_id=office.zeta, role="manager"),
        domain("example.com", office.acme),
    ]
    ada, ben = office.newcomers.place("ada"), office.newcomers.place("ben")
    assert isinstance(ada, Member)
    assert isinstance(ben, Member)
    assert (ada.organization_id, ada.role, ada.source) == (office.zeta, Role.MANAGER, "rule")
    assert (ben.organization_id, ben.role, ben.source) == (office.acme, Role.MEMBER, "rule")


def test_a_rule_that_leads_nowhere_is_skipped(office: Office) -> None:
    office.deactivate(office.acme)
    office.rules = [domain("example.com", target) for target in (office.acme, "gone", office.zeta)]
    place = office.newcomers.place("ada")
    assert place is not None
    assert place.organization_id == office.zeta
    assert tally["assignment rules skipped"] == 2


def test_while_the_host_is_away_nothing_is_written(office: Office) -> None:
    office.rules = [domain("example.com", office.acme)]
    office.people.is_away = True
    place = office.newcomers.place("ada")
    assert place is not None
    assert (place.organization_id, office.rows()) == (DEFAULT_ID, 0)
    assert tally["newcomers not looked up"] == 1
    office.people.is_away = False
    settled = office.newcomers.place("ada")
    assert settled is not None
    assert (settled.organization_id, office.rows()) == (office.acme, 1)


def test_nowhere_to_go(database_url: str) -> None:
    with open_office(database_url, default=False) as office:
        assert office.newcomers.place("ada") is None
        office.rules = [domain("elsewhere.com", office.acme)]
        assert office.newcomers.place("ada") is None
        office.people.is_away = True
        assert office.newcomers.place("ada") is None
        assert office.rows() == 0
        office.default_id = "gone"
        office.people.is_away = False
        assert office.newcomers.place("ada") is None
        assert tally["no default organization"] == 1


def test_rules_do_not_catch_whom_an_admin_removed(office: Office) -> None:
    office.rules = [domain("example.com", office.acme)]
    office.newcomers.place("ada")
    office.pass_time(DAY_MS)
    office.members.remove("ada", actor=ADMIN)
    office.pass_time(DAY_MS)
    place = office.newcomers.place("ada")
    assert place is not None
    assert place.organization_id == DEFAULT_ID


def test_until_a_planned_first_assignment_begins(office: Office) -> None:
    later = NOW_MS + DAY_MS
    planned = office.members.assign("ada", office.acme, effective_from_ms=later, actor=ADMIN)
    place = office.newcomers.place("ada")
    assert place is not None
    assert place.openrouter_user_id == planned.openrouter_user_id
    assert office.stretches("ada") == [(DEFAULT_ID, 0, 1), (office.acme, 1, None)]
    office.members.cancel_planned("ada", actor=ADMIN)
    assert office.stretches("ada") == [(DEFAULT_ID, 0, None)]


def test_an_old_mapping_gets_its_openrouter_id(office: Office) -> None:
    office.store.add(
        Member(
            organization_id=office.acme,
            user_id="ada",
            role=Role.MANAGER,
            valid_from_ms=0,
            valid_to_ms=None,
            source="admin",
            created_at_ms=0,
        )
    )
    place = office.newcomers.place("ada")
    assert place is not None
    assert (place.organization_id, place.role) == (office.acme, Role.MANAGER)
    assert place.openrouter_user_id is not None
    assert office.newcomers.place("ada") == place
    assert office.rows() == 1


def test_many_threads_place_one_user_once(office: Office) -> None:
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(lambda _: office.newcomers.place("ada"), range(8)))
    assert len({place.openrouter_user_id for place in places if place is not None}) == 1
    assert None not in places
    assert (office.rows(), office.actions()) == (1, ["member.provisioned"])


PROGRAM = """
import sys
from tests.services.office import open_office
with open_office(sys.argv[1]) as office:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(40):
        office.newcomers.place(f"user-{number}")
"""


def test_several_processes_place_everybody_once(office: Office, database_url: str) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    results = [process.communicate("go\n", timeout=120) for process in running]
    for process, (_, err) in zip(running, results, strict=True):
        assert process.returncode == 0, err
    assert office.rows() == 40
    assert office.actions() == ["member.provisioned"] * 40

"""Fixtures around real hosts. Each starts once a session, when a test first wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import aiohttp
import pytest

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.demo.person import Person
from mai_usage_ext.ports import SYSTEM, OrganizationRecord, Role
from mai_usage_ext.simulator import Simulator
from tests.host.audit import Audit
from tests.host.choice import choose_hosts
from tests.host.reseller import Reseller
from tests.host.theatre import (
    ADMIN,
    CHEAP,
    NOBODY_BY_DEFAULT,
    PATIENT,
    Theatre,
    borrowed_theatre,
)
from tests.workshop.hosts import Host


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    choose_hosts(metafunc)


@pytest.fixture(scope="session")
def software(request: pytest.FixtureRequest) -> Host:
    """The Open WebUI version of the test, as ``choose_hosts`` has it."""
    chosen: Host = request.param
    return chosen


@pytest.fixture(scope="session")
def theatre(software: Host) -> Iterator[Theatre]:
    with borrowed_theatre(software) as shared:
        yield shared


@dataclass(frozen=True)
class Metered:
    """A host with the extension: Anna and Boris bake, Chen and Dora draw, Eve belongs nowhere."""

    host: HostProcess
    bakery: OrganizationRecord
    studio: OrganizationRecord


@pytest.fixture(scope="session")
def metered(theatre: Theatre) -> Metered:
    """The host that most tests use, with its organizations."""
    host = theatre.metered
    with theatre.workbench(host) as workbench:
        bakery, studio = (
            workbench.organizations.create(
                {"name": name, "timezone": zone, "markup_rate": rate}, actor=SYSTEM
            )
            for name, zone, rate in (
                ("Bakery", "Europe/Warsaw", "1.3"),
                ("Studio", "America/Adak", "1.85"),
            )
        )
        for name, organization, role in (
            ("Anna", bakery, Role.MANAGER),
            ("Boris", bakery, Role.MEMBER),
            ("Chen", studio, Role.MANAGER),
            ("Dora", studio, Role.MEMBER),
        ):
            workbench.members.assign(
                theatre.people[name].account.id, organization.id, role=role, actor=SYSTEM
            )
    return Metered(host, bakery, studio)


@pytest.fixture(scope="session")
def pair(theatre: Theatre) -> HostProcess:
    """A host of two workers, in which nobody belongs to an organization by default."""
    return theatre.host("pair", workers=2, environment={**NOBODY_BY_DEFAULT, **PATIENT})


@pytest.fixture
def simulator(theatre: Theatre) -> Iterator[Simulator]:
    """The upstream of every host, in good health before and after each test."""
    yield theatre.simulator
    theatre.simulator.service.panel.reset()


@pytest.fixture
def audit(simulator: Simulator, metered: Metered) -> Audit:
    return Audit(simulator, metered.host)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def people(theatre: Theatre, metered: Metered, session: aiohttp.ClientSession) -> dict[str, Person]:
    """Everybody on the metered host, with session tokens."""
    return {
        name: theatre.person(session, metered.host, name, model=CHEAP) for name in theatre.people
    }


@pytest.fixture
async def reseller(
    theatre: Theatre, metered: Metered, session: aiohttp.ClientSession
) -> AsyncIterator[Reseller]:
    """Ada at the metered host, which is patient meanwhile."""
    ada = Reseller(metered.host, theatre.person(session, metered.host, ADMIN))
    async with ada.patience():
        yield ada

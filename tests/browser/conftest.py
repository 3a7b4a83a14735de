"""A real Chromium in front of a real host that the other folders use too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from mai_usage_ext.ports import SYSTEM, OrganizationRecord
from tests.browser.showcase import Showcase, set_up
from tests.host.choice import choose_hosts
from tests.host.theatre import NOBODY_BY_DEFAULT, Theatre, borrowed_theatre
from tests.workshop import chromium
from tests.workshop.hosts import Host

# Kept after the run: a person should look at them.
PICTURES = Path(__file__).resolve().parents[2] / "test-results"


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


@pytest.fixture(scope="session")
def gallery(theatre: Theatre) -> OrganizationRecord:
    """Frida's organization, in which nobody but her chats."""
    with theatre.workbench(theatre.metered) as workbench:
        made = workbench.organizations.create(
            {"name": "Gallery", "timezone": "Europe/Warsaw", "markup_rate": "1.3"}, actor=SYSTEM
        )
        workbench.members.assign(theatre.people["Frida"].account.id, made.id, actor=SYSTEM)
    return made


@pytest.fixture(scope="session")
def showcase(theatre: Theatre) -> Showcase:
    """A host of its own on which a year of four organizations is booked already."""
    host = theatre.host("showcase", environment=NOBODY_BY_DEFAULT)
    with theatre.workbench(host) as workbench:
        return set_up(theatre, host, workbench)


@pytest.fixture(scope="session")
def pictures(software: Host) -> Path:
    folder = PICTURES / software.version
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=str(chromium.find_chromium()), args=chromium.launch_arguments()
        )
        yield opened
        await opened.close()


@dataclass
class Window:
    """A page, and everything in it that should not have happened."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        page = self.page
        page.on("pageerror", lambda error: self.complaints.append(f"page: {error}"))
        page.on(
            "requestfailed",
            lambda request: (
                # Whoever leaves a page breaks off what it still asks for.
                None
                if request.failure == "net::ERR_ABORTED"
                else self.complaints.append(f"failed: {request.url}")
            ),
        )
        page.on(
            "console",
            lambda message: (
                self.complaints.append(f"console: {message.text}")
                if message.type == "error"
                else None
            ),
        )
        page.on(
            "response",
            lambda answer: (
                self.complaints.append(f"{answer.status}: {answer.url}")
                if answer.status >= 400
                else None
            ),
        )


@pytest.fixture
async def window(browser: Browser) -> AsyncIterator[Window]:
    """A fresh window, light and as wide as a laptop; it must end without complaints."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 860}, locale="en-US", color_scheme="light"
    )
    context.set_default_timeout(15_000)
    # The badges among what 0.6.18 says about itself; no test leaves the machine.
    await context.route("https://img.shields.io/**", lambda route: route.fulfill(body=""))
    opened = Window(await context.new_page())
    opened.watch()
    yield opened
    await context.close()
    assert opened.complaints == []

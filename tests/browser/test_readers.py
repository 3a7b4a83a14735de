"""The tab for readers of all kinds: their language, their aids, and names that mean mischief."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from mai_usage_ext.demo.accounts import Account, Accounts
from mai_usage_ext.ports import SYSTEM
from tests.browser.conftest import Window
from tests.browser.reader import open_part, open_usage, sign_in, table
from tests.browser.showcase import Showcase
from tests.host.theatre import ADMIN, CHEAP, PASSWORD, Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]

AXE = Path(__file__).resolve().parents[2] / "svelte_components/node_modules/axe-core/axe.min.js"

# What axe finds wrong in our element, a line each; the host's own page is not ours to judge.
VIOLATIONS = """async () => {
  const found = await axe.run('mai-organization-usage', {resultTypes: ['violations']});
  return found.violations.flatMap(({id, nodes}) => nodes.map(({html}) => `${id}: ${html}`));
}"""

# Animations that run in our element.
RUNNING = """({shadowRoot}) => shadowRoot.getAnimations()
  .filter(({playState}) => playState === 'running')
  .map(({effect}) => effect.target.outerHTML.slice(0, 80))"""

# By how many pixels there is more to scroll or cut off sideways than there is room, in our panel or
# in what it stands in.
OVERFLOW = """(element) => {
  const around = [element.shadowRoot.querySelector('.panel')];
  for (let at = element.parentElement; at; at = at.parentElement) {
    if (getComputedStyle(at).overflowX !== 'visible') around.push(at);
  }
  return Math.max(...around.map((each) => each.scrollWidth - each.clientWidth),
    element.getBoundingClientRect().right - innerWidth);
}"""

MISCHIEF = "<img src=x onerror='window.harmed=1'><b>&lt;script&gt;"
RIGHT_TO_LEFT = "شركة النور "
EMOJI = "🚀🥝"


def long_name(start: str) -> str:
    """200 characters without a place to break."""
    return (start + "Z" * 200)[:200]


async def look_at(page: Page, panel: Locator, part: str) -> list[str]:
    await open_part(panel, part)
    violations: list[str] = await page.evaluate(VIOLATIONS)
    return [f"{part}: {violation}" for violation in violations]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("dark", 390)])
async def test_axe_finds_nothing(
    theatre: Theatre, showcase: Showcase, window: Window, pictures: Path, theme: str, width: int
) -> None:
    page = window.page
    # What is still appearing has not its colours yet.
    await page.emulate_media(reduced_motion="reduce")
    await page.add_init_script(f"localStorage.theme = {theme!r}")
    panel = await open_usage(await sign_in(theatre, page, showcase.host, "Anna"))
    await page.set_viewport_size({"width": width, "height": 844})
    await page.evaluate(AXE.read_text())
    found = []
    for part in ("Overview", "Stats", "By user", "By model", "Statements"):
        found += await look_at(page, panel, part)
        assert await panel.evaluate(OVERFLOW) <= 0
    await open_part(panel, "Overview")
    await page.screenshot(path=pictures / f"axe-{theme}-{width}.png")
    await panel.get_by_role("button", name="Export", exact=True).click()
    await expect(panel.get_by_role("dialog", name="Export")).to_be_visible()
    found += await page.evaluate(VIOLATIONS)
    assert found == []


async def test_polish_is_spoken_and_other_languages_may_be_dropped_in(
    theatre: Theatre, showcase: Showcase, window: Window, pictures: Path
) -> None:
    page = window.page
    visitor = await sign_in(theatre, page, showcase.host, "Anna")
    await open_usage(visitor)

    await page.evaluate("localStorage.locale = 'pl-PL'")
    panel = await reopened(page)
    await expect(panel.get_by_role("heading", level=2)).to_have_text("Zużycie organizacji")
    await expect(panel.locator("[dir]").first).to_have_attribute("dir", "ltr")
    await page.screenshot(path=pictures / "reader-polish.png")

    async def in_arabic(route: Route) -> None:
        texts = {"usage.title": "استخدام المنظمة", "usage.overview": "نظرة عامة"}
        await route.fulfill(body=json.dumps(texts), content_type="application/json")

    await page.route("**/ui/locales/ar.json", in_arabic)
    await page.evaluate("localStorage.locale = 'ar'")
    panel = await reopened(page)
    await expect(panel.get_by_role("heading", level=2)).to_have_text("استخدام المنظمة")
    await expect(panel.locator("[dir]").first).to_have_attribute("dir", "rtl")
    await expect(panel.get_by_role("tab", name="نظرة عامة")).to_be_visible()
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 844})
        await page.screenshot(path=pictures / f"reader-arabic-{width}.png")
        assert await panel.evaluate(OVERFLOW) <= 0, width


async def reopened(page: Page) -> Locator:
    """The element put up anew, as when its tab is opened again."""
    await page.evaluate(
        """() => {
          const element = document.querySelector('mai-organization-usage');
          element.replaceWith(document.createElement('mai-organization-usage'));
        }"""
    )
    panel = page.locator("mai-organization-usage")
    await expect(panel.locator("dl .card")).to_have_count(4)
    return panel


async def test_nothing_moves_for_those_who_asked_for_it(
    theatre: Theatre, showcase: Showcase, browser: Browser
) -> None:
    for wish in ("no-preference", "reduce"):
        context = await browser.new_context(
            locale="en-US", reduced_motion="reduce" if wish == "reduce" else "no-preference"
        )
        page = await context.new_page()
        panel = await open_usage(await sign_in(theatre, page, showcase.host, "Frida"))
        await expect(panel.get_by_text("Live", exact=True).first).to_be_visible()
        await open_part(panel, "Overview")
        moving = await panel.evaluate(RUNNING)
        # The dot of what is live breathes for everybody else.
        assert bool(moving) == (wish == "no-preference"), moving
        await context.close()


@dataclass(frozen=True, slots=True)
class Mischief:
    """An organization and its manager, whose names are anything but names."""

    organization: str
    manager: Account


@pytest.fixture
def mischief(theatre: Theatre, showcase: Showcase) -> Mischief:
    accounts = Accounts(showcase.host.url)
    stamp = f"{time.time_ns()}"
    manager = accounts.user(
        theatre.people[ADMIN].account,
        name=long_name(f"{EMOJI}{RIGHT_TO_LEFT}{MISCHIEF}"),
        email=f"mischief-{stamp}@example.com",
        password=PASSWORD,
    )
    organization = long_name(f"{stamp[-6:]}{MISCHIEF}{EMOJI}{RIGHT_TO_LEFT}")
    with theatre.workbench(showcase.host) as workbench:
        made = workbench.organizations.create({"name": organization}, actor=SYSTEM)
        workbench.members.assign(manager.id, made.id, actor=SYSTEM, role="manager")
    return Mischief(organization, manager)


async def test_names_are_only_names(
    showcase: Showcase, mischief: Mischief, window: Window, pictures: Path
) -> None:
    page, url, token = window.page, showcase.host.url, mischief.manager.token
    answer = await page.request.post(
        url + "/api/chat/completions",
        headers={"Authorization": f"Bearer {token}"},
        data={"model": CHEAP, "messages": [{"role": "user", "content": "Hello"}]},
    )
    assert answer.ok, await answer.text()
    await page.add_init_script(f"localStorage.token = {token!r}")
    await page.goto(f"{url}/?settings=organization-usage")
    panel = page.locator("mai-organization-usage")
    await expect(panel.locator("header")).to_contain_text(mischief.organization, timeout=30_000)
    await expect(panel.locator("dl .card")).to_have_count(4)
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 844})
        part = await open_part(panel, "Overview")
        await part.get_by_role("radiogroup", name="Bars are parted").get_by_label("By user").check()
        assert await panel.evaluate(OVERFLOW) <= 0
        part = await open_part(panel, "By user")
        row = table(part, "Usage by user").locator("tbody tr")
        await expect(row).to_contain_text(mischief.manager.name)
        assert await panel.evaluate(OVERFLOW) <= 0
        await page.screenshot(path=pictures / f"reader-mischief-{width}.png")
        await row.get_by_role("button").click()
        await expect(panel.locator("[aria-current=page]")).to_have_text(mischief.manager.name)
        assert await panel.evaluate(OVERFLOW) <= 0
    assert await panel.locator("img, script, b").count() == 0
    assert await page.evaluate("window.harmed") is None

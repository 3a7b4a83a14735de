"""Our pages among the host's settings: who sees them, how they are reached, what stays behind."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.async_api import Browser, Locator, Page, expect

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.ports import Organization
from tests.browser import leftovers
from tests.browser.conftest import Window
from tests.host.theatre import ADMIN, Theatre
from tests.workshop.hosts import NEWEST

pytestmark = [pytest.mark.host, pytest.mark.browser]

PERSONAL = "Organization usage"
FOR_ADMINS = "Usage & billing"
PERSONAL_URL = "/usage/my-organization"
OPENINGS = 50
# Levels of 255 by which the edge of a drawing may differ from one run to the next.
ROUNDING = 8

# The innermost focused element, through shadow roots.
FOCUSED = """() => {
  let at = document.activeElement;
  const path = [];
  for (; at; at = at.shadowRoot?.activeElement) path.push(at.localName);
  return path.join(' ');
}"""


@dataclass
class Visitor:
    """Somebody who is signed in, and what their page asked the server for."""

    page: Page
    host: HostProcess
    asked: list[str] = field(default_factory=list)

    async def goto(self, path: str = "/") -> None:
        await self.page.goto(self.host.url + path)

    async def open_settings(self) -> Locator:
        """By the host's own shortcut, which both versions have; answers the strip of tabs."""
        await expect(self.page.locator("#chat-input")).to_be_visible(timeout=30_000)
        await self.page.keyboard.press("Control+.")
        tabs = self.page.locator("#settings-tabs-container")
        await expect(tabs).to_be_visible()
        return tabs

    async def close_settings(self) -> None:
        await self.page.keyboard.press("Escape")
        await expect(self.page.locator("#settings-tabs-container")).to_have_count(0)

    def tab(self, name: str) -> Locator:
        return self.page.get_by_role("tab", name=name, exact=True)

    @property
    def personal(self) -> Locator:
        return self.page.locator("mai-organization-usage")

    @property
    def panel_of_admins(self) -> Locator:
        return self.page.locator("mai-usage-admin")

    @property
    def modules(self) -> list[str]:
        """The names of the built files that were asked for, without their hashes."""
        names = [url.rpartition("/ui/assets/")[2] for url in self.asked if "/ui/assets/" in url]
        return [name.partition("-")[0] for name in names]


async def enter(
    theatre: Theatre, page: Page, name: str, host: HostProcess | None = None
) -> Visitor:
    """Signed in by the session token, with the news about a version read already."""
    at = host or theatre.metered
    token = theatre.people[name].account.token
    answer = await page.request.post(
        at.url + "/api/v1/users/user/settings/update",
        headers={"Authorization": f"Bearer {token}"},
        data={"ui": {"showChangelog": False}},
    )
    assert answer.ok
    await page.add_init_script(f"localStorage.token = {token!r}")
    visitor = Visitor(page, at)
    page.on("request", lambda request: visitor.asked.append(request.url))
    return visitor


@pytest.fixture
async def admin(theatre: Theatre, window: Window) -> AsyncIterator[Visitor]:
    yield await enter(theatre, window.page, ADMIN)
    # The admin belongs to no organization; where the personal page was opened, it was told so.
    if any(each.startswith("404:") and PERSONAL_URL in each for each in window.complaints):
        window.complaints[:] = [each for each in window.complaints if "404" not in each]


@pytest.fixture
async def member(theatre: Theatre, gallery: Organization, window: Window) -> Visitor:
    return await enter(theatre, window.page, "Frida")


@pytest.mark.newest_alone
async def test_an_admin_has_a_tab_more(admin: Visitor, pictures: Path) -> None:
    await admin.goto()
    tabs = await admin.open_settings()
    await expect(admin.tab(FOR_ADMINS)).to_be_visible()
    assert "admin" not in admin.modules

    await admin.tab(FOR_ADMINS).click()
    await expect(admin.panel_of_admins).to_be_visible()
    await expect(admin.panel_of_admins.locator("css=:defined").first).to_be_visible()
    assert "admin" in admin.modules
    await admin.page.screenshot(path=pictures / "mount-admin.png")

    # Back and forth between ours and the host's.
    for name in ("About", "Models", PERSONAL, FOR_ADMINS, "Authentication"):
        await admin.tab(name).click()
        await expect(tabs.locator("[role=tab][aria-selected=true]")).to_have_text(
            re.compile(rf"^\s*{re.escape(name)}\s*$")
        )
        await expect(admin.panel_of_admins).to_have_count(int(name == FOR_ADMINS))
        await expect(admin.personal).to_have_count(int(name == PERSONAL))
        ours = name in (PERSONAL, FOR_ADMINS)
        await expect(tabs.locator("xpath=following-sibling::*[1]")).to_be_visible(visible=not ours)


@pytest.mark.oldest_alone
async def test_an_admin_has_a_page_more(admin: Visitor, pictures: Path) -> None:
    await admin.goto("/admin/settings/general")
    page = admin.page
    link = page.get_by_role("link", name=FOR_ADMINS, exact=True)
    host_panel = page.locator("#admin-settings-tabs-container + *")
    await expect(link).to_be_visible(timeout=30_000)
    assert admin.modules == []

    async def stands_at(segment: str, *, ours: bool) -> None:
        # Our state may stand behind the path.
        await expect(page).to_have_url(
            re.compile(rf"^{re.escape(admin.host.url)}/admin/settings/{segment}(\?.*)?$")
        )
        await expect(admin.panel_of_admins).to_have_count(int(ours), timeout=20_000)
        await expect(host_panel).to_be_visible(visible=not ours, timeout=20_000)
        # The classes of a tab that is not selected are those of the last one of the host's.
        idle = await page.locator("#images").get_attribute("class")
        looks_idle = await link.get_attribute("class") == idle
        assert looks_idle is not ours
        if segment not in ("general", "organization-usage"):
            assert await page.locator(f"#{segment}").get_attribute("class") != idle

    await page.locator("#models").click()
    await stands_at("models", ours=False)
    await link.click()
    await stands_at("organization-usage", ours=True)
    assert "admin" in admin.modules
    await page.screenshot(path=pictures / "mount-admin.png")
    await page.go_back()
    await stands_at("models", ours=False)
    await page.go_forward()
    await stands_at("organization-usage", ours=True)
    await page.reload()
    await expect(admin.panel_of_admins).to_be_visible(timeout=30_000)
    await stands_at("organization-usage", ours=True)
    await page.locator("#general").click()
    await stands_at("general", ours=False)
    await page.get_by_role("link", name="Evaluations", exact=True).click()
    await expect(link).to_have_count(0)


@pytest.mark.oldest_too
async def test_a_member_sees_nothing_of_the_admins(member: Visitor) -> None:
    await member.goto("/admin/settings/organization-usage")
    await expect(member.page.locator("#chat-input")).to_be_visible(timeout=30_000)
    await member.goto("/?settings=admin:organization-usage")
    tabs = member.page.locator("#settings-tabs-container")
    if not await appears(tabs):
        await member.open_settings()
    for search in ("", "reconciliation", "billing"):
        await tabs.locator("input").fill(search)
        await expect(member.tab("About")).to_have_count(int(search == ""))
        await expect(member.tab(FOR_ADMINS)).to_have_count(0)
    await expect(member.panel_of_admins).to_have_count(0)
    await member.tab(PERSONAL).click()
    await expect(member.personal).to_be_visible()
    assert "organization" in member.modules
    assert "admin" not in member.modules


async def appears(locator: Locator) -> bool:
    """Whether the host opens it by itself; it has read its address when there is a chat."""
    await expect(locator.page.locator("#chat-input")).to_be_visible(timeout=30_000)
    await locator.page.wait_for_timeout(1_000)
    return await locator.count() > 0


@pytest.mark.oldest_too
async def test_links_lead_to_our_pages(admin: Visitor) -> None:
    await admin.goto("/?settings=organization-usage")
    await expect(admin.personal).to_be_visible(timeout=30_000)
    await expect(admin.tab(PERSONAL)).to_have_attribute("aria-selected", "true")
    # What was followed is not followed again.
    await expect(admin.page).to_have_url(admin.host.url + "/")

    await admin.goto("/?settings=admin:organization-usage")
    await expect(admin.panel_of_admins).to_be_visible(timeout=40_000)
    # The address of one version's page leads to it in the other, too.
    await admin.goto("/admin/settings/organization-usage")
    await expect(admin.panel_of_admins).to_be_visible(timeout=30_000)


@pytest.mark.oldest_too
async def test_the_search_finds_ours_by_what_they_are_about(
    admin: Visitor, theatre: Theatre, pictures: Path
) -> None:
    await admin.goto()
    tabs = await admin.open_settings()
    search = tabs.locator("input")
    is_newest = theatre.software == NEWEST
    found = {
        "spending": [PERSONAL, FOR_ADMINS],
        "reconciliation": [FOR_ADMINS],
        "Budget": [PERSONAL],
        "no such thing": [],
    }
    for text, names in found.items():
        await search.fill(text)
        expected = [name for name in names if is_newest or name == PERSONAL]
        await expect(tabs.get_by_role("tab")).to_have_count(len(expected))
        for name in expected:
            await expect(admin.tab(name)).to_be_visible()
        says_none = tabs.locator("div").get_by_text(re.compile("^\\s*No (matches|results found)"))
        await expect(says_none.last).to_be_visible(visible=not expected)
        await admin.page.screenshot(path=pictures / f"mount-search-{text.partition(' ')[0]}.png")
    await search.fill("budget")
    await expect(admin.tab(PERSONAL)).to_be_visible()
    await search.press("Enter")
    await expect(admin.personal).to_be_visible()


@pytest.mark.oldest_too
async def test_the_focus_goes_through_ours_and_round(member: Visitor) -> None:
    await member.goto()
    await member.open_settings()
    page = member.page
    await member.tab(PERSONAL).focus()
    await page.keyboard.press("Enter")
    await expect(member.personal.get_by_role("button").first).to_be_visible()

    first = page.get_by_role("dialog").get_by_role("button").first
    before = ""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await first.evaluate("(button) => button === document.activeElement"):
            break
        before = await page.evaluate(FOCUSED)
    assert before.startswith("mai-organization-usage ")

    await page.keyboard.press("Shift+Tab")
    assert await page.evaluate(FOCUSED) == before
    await page.keyboard.press("Tab")
    await expect(first).to_be_focused()
    await member.tab(PERSONAL).focus()
    await member.close_settings()


@pytest.mark.oldest_too
async def test_on_a_phone(member: Visitor, pictures: Path) -> None:
    page = member.page
    await page.set_viewport_size({"width": 390, "height": 844})
    await member.goto()
    await member.open_settings()
    await member.tab(PERSONAL).click()
    await expect(member.personal.get_by_text("Last updated")).to_be_visible()
    await page.screenshot(path=pictures / "mount-phone.png")
    for part in (member.tab(PERSONAL), member.personal):
        box = await part.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    await member.tab("General").click()
    await expect(member.personal).to_have_count(0)


@pytest.mark.oldest_too
async def test_the_hosts_own_dialog_looks_as_without_us(
    admin: Visitor, theatre: Theatre, browser: Browser, pictures: Path
) -> None:
    """To the pixel, our tabs left out, after ours were open."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 860}, locale="en-US", color_scheme="light"
    )
    context.set_default_timeout(15_000)
    await context.route("https://img.shields.io/**", lambda route: route.fulfill(body=""))
    plain = await enter(theatre, await context.new_page(), ADMIN, theatre.plain)
    seen: list[dict[str, bytes]] = []
    for visitor in (plain, admin):
        await visitor.goto()
        await visitor.open_settings()
        if visitor is admin:
            await visitor.tab(PERSONAL).click()
            await expect(visitor.personal.get_by_role("heading").first).to_be_visible()
            await visitor.page.add_style_tag(content="[id^=mai-usage] { display: none !important }")
        seen.append(await portraits(visitor))
    await context.close()
    without, having = seen
    for name in without:
        (pictures / f"mount-{name}-without.png").write_bytes(without[name])
        (pictures / f"mount-{name}-with.png").write_bytes(having[name])
        assert differing(without[name], having[name]) == 0, f"{name} does not look as without us"


def differing(one: bytes, other: bytes) -> int:
    """By how much the most different pixel differs; what a renderer rounds is no difference."""
    pictures = [Image.open(BytesIO(content)).convert("RGB") for content in (one, other)]
    if pictures[0].size != pictures[1].size:
        return 255
    most = max(ImageChops.difference(*pictures).tobytes())
    return most if most > ROUNDING else 0


async def portraits(visitor: Visitor) -> dict[str, bytes]:
    dialog = visitor.page.get_by_role("dialog")
    pictures = {}
    for name in ("Account", "General"):
        # The first of that name is the personal one.
        await visitor.page.get_by_role("tab", name=name, exact=True).first.click()
        await visitor.page.mouse.move(5, 5)
        await visitor.page.wait_for_timeout(1_500)
        pictures[name] = await dialog.screenshot(animations="disabled", caret="hide")
    return pictures


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.oldest_too
async def test_fifty_openings_leave_nothing_behind(member: Visitor, pictures: Path) -> None:
    page = member.page
    await page.add_init_script(leftovers.COUNT)
    await member.goto()
    session = await page.context.new_cdp_session(page)

    async def open_and_close() -> None:
        await member.open_settings()
        await member.tab(PERSONAL).click()
        await expect(member.personal.get_by_text("Last updated")).to_be_visible()
        await member.close_settings()

    # The first ones fill the host's caches and ours.
    for _ in range(3):
        await open_and_close()
    before = await leftovers.living(page, session)
    for _ in range(OPENINGS):
        await open_and_close()
    after = await leftovers.living(page, session)

    (pictures / "mount-leftovers.txt").write_text(f"{before}\n{after}\n")

    # The browser's own tools may hold the last one they spoke of.
    assert after["elements"] <= before["elements"] + 1
    for what in ("timers", "streams", "observers"):
        assert after[what] == before[what], what
    # Not one more for each opening.
    for what in ("listeners", "nodes"):
        assert after[what] - before[what] < OPENINGS, what


@pytest.mark.oldest_too
async def test_a_host_that_is_built_otherwise_goes_on_without_us(
    member: Visitor, window: Window
) -> None:
    """As if another version had renamed what we look for."""
    warnings: list[str] = []
    member.page.on(
        "console",
        lambda message: (
            warnings.append(message.text) if message.text.startswith("mai_usage_ext:") else None
        ),
    )
    await member.page.add_init_script(
        """document.getElementById = function (id) {
          const found = Document.prototype.getElementById.call(this, id);
          return id === 'settings-tabs-container' ? null : found;
        }"""
    )
    await member.goto()
    for _ in range(2):
        await member.open_settings()
        await member.tab("About").click()
        await expect(member.tab("About")).to_have_attribute("aria-selected", "true")
        await expect(member.tab(PERSONAL)).to_have_count(0)
        await member.close_settings()
    assert len(warnings) == 1
    assert member.modules == []

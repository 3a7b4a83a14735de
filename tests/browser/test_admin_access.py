"""The reseller's panel for everybody: axe-core in both themes and sizes, and the keyboard alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Window
from tests.browser.office import SECTIONS, open_office
from tests.browser.showcase import Showcase
from tests.browser.test_mounts import FOCUSED
from tests.host.theatre import Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_section_keeps_anybody_out(
    theatre: Theatre, showcase: Showcase, window: Window, theme: str, width: int
) -> None:
    page = window.page
    # Colours on their way from one to another are neither.
    await page.emulate_media(reduced_motion="reduce")
    await page.set_viewport_size({"width": width, "height": 844})
    await page.add_init_script(f"localStorage.theme = {theme!r}")
    office = await open_office(theatre, page, showcase.host)
    await office.goto()
    found = {}
    for section in SECTIONS:
        await office.open(section)
        found[section] = await office.violations()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, section
    await office.goto(section="health", tab="tests")
    found["Tests"] = await office.violations()
    aurora = showcase.organizations["Aurora Labs"].id
    for tab in ("overview", "members", "prices", "key"):
        await office.goto(section="organizations", client=aurora, tab=tab)
        found[tab] = await office.violations()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, tab
    assert {place: faults for place, faults in found.items() if faults} == {}


async def test_the_keyboard_alone_is_enough(
    theatre: Theatre, showcase: Showcase, window: Window
) -> None:
    page = window.page
    office = await open_office(theatre, page, showcase.host)
    await office.goto_settings()
    host_dialog = page.locator("#settings-tabs-container")
    await expect(host_dialog).to_be_visible()

    entry = office.panel.get_by_role("button", name="Organizations", exact=True).first
    await entry.focus()
    await page.keyboard.press("Enter")
    section = await office.settled()
    await tab_to(page, "Kiwi Books")
    await page.keyboard.press("Enter")
    await expect(section.get_by_role("heading", name="Kiwi Books")).to_be_visible()
    await office.settled()
    await tab_to(page, "Edit")
    await page.keyboard.press("Enter")
    sheet = office.sheet("Edit Kiwi Books")
    await expect(sheet).to_be_visible()

    # Nothing was changed, so Escape asks nothing; and it closes the sheet, not what is around it.
    await page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)
    await expect(host_dialog).to_be_visible()
    assert await focused_name(page) == "Edit"

    await page.keyboard.press("Enter")
    notes, note = sheet.get_by_label("Notes"), f"Called on {datetime.now(UTC):%F %T}."
    await tab_to(page, "Notes")
    await page.keyboard.press("Control+A")
    await page.keyboard.type(note)
    await expect(notes).to_have_value(note)
    await page.keyboard.press("Escape")
    question = office.question("Discard the changes?")
    await expect(question).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(question).to_have_count(0)
    await expect(notes).to_have_value(note)
    await tab_to(page, "Save")
    await page.keyboard.press("Enter")
    await expect(sheet).to_have_count(0)
    await expect(office.told("Kiwi Books was saved.")).to_be_visible()
    await expect(host_dialog).to_be_visible()
    assert (await page.evaluate(FOCUSED)).startswith("mai-usage-admin ")


NAME_OF_FOCUSED = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return (at?.ariaLabel ?? at?.labels?.[0]?.innerText ?? at?.innerText ?? '').trim();
}"""


async def focused_name(page: Page) -> str:
    name: str = await page.evaluate(NAME_OF_FOCUSED)
    return name


async def tab_to(page: Page, name: str) -> None:
    """As often as it takes; who cannot get there fails."""
    for _ in range(80):
        if await focused_name(page) == name:
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"the keyboard does not reach {name}")

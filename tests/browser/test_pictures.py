"""The pictures of the documentation, taken of a real host; ``make pictures`` puts them there."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PICTURES, Window
from tests.browser.office import WAITING, last_month, open_office
from tests.browser.reader import choose, open_part, open_usage
from tests.browser.showcase import Showcase
from tests.browser.test_mounts import enter
from tests.host.theatre import Theatre

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
PAGES = ("README.md", "docs/resellers.md", "docs/operators.md")
MOST_BYTES = 200_000
WIDTH, HEIGHT = 1280, 860

OF_MEMBERS = ("tab", "tab-dark", "tab-phone", "models")
OF_ADMINS = ("overview", "organizations", "organization", "billing", "statement")

# A page that was opened by its address shows where the keyboard would begin.
LEAVE_FOCUS = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  at?.blur();
}"""

Take = Callable[[str], Awaitable[None]]


def test_the_documentation_shows_pictures_that_are_made_here() -> None:
    assert {image.name for image in IMAGES.iterdir()} == {
        f"{name}.png" for name in (*OF_MEMBERS, *OF_ADMINS)
    }
    for image in IMAGES.iterdir():
        assert image.stat().st_size < MOST_BYTES, image.name
    for name in PAGES:
        page = ROOT / name
        for shown in re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", page.read_text("utf-8")):
            assert (page.parent / shown).is_file(), f"{name} shows {shown}"


@pytest.fixture
def take(window: Window) -> Take:
    """Keeps what is seen, once nothing in it moves."""
    folder = PICTURES / "pictures"
    folder.mkdir(parents=True, exist_ok=True)

    async def keep(name: str) -> None:
        await expect(window.page.locator(WAITING)).to_have_count(0)
        # The host greets whoever arrives, and nobody wants to see that in a picture.
        await window.page.locator("[data-sonner-toast]").evaluate_all(
            "toasts => toasts.forEach((toast) => toast.remove())"
        )
        await window.page.mouse.move(0, 0)
        await window.page.evaluate(LEAVE_FOCUS)
        path = folder / f"{name}.png"
        await window.page.screenshot(path=path, animations="disabled", caret="hide")
        assert path.stat().st_size < MOST_BYTES, name

    return keep


async def stand_still(page: Page, theme: str = "light", width: int = WIDTH) -> None:
    await page.emulate_media(reduced_motion="reduce")
    await page.set_viewport_size({"width": width, "height": HEIGHT})
    await page.add_init_script(f"localStorage.theme = {theme!r}")


@pytest.mark.host
@pytest.mark.browser
async def test_pictures_of_a_managers_tab(
    theatre: Theatre, showcase: Showcase, window: Window, take: Take
) -> None:
    page = window.page
    await stand_still(page)
    visitor = await enter(theatre, page, "Anna", showcase.host)
    await visitor.goto()
    panel = await open_usage(visitor)
    await choose(panel, "30d")
    await take("tab")
    await open_part(panel, "By model")
    await take("models")
    for name, theme, width in (("tab-dark", "dark", WIDTH), ("tab-phone", "light", 390)):
        await stand_still(page, theme, width)
        await visitor.goto()
        await open_usage(visitor)
        await take(name)


@pytest.mark.host
@pytest.mark.browser
async def test_pictures_of_the_resellers_panel(
    theatre: Theatre, showcase: Showcase, window: Window, take: Take
) -> None:
    page = window.page
    await stand_still(page)
    office = await open_office(theatre, page, showcase.host)
    await office.goto_settings()
    await take("overview")
    await office.open("Organizations")
    await take("organizations")
    aurora = showcase.organizations["Aurora Labs"].id
    await office.goto(section="organizations", client=aurora)
    await take("organization")
    section = await office.goto(section="billing", month=last_month())
    await expect(section.get_by_role("button", name=re.compile("^Close [0-9]+"))).to_be_visible()
    await take("billing")
    await office.goto(section="billing", month=last_month(), statement=aurora)
    statement = office.sheet("Aurora Labs")
    await expect(statement.get_by_role("table", name="Usage by model")).to_be_visible()
    await take("statement")

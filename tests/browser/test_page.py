"""The page of our own: the host's session, its theme and language, and none of its front end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from mai_usage_ext.api.usage import PREFIX
from mai_usage_ext.ports import OrganizationRecord
from tests.browser.conftest import Window
from tests.host.theatre import PASSWORD, Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]

ADDRESS = f"{PREFIX}/ui/"


async def open_page(
    page: Page, theatre: Theatre, name: str | None, *, more: str = "", **stored: str
) -> None:
    """The page as somebody sees it who has signed in to the host before."""
    if name is not None:
        stored["token"] = theatre.people[name].account.token
    for key, value in stored.items():
        await page.add_init_script(f"localStorage.setItem({key!r}, {value!r})")
    await page.goto(theatre.metered.url + ADDRESS + more)


async def test_a_member_sees_the_organization_and_nothing_of_the_resellers(
    theatre: Theatre, gallery: OrganizationRecord, window: Window
) -> None:
    await open_page(window.page, theatre, "Frida")
    panel = window.page.locator("mai-organization-usage")
    await expect(panel.get_by_text(gallery.name).first).to_be_visible()
    await expect(window.page).to_have_title(re.compile("^Usage & billing"))
    await expect(window.page.locator("header [role=tab]")).to_have_count(0)
    assert await window.page.evaluate("customElements.get('mai-usage-admin') === undefined")


async def test_an_admin_has_both_and_a_link_to_each(
    theatre: Theatre, gallery: OrganizationRecord, window: Window, pictures: Path
) -> None:
    page = window.page
    # Ada belongs to no organization, which the first tab says with a 404.
    await open_page(page, theatre, "Ada", more="#administration")
    own = page.get_by_role("tab", name="Your organization", exact=True)
    administration = page.get_by_role("tab", name="Administration", exact=True)
    await expect(administration).to_have_attribute("aria-selected", "true")
    await expect(page.locator("mai-usage-admin")).to_be_visible()
    await expect(page.locator("mai-organization-usage")).to_have_count(0)
    await page.screenshot(path=pictures / "page-admin.png")

    await administration.focus()
    await page.keyboard.press("ArrowLeft")
    await expect(own).to_be_focused()
    await expect(page.locator("mai-organization-usage")).to_be_visible()
    await expect(page.locator("mai-usage-admin")).to_be_hidden()
    assert page.url.endswith("#organization")
    await page.keyboard.press("End")
    await expect(administration).to_have_attribute("aria-selected", "true")
    window.complaints[:] = [one for one in window.complaints if "404" not in one]


async def test_whoever_is_not_signed_in_is_led_there_and_back(
    theatre: Theatre, gallery: OrganizationRecord, window: Window, pictures: Path
) -> None:
    page = window.page
    await open_page(page, theatre, None)
    await expect(page.get_by_text("Nobody is signed in here.")).to_be_visible()
    await page.screenshot(path=pictures / "page-nobody.png")
    # That nobody is signed in is what the host answers.
    assert all("40" in complaint for complaint in window.complaints), window.complaints
    window.complaints.clear()

    await page.get_by_role("link", name="Sign in").click()
    await page.get_by_label("Email").fill("frida@example.com")
    await page.get_by_label("Password").first.fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    panel = page.locator("mai-organization-usage")
    await expect(panel.get_by_text(gallery.name).first).to_be_visible(timeout=20_000)
    assert page.url == theatre.metered.url + ADDRESS
    window.complaints.clear()


async def test_the_hosts_cookie_will_do(
    theatre: Theatre, gallery: OrganizationRecord, window: Window
) -> None:
    page = window.page
    token = theatre.people["Frida"].account.token
    await page.context.add_cookies(
        [{"name": "token", "value": token, "url": theatre.metered.url, "httpOnly": True}]
    )
    await open_page(page, theatre, None)
    panel = page.locator("mai-organization-usage")
    await expect(panel.get_by_text(gallery.name).first).to_be_visible()


async def test_a_session_that_ended_is_none(theatre: Theatre, window: Window) -> None:
    await open_page(window.page, theatre, None, token="ended")
    await expect(window.page.get_by_role("link", name="Sign in")).to_be_visible()
    window.complaints.clear()


@pytest.mark.parametrize(
    ("chosen", "machine", "is_dark"),
    [
        ("dark", "light", True),
        ("oled-dark", "light", True),
        ("light", "dark", False),
        ("system", "dark", True),
        ("system", "light", False),
    ],
)
async def test_the_theme_is_the_one_that_was_chosen_in_the_host(
    theatre: Theatre, window: Window, chosen: str, machine: str, is_dark: bool
) -> None:
    page = window.page
    await page.emulate_media(color_scheme="dark" if machine == "dark" else "light")
    await open_page(page, theatre, "Frida", theme=chosen)
    await expect(page.locator("mai-organization-usage")).to_be_visible()
    assert is_dark == await page.evaluate("document.documentElement.classList.contains('dark')")
    behind = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert behind == {"oled-dark": "rgb(0, 0, 0)"}.get(
        chosen, "rgb(23, 23, 23)" if is_dark else "rgb(255, 255, 255)"
    )


@pytest.mark.parametrize(
    ("picture", "name", "theme", "language", "width"),
    [
        ("member-phone", "Frida", "light", "en-US", 390),
        ("member-dark", "Frida", "dark", "pl-PL", 1280),
        ("admin-phone-dark", "Ada", "oled-dark", "pl-PL", 390),
    ],
)
async def test_how_it_looks(
    theatre: Theatre,
    gallery: OrganizationRecord,
    window: Window,
    pictures: Path,
    picture: str,
    name: str,
    theme: str,
    language: str,
    width: int,
) -> None:
    page = window.page
    await page.set_viewport_size({"width": width, "height": 844})
    await open_page(page, theatre, name, theme=theme, locale=language)
    panel = page.locator("mai-organization-usage")
    await expect(panel).to_be_visible()
    if name == "Frida":
        await expect(panel.get_by_text(gallery.name).first).to_be_visible()
    title = "Zużycie i rozliczenia" if language == "pl-PL" else "Usage & billing"
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    assert await page.evaluate("document.documentElement.lang") == language
    await page.screenshot(path=pictures / f"page-{picture}.png")
    # Nothing sticks out of the window.
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    if name == "Ada":
        window.complaints[:] = [one for one in window.complaints if "404" not in one]

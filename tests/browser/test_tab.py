"""A person signs in, chats, and finds that very chat in Settings → Organization usage."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from mai_usage_ext.demo.books import Booked
from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.ports import Organization
from tests.browser.conftest import Window
from tests.host.audit import Audit
from tests.host.theatre import PASSWORD, Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]

CALLS_OF_A_TURN = 4
SHOWN_WITHIN_MS = 2_000


async def sign_in(page: Page, host: HostProcess, *, name: str = "Frida") -> None:
    await page.goto(host.url + "/auth")
    await page.get_by_label("Email").fill(f"{name.lower()}@example.com")
    await page.get_by_label("Password").first.fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    # A busy machine takes its time over the many parts of the host's own page.
    await expect(page.locator("#chat-input")).to_be_visible(timeout=20_000)


async def chat(page: Page, text: str) -> None:
    await page.locator("#chat-input").click()
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    # They come last of what is drawn.
    await expect(follow_ups(page)).to_be_visible()


def follow_ups(page: Page) -> Locator:
    """The first of them, or the word above them in 0.6.18."""
    newest = page.get_by_role("button", name=re.compile("^Follow up:"))
    return newest.or_(page.get_by_text("Follow up", exact=True)).first


async def open_tab(page: Page) -> Locator:
    """Settings → Organization usage; the component, once it has numbers."""
    panel = await open_empty_tab(page)
    # The first answer of a host that has just started, on a busy machine.
    await expect(panel.get_by_text("Last updated")).to_be_visible(timeout=20_000)
    return panel


async def open_empty_tab(page: Page) -> Locator:
    """The same, whatever the component has to say."""
    # There are two of them; the other belongs to the folded side bar. 0.6.18 names it otherwise.
    menu = page.get_by_label("Open User Profile Menu")
    await menu.or_(page.get_by_role("button", name="User menu")).first.click()
    await page.get_by_text("Settings", exact=True).click()
    await page.get_by_role("tab", name="Organization usage", exact=True).click()
    return page.locator("mai-organization-usage")


async def shows(panel: Locator, label: str) -> Decimal:
    """The figure of one card."""
    card = panel.locator("dl > *").filter(has_text=label)
    text = await card.locator(".value").inner_text()
    return Decimal(re.sub(r"[^0-9.]", "", text))


def assert_money(shown: Decimal, pusd: int) -> None:
    """The page may round, but not by more than half of the last digit it shows."""
    exponent = shown.as_tuple().exponent
    assert isinstance(exponent, int)
    assert abs(shown - Decimal(pusd).scaleb(-12)) <= Decimal(5).scaleb(exponent - 1)
    assert shown > 0


def tokens_of(entries: list[Booked]) -> int:
    return sum(entry.prompt_tokens + entry.completion_tokens for entry in entries)


@pytest.mark.oldest_too
async def test_a_chat_shows_with_its_tokens_and_cost(
    theatre: Theatre, gallery: Organization, window: Window, pictures: Path
) -> None:
    page, host = window.page, theatre.metered
    audit = Audit(theatre.simulator, host)
    await sign_in(page, host)
    await chat(page, "How do tides work around small islands?")
    entries = await audit.settled(CALLS_OF_A_TURN)
    mine = [e for e in audit.books.entries() if e.organization_id == gallery.id]
    assert {entry.generation_id for entry in entries} <= {e.generation_id for e in mine}

    panel = await open_tab(page)

    assert await shows(panel, "Today’s tokens") == tokens_of(mine)
    assert_money(await shows(panel, "Today’s cost"), sum(entry.billed_pusd for entry in mine))
    assert_money(await shows(panel, "Month total"), sum(entry.billed_pusd for entry in mine))
    await expect(panel.get_by_text("Gallery")).to_be_visible()
    await expect(panel.get_by_text("Live").first).to_be_visible()
    await page.screenshot(path=pictures / "organization-usage-light.png")

    # Another chat, this time by API: the open page shows it by itself.
    before = tokens_of(mine)
    token = theatre.people["Frida"].account.token
    answer = await page.request.post(
        host.url + "/api/chat/completions",
        headers={"Authorization": f"Bearer {token}"},
        data={
            "model": "anthropic/claude-sonnet-4",
            "messages": [{"role": "user", "content": "And on large ones?"}],
        },
    )
    assert answer.ok
    [*_, last] = await audit.settled(CALLS_OF_A_TURN + 1)
    await expect(panel.locator(".value").first).to_have_text(
        f"{before + tokens_of([last]):,}", timeout=SHOWN_WITHIN_MS
    )
    await panel.get_by_role("button", name="Refresh").click()
    await expect(panel.get_by_text("Month total")).to_be_visible()
    mine.append(last)
    assert_money(await shows(panel, "Today’s cost"), sum(entry.billed_pusd for entry in mine))


async def test_the_hosts_own_tabs_still_work(
    theatre: Theatre, gallery: Organization, window: Window
) -> None:
    page = window.page
    await sign_in(page, theatre.metered)
    panel = await open_tab(page)
    tabs = page.locator("#settings-tabs-container").get_by_role("tab")
    names = [name.strip() for name in await tabs.all_inner_texts()]
    assert names.count("Organization usage") == 1
    assert len(names) > 8

    for name in (name for name in names if name != "Organization usage"):
        await tabs.filter(has_text=re.compile(f"^\\s*{re.escape(name)}\\s*$")).click()
        await expect(panel).to_have_count(0)
        host_panel = page.locator("#settings-tabs-container + *")
        await expect(host_panel).to_be_visible()
        await expect(host_panel).not_to_be_empty()
        selected = page.locator("#settings-tabs-container [role=tab][aria-selected=true]")
        await expect(selected).to_have_count(1)
        await expect(selected).to_have_text(re.compile(re.escape(name)))

    # And back to ours, and out of the dialog.
    await page.get_by_role("tab", name="Organization usage", exact=True).click()
    await expect(panel.get_by_text("Last updated")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "theme", "width"),
    [("dark", "dark", 1280), ("phone", "light", 390), ("phone-dark", "dark", 390)],
)
async def test_how_it_looks(
    theatre: Theatre,
    gallery: Organization,
    window: Window,
    pictures: Path,
    name: str,
    theme: str,
    width: int,
) -> None:
    page = window.page
    await page.add_init_script(f"localStorage.theme = {theme!r}")
    await sign_in(page, theatre.metered)
    panel = await open_tab(page)
    # The host's greeting would cover half of a small screen; a slow machine sees it go by itself.
    toasts = page.get_by_role("button", name="Close toast")
    await toasts.evaluate_all("found => found.forEach((button) => button.click())")
    await expect(page.get_by_text("You're now logged in.")).to_have_count(0)
    await page.set_viewport_size({"width": width, "height": 844})
    await panel.get_by_role("button", name="Refresh").hover()
    await expect(panel.get_by_role("button", name="Refresh")).to_be_visible()

    await page.screenshot(path=pictures / f"organization-usage-{name}.png")

    is_dark = await page.evaluate("document.documentElement.classList.contains('dark')")
    assert is_dark == (theme == "dark")
    # Nothing sticks out of the window.
    box = await panel.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


async def test_somebody_without_an_organization_is_told_so(
    theatre: Theatre, gallery: Organization, window: Window, pictures: Path
) -> None:
    page = window.page
    await sign_in(page, theatre.metered, name="Eve")

    panel = await open_empty_tab(page)

    await expect(panel.get_by_text("No organization", exact=True)).to_be_visible()
    await page.screenshot(path=pictures / "organization-usage-nobody.png")

    # The 404 that says so is the only thing the console has to tell.
    assert all("404" in complaint for complaint in window.complaints), window.complaints
    window.complaints.clear()

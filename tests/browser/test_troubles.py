"""What goes wrong around an open page, and that it mends itself or says what can be done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.browser.conftest import Window
from tests.browser.reader import Books, choose, figure, open_part, open_usage, sign_in, tokens
from tests.browser.showcase import Showcase
from tests.host.theatre import Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]

OURS, READER = "Fjord & Sons", "Frida"
FIGURES = "**/usage/my-organization"
REPORTS = "**/usage/my-organization/report?*"

# What a server or something before it answers when it does not answer well; and what is said.
BAD_ANSWERS = (
    (429, "{}", "A moment, please"),
    (500, "Internal Server Error", "Something went wrong on the server"),
    (502, "<html>Bad gateway</html>", "Something went wrong on the server"),
    (200, '{"client_id": "fjo', "The answer could not be read"),
)


@asynccontextmanager
async def answered(page: Page, pattern: str, status: int, body: str) -> AsyncIterator[None]:
    async def answer(route: Route) -> None:
        headers = {"Retry-After": "1"} if status == 429 else {}
        await route.fulfill(
            status=status, body=body, content_type="application/json", headers=headers
        )

    await page.route(pattern, answer)
    yield
    await page.unroute(pattern, answer)


def refresh(panel: Locator) -> Locator:
    return panel.get_by_role("button", name="Refresh", exact=True)


async def assert_figures_stay(panel: Locator, text: str) -> None:
    """Trouble with fresh figures leaves those that are there, and says how old they are."""
    await expect(panel.get_by_text("Showing the figures as of")).to_be_visible()
    await expect(panel.locator("dl .card").first).to_contain_text(text)


async def test_a_session_ends_in_one_window_and_comes_back_in_another(
    theatre: Theatre, showcase: Showcase, window: Window
) -> None:
    page = window.page
    panel = await open_usage(await sign_in(theatre, page, showcase.host, READER))
    other = await page.context.new_page()
    panels = [panel, await open_usage(await sign_in(theatre, other, showcase.host, READER))]
    mine = tokens(Books.of(showcase, OURS).last(1))
    ended = "You are signed out"

    await other.evaluate("localStorage.removeItem('token')")
    for each in panels:
        await expect(each.get_by_text(ended)).to_be_visible()
        await expect(each.get_by_role("button", name="Sign in")).to_be_visible()
        # Whose session it was is not known any more, so nothing of it stays.
        await expect(each.locator("dl .card")).to_have_count(0)
    token = theatre.people[READER].account.token
    await other.evaluate("token => localStorage.setItem('token', token)", token)
    for each in panels:
        await expect(each.locator("dl .card").first).to_contain_text(mine)
        await expect(each.get_by_text(ended)).to_have_count(0)

    # The server may end it as well.
    async with answered(page, FIGURES, 401, '{"detail": "Not authenticated"}'):
        await refresh(panel).click()
        await expect(panel.get_by_text(ended)).to_be_visible()
    await refresh(panel).click()
    await expect(panel.get_by_text(ended)).to_have_count(0)
    await expect(panel.get_by_text("Live", exact=True).first).to_be_visible()
    window.complaints.clear()


async def test_a_server_that_answers_badly_or_not_at_all(
    theatre: Theatre, showcase: Showcase, window: Window, pictures: Path
) -> None:
    page = window.page
    mine = tokens(Books.of(showcase, OURS).last(1))
    visitor = await sign_in(theatre, page, showcase.host, READER)

    # With nothing to show yet the notice stands alone, and its button loads all of it.
    async with answered(page, FIGURES, 500, "{}"):
        await visitor.open_settings()
        await visitor.tab("Organization usage").click()
        panel = visitor.personal
        await expect(panel.get_by_text("Something went wrong on the server")).to_be_visible()
        await page.screenshot(path=pictures / "trouble-first.png")
    await panel.get_by_role("button", name="Try again").click()
    await expect(panel.locator("dl .card").first).to_contain_text(mine)

    for status, body, said in BAD_ANSWERS:
        async with answered(page, FIGURES, status, body):
            await refresh(panel).click()
            await expect(panel.get_by_text(said)).to_be_visible()
            await assert_figures_stay(panel, mine)
        await refresh(panel).click()
        await expect(panel.get_by_text(said)).to_have_count(0)

    # A part that cannot be had takes nothing else with it.
    part = await open_part(panel, "Overview")
    for status, body, said in BAD_ANSWERS:
        async with answered(page, REPORTS, status, body):
            await choose(panel, "90d")
            await expect(part.get_by_text(said)).to_be_visible()
            await expect(panel.get_by_text("Showing the figures as of")).to_have_count(0)
        await part.get_by_role("button", name="Try again").click()
        await expect(part.get_by_text(said)).to_have_count(0)
        await expect(figure(part, "Requests")).to_be_visible()
        await choose(panel, "7d")

    await page.context.set_offline(True)
    await refresh(panel).click()
    await expect(panel.get_by_text("The server cannot be reached").first).to_be_visible()
    await assert_figures_stay(panel, mine)
    await page.screenshot(path=pictures / "trouble-offline.png")
    # It comes back without being asked.
    await page.context.set_offline(False)
    await expect(panel.get_by_text("The server cannot be reached")).to_have_count(0)
    await expect(panel.get_by_text("Showing the figures as of")).to_have_count(0)
    window.complaints.clear()


@pytest.mark.parametrize(
    ("zone", "days_off", "said"),
    [("Pacific/Kiritimati", 1, "ahead"), ("Pacific/Pago_Pago", -1, "behind")],
)
async def test_today_is_the_organizations_whatever_the_browsers_clock_says(
    theatre: Theatre, showcase: Showcase, browser: Browser, zone: str, days_off: int, said: str
) -> None:
    books = Books.of(showcase, OURS)
    context = await browser.new_context(locale="en-US", timezone_id=zone)
    page = await context.new_page()
    await page.clock.install(time=datetime.now(UTC) + timedelta(days=days_off))
    panel = await open_usage(await sign_in(theatre, page, showcase.host, READER))

    await expect(panel.get_by_text(f"The clock of this computer is {said}")).to_be_visible()
    await expect(panel.locator("footer")).to_have_text(
        f"Days follow Europe/Oslo time; this browser keeps {zone} time"
    )
    await expect(panel.locator("dl .card").first).to_contain_text(tokens(books.last(1)))
    part = await open_part(panel, "Overview")
    await part.get_by_text("Show as table").click()
    rows = part.get_by_role("table", name="By day, newest first").locator("tbody tr")
    await expect(rows.first.get_by_role("rowheader")).to_have_text(
        f"{books.today:%b} {books.today.day}"
    )
    await choose(panel, "custom")
    entries = part.get_by_role("group", name="Period").locator("input[type=date]")
    await expect(entries).to_have_count(2)
    for each in await entries.all():
        await expect(each).to_have_attribute("max", books.today.isoformat())
    await choose(panel, "7d")
    await expect(figure(part, "Requests")).to_have_text(f"{len(books.last(7))}")
    await context.close()

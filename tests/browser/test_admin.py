"""The reseller's panel among the host's settings: the month, what needs attention, the clients."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Window
from tests.browser.office import Office, Sums, open_office, this_month
from tests.browser.reader import money
from tests.browser.showcase import Showcase
from tests.host.theatre import Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]


@pytest.fixture
async def office(theatre: Theatre, showcase: Showcase, window: Window) -> Office:
    return await open_office(theatre, window.page, showcase.host)


def figure(region: Locator, label: str) -> Locator:
    metric = region.locator("dl").filter(has=region.page.get_by_text(label, exact=True))
    return metric.locator("dd .value").first


@pytest.mark.oldest_too
async def test_the_overview_says_what_the_month_brought(
    office: Office, showcase: Showcase, pictures: Path
) -> None:
    home = await office.goto_settings()
    sums = Sums.of(showcase.host, this_month())
    await expect(figure(home, "Revenue this month")).to_have_text(money(sums.billed))
    await expect(figure(home, "Cost at OpenRouter")).to_have_text(money(sums.raw))
    await expect(figure(home, "Profit")).to_have_text(money(sums.billed - sums.raw))
    await expect(home.get_by_text(f"{sums.requests:,} requests")).to_be_visible()
    await office.page.screenshot(path=pictures / "admin-home.png")

    # Whoever went quiet is named, and leads to its page; so does whoever is near its limit.
    await home.get_by_role("button", name=re.compile("Pampa Coffee.*was")).click()
    await expect(office.panel.get_by_role("heading", name="Pampa Coffee")).to_be_visible()
    home = await office.open("Overview")
    await home.get_by_role("button", name=re.compile("^Fjord & Sons has ")).click()
    await expect(office.panel.get_by_role("heading", name="Fjord & Sons")).to_be_visible()

    for section in ("Billing", "Alerts", "Webhooks", "Reconciliation", "Health", "Audit"):
        region = await office.open(section)
        await expect(region).to_have_accessible_name(section)
        await expect(region.get_by_role("alert")).to_have_count(0)


async def test_organizations_are_searched_and_sorted(office: Office) -> None:
    section = await office.goto(section="organizations")
    rows = section.get_by_role("row").filter(has=office.page.get_by_role("cell"))
    await expect(rows.filter(has_text="Aurora Labs")).to_have_count(1)

    search = section.get_by_role("searchbox", name="Search organizations")
    await search.fill("fjord")
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text("Fjord & Sons")
    await search.fill("nobody of that name")
    await expect(section.get_by_text("No organization fits")).to_be_visible()
    await section.get_by_role("button", name="Show all").click()
    await expect(rows.filter(has_text="Kiwi Books")).to_have_count(1)

    # Aurora spent the most; where the least stands first, it comes last.
    spend = section.get_by_role("button", name="This month")
    heading = section.get_by_role("columnheader", name="This month")
    await expect(heading).to_have_attribute("aria-sort", "descending")
    await expect(rows.first).to_contain_text("Aurora Labs")
    await spend.click()
    await expect(heading).to_have_attribute("aria-sort", "ascending")
    await expect(rows.last).to_contain_text("Aurora Labs")

    # What is looked for stands in the address, so that it is there again after a reload.
    await search.fill("kiwi")
    await expect(rows).to_have_count(1)
    await office.page.reload()
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text("Kiwi Books")

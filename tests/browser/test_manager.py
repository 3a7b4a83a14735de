"""A manager sees everybody of the organization, down to one person's one model on one day."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Window
from tests.browser.reader import (
    Books,
    billed,
    choose,
    figure,
    open_part,
    open_usage,
    sign_in,
    table,
    tokens,
)
from tests.browser.showcase import Showcase
from tests.host.theatre import Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]

OURS = "Aurora Labs"
PEOPLE = ("Anna", "Boris", "Chen")


@pytest.fixture
def ids(theatre: Theatre) -> dict[str, str]:
    return {name: theatre.people[name].account.id for name in PEOPLE}


def by_cost(books: Books, ids: dict[str, str], *, days: int) -> list[str]:
    """The names, with the highest cost first."""
    costs = {
        name: sum(entry.billed_pusd for entry in books.last(days, user=person))
        for name, person in ids.items()
    }
    return sorted(costs, key=costs.__getitem__, reverse=True)


async def test_everybody_is_there_and_every_number_leads_on(
    theatre: Theatre,
    showcase: Showcase,
    ids: dict[str, str],
    window: Window,
    pictures: Path,
) -> None:
    page, books = window.page, Books.of(showcase, OURS)
    panel = await open_usage(await sign_in(theatre, page, showcase.host, "Anna"))
    await expect(panel.locator("header")).to_contain_text("You are a manager")
    part = await open_part(panel, "By user")
    await choose(panel, "7d")

    users = table(part, "Usage by user")
    rows = users.locator("tbody tr")
    dearest = by_cost(books, ids, days=7)
    await expect(rows).to_have_text([re.compile(name) for name in dearest])
    for name in PEOPLE:
        row, calls = rows.filter(has_text=name), books.last(7, user=ids[name])
        await expect(row).to_contain_text(f"{name.lower()}@example.com")
        for text in (billed(calls), tokens(calls)):
            await expect(row).to_contain_text(text)
    await expect(users.locator("tfoot")).to_contain_text(billed(books.last(7)))
    await expect(users.get_by_role("columnheader", name="Cost", exact=True)).to_have_attribute(
        "aria-sort", "descending"
    )
    by_name = users.get_by_role("button", name="User", exact=True)
    await by_name.click()
    await expect(rows).to_have_text([re.compile(name) for name in PEOPLE])
    await by_name.click()
    await expect(rows).to_have_text([re.compile(name) for name in reversed(PEOPLE)])
    await page.screenshot(path=pictures / "manager-users.png")

    # A day, one person in it, one model of theirs: what single calls alone can tell.
    part = await open_part(panel, "Stats")
    await expect(part.get_by_text("Day of the highest cost")).to_be_visible()
    day = max(
        {entry.day for entry in books.last(7)},
        key=lambda each: sum(e.billed_pusd for e in books.between(each, each)),
    )
    await part.locator(".peaks button").first.click()
    trail = panel.get_by_role("navigation", name="What is open")
    await expect(trail).to_contain_text(f"{day:%b} {day.day}, {day.year}")
    await expect(figure(part, "Cost")).to_have_text(billed(books.between(day, day)))
    name = next(name for name in PEOPLE if books.between(day, day, user=ids[name]))
    await table(part, "Usage by user").get_by_role("button", name=re.compile(name)).click()
    theirs = books.between(day, day, user=ids[name])
    await expect(trail.locator("[aria-current=page]")).to_have_text(name)
    await expect(figure(part, "Cost")).to_have_text(billed(theirs))
    model = theirs[0].model
    await table(part, "Usage by model").get_by_role("button", name=model).click()
    await expect(trail.locator("[aria-current=page]")).to_have_text(model)
    only = books.between(day, day, user=ids[name], model=model)
    await expect(figure(part, "Cost")).to_have_text(billed(only))
    await expect(figure(part, "Requests")).to_have_text(f"{len(only)}")
    await trail.get_by_role("button", name="Back").click()
    await expect(trail.locator("[aria-current=page]")).to_have_text(name)

    part = await open_part(panel, "Statements")
    await expect(part.get_by_text("No statements yet")).to_be_visible()


async def test_bars_are_parted_by_people(
    theatre: Theatre, showcase: Showcase, ids: dict[str, str], window: Window
) -> None:
    page, books = window.page, Books.of(showcase, OURS)
    panel = await open_usage(await sign_in(theatre, page, showcase.host, "Anna"))
    part = await open_part(panel, "Overview")
    await part.get_by_role("radiogroup", name="Bars are parted").get_by_label("By user").check()
    legend = part.get_by_role("list", name="Shown in the chart").get_by_role("button")
    dearest = by_cost(books, ids, days=30)
    await expect(legend).to_have_text([re.compile(name) for name in dearest])
    chosen = part.get_by_role("slider")
    await chosen.press("End")
    spoken = await chosen.get_attribute("aria-valuetext")
    assert spoken is not None
    assert billed(books.last(1)) in spoken

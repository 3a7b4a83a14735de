"""A member looks around in the organization's year: every number is the one that was booked."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Locator, Response, expect

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
MEMBER, OTHERS = "Boris", ("Anna", "Chen", "Dora", "Frida", "Greta")

# The stream of events never ends, so it cannot be read as a whole.
TOLD = re.compile("/usage/my-organization(?!/events)")

# All that is in the page, the shadow roots of our elements included.
EVERYTHING = """() => {
  const all = (root) => [...root.querySelectorAll('*')].flatMap((each) =>
    each.shadowRoot ? [each.shadowRoot.innerHTML, ...all(each.shadowRoot)] : []);
  return [document.documentElement.outerHTML, ...all(document)].join('\\n');
}"""


@pytest.fixture
def books(showcase: Showcase) -> Books:
    return Books.of(showcase, OURS)


def state_of(url: str) -> dict[str, str]:
    """What our element keeps in the page's address."""
    kept = parse_qs(urlsplit(url).query).get("usage", [""])[0]
    return {name: value[0] for name, value in parse_qs(kept).items()}


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))


def plot(part: Locator) -> Locator:
    return part.get_by_role("slider")


@pytest.mark.oldest_too
async def test_every_part_agrees_with_what_was_booked(
    theatre: Theatre, showcase: Showcase, books: Books, window: Window, pictures: Path
) -> None:
    page = window.page
    me = theatre.people[MEMBER].account.id
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    panel = await open_usage(await sign_in(theatre, page, showcase.host, MEMBER))

    header = panel.locator("header")
    await expect(header).to_contain_text(OURS)
    await expect(header).to_contain_text("You are a member")
    this_month = books.today.replace(day=1)
    month = books.between(this_month, books.today)
    cards = panel.locator("dl .card")
    await expect(cards).to_have_count(4)
    await expect(cards.filter(has_text="Today’s tokens")).to_contain_text(tokens(books.last(1)))
    await expect(cards.filter(has_text="Month total").locator(".value")).to_have_text(billed(month))
    await expect(cards.filter(has_text="Limit left")).to_contain_text("of $40.00 this month")
    limit = panel.get_by_role("meter", name="Monthly limit")
    await expect(limit).to_have_attribute(
        "aria-valuetext", re.compile(re.escape(f"{billed(month)} of $40.00"))
    )

    part = await open_part(panel, "Overview")
    await expect(figure(part, "Cost")).to_have_text(billed(books.last(30)))
    await expect(figure(part, "Tokens")).to_have_text(tokens(books.last(30)))
    await expect(figure(part, "Requests")).to_have_text(f"{len(books.last(30)):,}")
    await page.screenshot(path=pictures / "person-overview.png")

    last_day = this_month - timedelta(days=1)
    for period, first, last in (
        ("7d", books.days_back(6), books.today),
        ("90d", books.days_back(89), books.today),
        ("last-month", last_day.replace(day=1), last_day),
    ):
        await choose(panel, period)
        await expect(figure(part, "Cost")).to_have_text(billed(books.between(first, last)))
        assert state_of(page.url) == {"range": period}

    part = await open_part(panel, "Stats")
    await choose(panel, "7d")
    await expect(figure(part, "Requests")).to_have_text(f"{len(books.last(7)):,}")

    part = await open_part(panel, "By model")
    for model in {entry.model for entry in books.last(7)}:
        row = table(part, "Usage by model").get_by_role("row").filter(has_text=model)
        await expect(row).to_contain_text(billed(books.last(7, model=model)))

    part = await open_part(panel, "By user")
    rows = table(part, "Usage by user").locator("tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text(MEMBER)
    await expect(rows).to_contain_text(billed(books.last(7, user=me)))
    await expect(part).to_contain_text("You see your own usage")
    await expect(panel.get_by_role("tab", name="Statements")).to_have_count(0)

    # Nobody else is named, neither in the page nor in what the server told it.
    told = [await answer.text() for answer in answers if TOLD.search(answer.url)]
    assert len(told) > 6
    seen = "\n".join([await page.evaluate(EVERYTHING), *told])
    assert MEMBER in seen
    for other in OTHERS:
        account = theatre.people[other].account
        assert account.id not in seen
        assert f"{other.lower()}@" not in seen
        assert re.search(rf"\b{other}\b", seen) is None


async def test_days_are_chosen_parted_compared_and_copied(
    theatre: Theatre, showcase: Showcase, books: Books, window: Window
) -> None:
    page = window.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel = await open_usage(await sign_in(theatre, page, showcase.host, MEMBER))
    part = await open_part(panel, "Overview")
    first, last = books.days_back(60), books.days_back(47)

    await choose(panel, "custom")
    first_day, last_day = (
        part.locator("input[type=date]").first,
        part.locator("input[type=date]").last,
    )
    await first_day.fill(first.isoformat())
    await last_day.fill(last.isoformat())
    await expect(figure(part, "Cost")).to_have_text(billed(books.between(first, last)))
    assert state_of(page.url) == {"range": "custom", "from": str(first), "to": str(last)}

    # A period that ends before it begins is said so, and the last good one stays.
    await first_day.fill(books.days_back(40).isoformat())
    await expect(part.get_by_text("The period ends before it begins.")).to_be_visible()
    await expect(first_day).to_have_attribute("aria-invalid", "true")
    await expect(figure(part, "Cost")).to_have_text(billed(books.between(first, last)))
    await first_day.fill(first.isoformat())
    await expect(part.get_by_text("The period ends before it begins.")).to_have_count(0)

    models = {entry.model for entry in books.between(first, last)}
    legend = part.get_by_role("list", name="Shown in the chart").get_by_role("button")
    await expect(legend).to_have_count(len(models))
    parted = part.get_by_role("radiogroup", name="Bars are parted")
    await expect(parted.get_by_text("By user")).to_have_count(0)
    await parted.get_by_label("Together").check()
    active = len({entry.day for entry in books.between(first, last)})
    await expect(part.locator("rect.bar")).to_have_count(active)

    await expect(part.locator("rect.before")).to_have_count(0)
    await part.get_by_role("switch", name=re.compile("^Compare with")).check()
    before = {entry.day for entry in books.between(books.days_back(74), books.days_back(61))}
    await expect(part.locator("rect.before")).to_have_count(len(before))

    await part.get_by_text("Show as table").click()
    rows = part.get_by_role("table", name="By day, newest first").locator("tbody tr")
    await expect(rows).to_have_count(14)
    await expect(rows.last).to_contain_text(billed(books.between(first, first)))
    await part.get_by_role("button", name="Copy the table").click()
    await expect(part.get_by_text("Copied", exact=True)).to_be_attached()
    copied = await page.evaluate("navigator.clipboard.readText()")
    heading, *lines = list(csv.reader(io.StringIO(copied), delimiter="\t"))
    assert heading == ["Day", "Requests", "Tokens", "Cost"]
    assert len(lines) == 14
    assert sum(int(line[1].replace(",", "")) for line in lines) == len(books.between(first, last))


async def test_a_bar_leads_to_its_day_and_model_and_a_link_back_to_them(
    theatre: Theatre, showcase: Showcase, books: Books, window: Window
) -> None:
    page = window.page
    visitor = await sign_in(theatre, page, showcase.host, MEMBER)
    panel = await open_usage(visitor)
    part = await open_part(panel, "Overview")
    await choose(panel, "7d")
    await part.get_by_role("radiogroup", name="Bars are parted").get_by_label("Together").check()
    days = sorted({entry.day for entry in books.last(7)})
    await expect(part.locator("rect.bar")).to_have_count(len(days))
    await part.locator("rect.bar").first.click()

    day = days[0]
    trail = panel.get_by_role("navigation", name="What is open")
    await expect(trail.locator("[aria-current=page]")).to_have_text(
        f"{day:%a}, {day:%b} {day.day}, {day.year}"
    )
    await expect(figure(part, "Cost")).to_have_text(billed(books.between(day, day)))
    model = books.between(day, day)[0].model
    await table(part, "Usage by model").get_by_role("button", name=model).click()
    await expect(trail.locator("[aria-current=page]")).to_have_text(model)
    only = billed(books.between(day, day, model=model))
    await expect(figure(part, "Cost")).to_have_text(only)
    looked_at = {"range": "7d", "day": day.isoformat(), "model": model}
    assert state_of(page.url) == looked_at

    # The address leads back, though the host's dialog has to be opened first.
    await page.reload()
    panel = await open_usage(visitor)
    assert state_of(page.url) == looked_at
    part = panel.get_by_role("tabpanel", name="Overview")
    await expect(figure(part, "Cost")).to_have_text(only)

    await trail.get_by_role("button", name=re.compile(f"{day.year}$")).click()
    await expect(figure(part, "Cost")).to_have_text(billed(books.between(day, day)))
    await trail.get_by_role("button", name="Overview").click()
    await expect(trail).to_have_count(0)
    await expect(figure(part, "Cost")).to_have_text(billed(books.last(7)))
    assert state_of(page.url) == {"range": "7d"}

    # By keys the chart does the same.
    await plot(part).press("Home")
    await plot(part).press("Enter")
    await expect(trail).to_be_visible()
    assert date.fromisoformat(state_of(page.url)["day"]) == books.days_back(6)
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    assert state_of(page.url) == {}


async def test_an_export_has_the_same_sum(
    theatre: Theatre, showcase: Showcase, books: Books, window: Window
) -> None:
    page = window.page
    panel = await open_usage(await sign_in(theatre, page, showcase.host, MEMBER))
    await open_part(panel, "Overview")
    await panel.get_by_role("button", name="Export", exact=True).click()
    sheet = panel.get_by_role("dialog", name="Export")
    await expect(sheet).to_contain_text("The file has your own usage")
    await sheet.get_by_role("radio", name="By day").check()
    async with page.expect_download() as saving:
        await sheet.get_by_role("button", name="Save the file").click()
    saved = await saving.value
    assert saved.suggested_filename.endswith(".csv")
    rows = rows_of(await saved.path())
    mine = books.last(30, user=theatre.people[MEMBER].account.id)
    assert sum(Decimal(row["cost"]) for row in rows) == Decimal(
        sum(entry.billed_pusd for entry in mine)
    ).scaleb(-12)
    await expect(sheet).to_have_count(0)

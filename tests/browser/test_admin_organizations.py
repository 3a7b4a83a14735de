"""One organization from its first day to its last, as the reseller clicks through it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Locator, expect

from mai_usage_ext.api.usage import PREFIX
from tests.browser.conftest import Window
from tests.browser.office import Office, open_office
from tests.browser.showcase import Showcase
from tests.host.theatre import ADMIN, Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]

NAME = "Delta Foods"


@pytest.fixture
async def office(theatre: Theatre, showcase: Showcase, window: Window) -> Office:
    return await open_office(theatre, window.page, showcase.host)


@pytest.fixture
async def client(theatre: Theatre, showcase: Showcase, office: Office) -> AsyncIterator[str]:
    """A new organization's id; what the test does there is nobody else's business."""
    headers = {"Authorization": f"Bearer {theatre.people[ADMIN].account.token}"}
    at = f"{showcase.host.url}{PREFIX}/clients"
    made = await office.page.request.post(
        at, headers=headers, data={"name": "Echo Prints", "provision_key": False}
    )
    assert made.ok, await made.text()
    client: str = (await made.json())["client"]["id"]
    yield client
    left = await office.page.request.delete(f"{at}/{client}", headers=headers)
    assert left.ok, await left.text()


async def test_one_is_created_changed_and_deactivated(office: Office) -> None:
    section = await office.goto(section="organizations")
    await section.get_by_role("button", name="New organization").click()
    sheet = office.sheet("New organization")
    create = sheet.get_by_role("button", name="Create organization")
    name = sheet.get_by_role("textbox", name=re.compile("^Name"))
    await create.click()
    await expect(name).to_have_attribute("aria-invalid", "true")
    await name.fill(NAME)
    await expect(sheet.get_by_label("Slug")).to_have_value("delta-foods")
    await create.click()
    await expect(sheet).to_have_count(0)
    await expect(office.told(f"{NAME} was created. Add its members next.")).to_be_visible()
    await expect(section.get_by_role("heading", name=NAME)).to_be_visible()

    # A bad limit is told at its field, and nothing is written.
    await section.get_by_role("button", name="Edit", exact=True).click()
    sheet = office.sheet(f"Edit {NAME}")
    limit = sheet.get_by_label("Monthly limit")
    save = sheet.get_by_role("button", name="Save")
    await limit.fill("a lot")
    await save.click()
    await expect(limit).to_have_attribute("aria-invalid", "true")
    await expect(limit).to_have_accessible_description(re.compile("Enter an amount in USD"))
    await limit.fill("75.50")
    await save.click()
    await expect(sheet).to_have_count(0)
    await expect(office.told(f"{NAME} was saved.")).to_be_visible()
    await office.page.reload()
    await section.get_by_role("tab", name="Overview").click()
    await expect(section.get_by_text("$0.00 of $75.50")).to_be_visible()

    # The trail of changes tells both, and nothing of the refused one.
    await section.get_by_role("button", name="Changes", exact=True).click()
    records = (await office.settled()).get_by_role("list", name="Changes, newest first")
    trail = records.get_by_role("listitem")
    await expect(trail.filter(has_text="Monthly limit").first).to_contain_text("75.5")
    await expect(trail.filter(has_text="a lot")).to_have_count(0)

    section = await office.open("Organizations")
    await section.get_by_role("button", name=NAME, exact=True).click()
    await section.get_by_role("button", name="Deactivate").click()
    await office.question(f"Deactivate {NAME}?").get_by_role("button", name="Deactivate").click()
    await expect(office.told(f"{NAME} was deactivated.")).to_be_visible()
    await office.panel.get_by_role("button", name="Undo").click()
    await expect(section.get_by_role("button", name="Deactivate")).to_be_visible()


async def test_its_key_is_made_replaced_and_switched_off(office: Office, client: str) -> None:
    section = await office.goto(section="organizations", client=client, tab="key")
    await section.get_by_role("button", name="Make a key").click()
    await expect(office.told("The key was made.")).to_be_visible()
    label = section.locator("code").first
    await expect(section.get_by_text("Active", exact=True).first).to_be_visible()
    first = await label.inner_text()

    await section.get_by_role("button", name="Rotate").click()
    await office.question("Rotate the key?").get_by_role("button", name="Rotate").click()
    await expect(office.told("The key was replaced.")).to_be_visible()
    await expect(label).not_to_have_text(first)

    await section.get_by_role("button", name="Disable").click()
    await office.question("Disable the key?").get_by_role("button", name="Disable").click()
    await expect(office.told("The key was disabled.")).to_be_visible()
    await section.get_by_role("button", name="Enable").click()
    await expect(office.told("The key was enabled.")).to_be_visible()
    await section.get_by_role("button", name="Compare with OpenRouter").click()
    await expect(office.told("All keys were compared with OpenRouter.")).to_be_visible()


async def test_its_members_come_one_by_one_and_by_table(office: Office, client: str) -> None:
    section = await office.goto(section="organizations", client=client, tab="members")
    await section.get_by_role("button", name="Add members").first.click()
    sheet = office.sheet("Add members")
    await sheet.get_by_role("searchbox").fill("eve")
    await sheet.get_by_role("button", name=re.compile("^(Add|Move) Eve")).click()
    await expect(sheet.get_by_text("Member", exact=True).last).to_be_visible()
    await office.page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)

    role = section.get_by_label("Role of Eve")
    await role.select_option("manager")
    limit = section.get_by_label("Own monthly limit of Eve")
    await limit.fill("not a number")
    await limit.press("Enter")
    await expect(limit).to_have_attribute("aria-invalid", "true")
    await limit.fill("12.5")
    await limit.press("Enter")
    await expect(limit).to_have_value("12.5")
    await expect(limit).not_to_have_attribute("aria-invalid", "true")
    await office.page.reload()
    await expect(role).to_have_value("manager")
    await expect(limit).to_have_value("12.5")

    await import_with_a_bad_row(office, section, client)
    await expect(role).to_have_value("member")
    await expect(limit).to_have_value("7")

    await section.get_by_role("button", name="Actions for Eve").click()
    await section.get_by_role("menuitem", name="Remove").click()
    await expect(office.told("Eve was removed.")).to_be_visible()
    await expect(section.get_by_text("No members yet")).to_be_visible()


async def import_with_a_bad_row(office: Office, section: Locator, client: str) -> None:
    """The bad one is named by its line, and nothing is written; the good one then is."""
    await section.get_by_role("button", name="Import").click()
    sheet = office.sheet("Import members")
    rows = sheet.get_by_label("Or paste the rows")
    good = f"email,client_org_id,role,monthly_limit\neve@example.com,{client},member,7\n"
    await rows.fill(good + f"nobody@example.com,{client},member,7\n")
    check = sheet.get_by_role("button", name="Check the rows")
    await check.click()
    bad = sheet.get_by_role("listitem").filter(has_text="nobody@example.com")
    await expect(bad).to_contain_text("Line 3")
    await expect(sheet.get_by_text("Problem: 1")).to_be_visible()
    await expect(sheet.get_by_role("button", name="Import 1 row")).to_be_disabled()
    await rows.fill(good)
    await check.click()
    await sheet.get_by_role("button", name="Import 1 row").click()
    await expect(sheet).to_have_count(0)
    await expect(office.told("1 row was imported.")).to_be_visible()


async def test_a_price_is_tried_before_it_holds(office: Office, client: str) -> None:
    section = await office.goto(section="organizations", client=client, tab="prices")
    await section.get_by_role("button", name="New price").click()
    sheet = office.sheet("New price")
    markup = sheet.get_by_label("Markup")
    await markup.fill("lots")
    await sheet.get_by_role("button", name="Save price").click()
    await expect(markup).to_have_attribute("aria-invalid", "true")
    await sheet.get_by_label("Models").fill("anthropic/*")
    await markup.fill("1.75")
    await sheet.get_by_role("button", name="Try it").click()
    await expect(sheet.get_by_text("With this price").first).to_be_visible()
    await sheet.get_by_role("button", name="Save price").click()
    await expect(sheet).to_have_count(0)
    await expect(office.told("The new price holds from now on.")).to_be_visible()
    table = section.get_by_role("table", name="Prices in force and planned")
    await expect(table.get_by_role("row").filter(has_text="anthropic/*")).to_contain_text("1.75")
    await section.get_by_label("Model", exact=True).fill("anthropic/claude-sonnet-4")
    await expect(section.get_by_role("status")).to_contain_text("× 1.75")

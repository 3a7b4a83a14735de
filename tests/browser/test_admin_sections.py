"""The other sections of the reseller's panel: each does what its buttons say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Window
from tests.browser.office import Office, last_month, open_office, this_month
from tests.browser.showcase import Showcase
from tests.host.theatre import Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]


@pytest.fixture
async def office(theatre: Theatre, showcase: Showcase, window: Window) -> Office:
    return await open_office(theatre, window.page, showcase.host)


async def test_a_month_is_closed_once_it_is_over(
    office: Office, showcase: Showcase, tmp_path: Path
) -> None:
    pampa = showcase.organizations["Pampa Coffee"].id
    # This month is not over, and that is said in words; nothing can be closed but by force.
    section = await office.goto(section="billing", month=this_month(), statement=pampa)
    sheet = office.sheet("Pampa Coffee")
    await expect(sheet.get_by_text("It cannot be closed yet")).to_be_visible()
    await expect(sheet.get_by_role("button", name="Close the statement")).to_have_count(0)
    await sheet.get_by_role("button", name="Close all the same…").click()
    question = office.panel.get_by_role("alertdialog")
    await question.get_by_role("button", name="Close without comparison").click()
    reason = question.get_by_label("Reason")
    await expect(reason).to_have_attribute("aria-invalid", "true")
    await office.page.keyboard.press("Escape")
    await expect(question).to_have_count(0)
    await office.page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)

    section = await office.goto(section="billing", month=last_month())
    row = section.get_by_role("row").filter(has_text="Pampa Coffee")
    await expect(row).to_contain_text("Ready")
    await row.get_by_role("button", name="Pampa Coffee").click()
    await expect(sheet.get_by_role("table", name="Usage by model")).to_be_visible()
    async with office.page.expect_download() as downloading:
        await sheet.get_by_role("button", name="PDF").click()
    download = await downloading.value
    assert download.suggested_filename.endswith(".pdf")
    await download.save_as(tmp_path / "statement.pdf")
    assert (tmp_path / "statement.pdf").read_bytes().startswith(b"%PDF-")

    await sheet.get_by_role("button", name="Close the statement").click()
    await question.get_by_role("button", name="Close the statement").click()
    await expect(question).to_have_count(0)
    await expect(office.told(" of Pampa Coffee is closed")).to_be_visible()
    await expect(sheet.get_by_text("Closed", exact=True).first).to_be_visible()
    await office.page.keyboard.press("Escape")
    await office.page.reload()
    await expect(row).to_contain_text("Closed")


async def test_rules_are_switched_off_and_on(office: Office) -> None:
    section = await office.goto(section="alerts", tab="rules")
    rule = section.get_by_role("list", name="Rules").get_by_role("listitem").first
    switch = rule.get_by_role("switch")
    was_on = await switch.is_checked()
    for is_on in (not was_on, was_on):
        await switch.click()
        await expect(switch).to_be_checked(checked=is_on)
        await office.page.reload()
        await expect(switch).to_be_checked(checked=is_on)


async def test_a_webhook_shows_its_secret_once(office: Office, window: Window) -> None:
    section = await office.goto(section="webhooks")
    await section.get_by_role("button", name="Add a webhook").click()
    sheet = office.sheet("New webhook")
    address = sheet.get_by_label("Address")
    make = sheet.get_by_role("button", name="Make the webhook")
    await address.fill("https://10.0.0.8/usage")
    await make.click()
    await expect(address).to_have_attribute("aria-invalid", "true")
    await expect(address).to_have_accessible_description(re.compile("private address"))
    # The refusal is the only thing the console has to tell.
    assert all("422" in complaint for complaint in window.complaints), window.complaints
    window.complaints.clear()

    await address.fill("https://93.184.216.34/usage")
    await make.click()
    shown = office.sheet("The secret of this webhook")
    secret = await shown.get_by_label("Secret", exact=True).inner_text()
    assert secret.startswith("whsec_")
    await shown.get_by_role("button", name="I have copied it").click()
    await expect(shown).to_have_count(0)
    assert secret not in await office.panel.inner_text()
    await office.page.reload()
    await office.settled()
    assert secret not in await office.page.content()

    entry = section.get_by_role("button", name=re.compile("93.184.216.34"))
    if await entry.count():
        await entry.click()
    await section.get_by_role("button", name="More").click()
    await section.get_by_role("menuitem", name="Remove").click()
    await office.panel.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    await expect(section.get_by_role("button", name="Add a webhook")).to_be_visible()


async def test_comparisons_show_what_was_captured(office: Office) -> None:
    section = await office.goto(section="reconciliation")
    for name in ("Keys", "Broadcast", "Days"):
        await section.get_by_role("tab", name=re.compile(name)).click()
        await office.settled()
        await expect(section.get_by_role("tabpanel")).to_be_visible()
        await expect(section.get_by_role("alert")).to_have_count(0)


async def test_the_meter_tests_itself(office: Office) -> None:
    section = await office.goto(section="health", tab="tests")
    await section.get_by_role("button", name="Start the test").click()
    arrived = section.get_by_text("The call arrived everywhere it has to")
    confirm = section.get_by_role("button", name="Make the call")
    await expect(arrived.or_(confirm)).to_be_visible()
    if await confirm.is_visible():
        await confirm.click()
    await expect(arrived).to_be_visible()


async def test_a_setting_is_refused_at_its_field(office: Office) -> None:
    section = await office.goto(section="settings")
    markup = section.get_by_role("textbox", name="Default markup")
    before = await markup.input_value()
    prices = section.get_by_role("form").filter(has=office.page.get_by_label("Default markup"))
    await markup.fill("thrice")
    await prices.get_by_role("button", name="Save").click()
    await expect(markup).to_have_attribute("aria-invalid", "true")
    await office.page.reload()
    await expect(markup).to_have_value(before)

    await markup.fill("1.45")
    await prices.get_by_role("button", name="Save").click()
    await expect(prices.get_by_role("button", name="Save")).to_have_count(0)
    await office.page.reload()
    await expect(markup).to_have_value("1.45")
    section = await office.open("Audit")
    await expect(section.get_by_role("listitem").first).to_contain_text("1.45")
    section = await office.open("Settings")
    await section.get_by_role("button", name=re.compile("Remove .*Default markup")).click()
    await expect(markup).to_have_value(before)

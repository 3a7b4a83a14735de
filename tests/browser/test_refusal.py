"""A person whose organization has used up its month reads why in the chat, and goes on after."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, expect

from mai_usage_ext.demo.person import Person
from tests.browser.conftest import Window
from tests.browser.test_tab import follow_ups, sign_in
from tests.host.audit import Audit, until
from tests.host.logs import our_errors
from tests.host.reseller import Reseller
from tests.host.theatre import ADMIN, CHEAP, Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]

# One search costs 0.01 USD: a call with so many is billed at 5.20 USD and something.
SEARCHES = 400
BACKGROUND = "background tasks refused by a limit"
CALLS = "calls refused by a limit"

# Toasts go away by themselves, so a look now and then would miss some.
NOTE_TOASTS = """
window.errorToasts = [];
const noted = new WeakSet();
new MutationObserver(() => {
  for (const toast of document.querySelectorAll('[data-sonner-toast][data-type=error]')) {
    if (!noted.has(toast)) window.errorToasts.push(toast.innerText.trim());
    noted.add(toast);
  }
}).observe(document, {subtree: true, childList: true});
"""


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def reseller(theatre: Theatre, session: aiohttp.ClientSession) -> AsyncIterator[Reseller]:
    ada = Reseller(theatre.metered, theatre.person(session, theatre.metered, ADMIN))
    async with ada.patience():
        yield ada


@pytest.fixture
async def press(theatre: Theatre, reseller: Reseller) -> AsyncIterator[dict[str, Any]]:
    """Greta's organization, which has spent its 5 USD of this month."""
    made = await reseller.client(
        "Harbour Press", timezone="Europe/Warsaw", markup_rate="1.3", monthly_limit="5"
    )
    greta = theatre.people["Greta"].account
    body = {"user_id": greta.id, "client_org_id": made["id"]}
    await reseller.ask("POST", "/user-mappings", body, expect=201)
    audit = Audit(theatre.simulator, reseller.host)
    await one_dear_call(theatre)
    person = Person(reseller.session, reseller.host.url, token=greta.token, model=CHEAP)
    assert (await person.chat("Find everything about ink")).status == 200
    await audit.settled(1)
    yield made
    theatre.simulator.service.panel.reset()


async def one_dear_call(theatre: Theatre) -> None:
    """The next call costs more than five dollars."""
    theatre.simulator.switch(web_search=SEARCHES, times=1)


async def send(page: Page, text: str) -> None:
    await page.locator("#chat-input").click()
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")


async def refusals(reseller: Reseller) -> tuple[int, int]:
    """How many tasks were refused so far, and how many other calls."""
    counts = await reseller.counts()
    return counts.get(BACKGROUND, 0), counts.get(CALLS, 0)


async def titles(page: Page) -> list[str]:
    """The chats that the side bar lists."""
    # The second names are those of 0.6.18.
    await page.get_by_label("Open Sidebar").or_(page.get_by_label("Toggle Sidebar")).first.click()
    items = page.locator("#sidebar-chat-item, a[href^='/c/']")
    await expect(items.first).to_be_visible()
    return [name.strip() for name in await items.all_inner_texts()]


async def test_a_full_organization_is_told_so_and_goes_on_once_its_limit_is_raised(
    theatre: Theatre,
    press: dict[str, Any],
    reseller: Reseller,
    window: Window,
    pictures: Path,
) -> None:
    page, host = window.page, theatre.metered
    asks_on = theatre.dialect.asks_on_after_a_refusal
    audit, logged, before = (
        Audit(theatre.simulator, host),
        len(host.log_text()),
        await refusals(reseller),
    )
    await page.add_init_script(NOTE_TOASTS)
    await sign_in(page, host, name="Greta")

    await send(page, "What do printers call the last page?")
    # A toast says it too, in passing.
    refusal = page.locator("#messages-container").get_by_text("Harbour Press: The monthly limit")
    await expect(refusal).to_have_count(1)
    text = await refusal.inner_text()
    assert "$5.20 spent" in text
    assert re.search(r"starts anew on 20\d\d-\d\d-01 \(Europe/Warsaw\)", text)
    await page.screenshot(path=pictures / "refusal.png")

    # Its title was refused too, if it was asked for, and nobody has to hear of that.
    async def both_refused() -> bool:
        tasks, calls = await refusals(reseller)
        return (tasks > before[0] or not asks_on) and calls > before[1]

    await until(both_refused, lambda: "a chat and a task refused")
    assert await audit.bill() == {}
    assert audit.holds() == []

    await reseller.change(press, monthly_limit="10")
    if asks_on:
        await send(page, "And the first one?")
    else:
        await page.get_by_label("Regenerate").last.click()
    await expect(follow_ups(page)).to_be_visible()
    # An answer made anew takes the place of the refusal.
    await expect(refusal).to_have_count(1 if asks_on else 0)
    await page.screenshot(path=pictures / "refusal-raised.png")
    bill: Any = await audit.bill()
    entries = await audit.settled(len(bill))
    assert "chat" in {entry.purpose for entry in entries}
    assert {entry.organization_id for entry in entries} == {press["id"]}

    # The last call that fits: it is answered, and only its follow-ups are refused.
    between = await refusals(reseller)
    await one_dear_call(theatre)
    await send(page, "What holds the pages together?")

    async def tasks_refused() -> bool:
        return (await refusals(reseller))[0] > between[0]

    await until(tasks_refused, lambda: "refused follow-ups")
    await audit.settled(len(bill) + 1)
    assert (await refusals(reseller))[1] == between[1]
    assert await titles(page) != []
    await page.screenshot(path=pictures / "refusal-of-tasks.png")
    await expect(refusal).to_have_count(1 if asks_on else 0)
    # What the host shows in the chat it also says in passing; of its tasks it says nothing.
    assert await page.evaluate("window.errorToasts") == [text.strip()]
    assert our_errors(host.log_text()[logged:]) == []
    spent = sum(entry.billed_pusd for entry in audit.entries())
    assert Decimal(spent).scaleb(-12) > Decimal(5)
    if not asks_on:
        # The one call that was refused, as the browser hears of it.
        [*others, status] = sorted(window.complaints, reverse=True)
        assert (len(others), status) == (1, f"400: {host.url}/api/chat/completions")
        window.complaints.clear()

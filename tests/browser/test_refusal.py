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
from mai_usage_ext.ports import SYSTEM, OrganizationRecord
from tests.browser.conftest import Window
from tests.browser.test_tab import sign_in
from tests.host.audit import Audit, until
from tests.host.logs import our_errors
from tests.host.theatre import Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]

# One search costs 0.01 USD: a call with so many is billed at 5.20 USD and something.
SEARCHES = 400
OURS = "/api/v1/client_organizations"
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
def admin(theatre: Theatre, session: aiohttp.ClientSession) -> Person:
    return theatre.person(session, theatre.metered, "Ada")


@pytest.fixture
async def press(
    theatre: Theatre, session: aiohttp.ClientSession
) -> AsyncIterator[OrganizationRecord]:
    """Greta's organization, which has spent its 5 USD of this month."""
    host = theatre.metered
    with theatre.workbench(host) as workbench:
        made = workbench.organizations.create(
            {
                "name": "Harbour Press",
                "timezone": "Europe/Warsaw",
                "markup_rate": "1.3",
                "monthly_limit": "5",
            },
            actor=SYSTEM,
        )
        workbench.members.assign(theatre.people["Greta"].account.id, made.id, actor=SYSTEM)
    audit = Audit(theatre.simulator, host)
    await one_dear_call(theatre)
    answer = await theatre.person(session, host, "Greta").chat("Find everything about ink")
    assert answer.status == 200
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


async def counts(admin: Person) -> dict[str, int]:
    found: dict[str, int] = (await admin.get(OURS + "/health")).json()["counts"]
    return {name: found.get(name, 0) for name in (BACKGROUND, CALLS)}


async def set_limit(admin: Person, client: OrganizationRecord, usd: str) -> None:
    body = {"monthly_limit": usd}
    answer = await admin.request("PATCH", f"{OURS}/clients/{client.id}", body)
    assert answer.status == 200, answer.text
    assert answer.json()["client"]["monthly_limit"] == usd


async def titles(page: Page) -> list[str]:
    """The chats that the side bar lists."""
    await page.get_by_label("Open Sidebar").first.click()
    await expect(page.locator("#sidebar-chat-item").first).to_be_visible()
    return [name.strip() for name in await page.locator("#sidebar-chat-item").all_inner_texts()]


async def test_a_full_organization_is_told_so_and_goes_on_once_its_limit_is_raised(
    theatre: Theatre,
    press: OrganizationRecord,
    admin: Person,
    window: Window,
    pictures: Path,
) -> None:
    page, host = window.page, theatre.metered
    audit, logged, before = (
        Audit(theatre.simulator, host),
        len(host.log_text()),
        await counts(admin),
    )
    await page.add_init_script(NOTE_TOASTS)
    await sign_in(page, host, name="Greta")

    await send(page, "What do printers call the last page?")
    # A toast says it too, in passing.
    refusal = page.locator("#messages-container").get_by_text("Harbour Press: The monthly limit")
    await expect(refusal).to_have_count(1)
    text = await refusal.inner_text()
    assert "$5.20 spent" in text
    assert re.search(r"starts anew after 20\d\d-\d\d-(28|29|30|31) \(Europe/Warsaw\)", text)
    await page.screenshot(path=pictures / "refusal.png")

    # Its title was refused too, and nobody has to hear of that.
    async def both_refused() -> bool:
        now = await counts(admin)
        return now[BACKGROUND] > before[BACKGROUND] and now[CALLS] > before[CALLS]

    await until(both_refused, lambda: "a chat and a task refused")
    assert await audit.bill() == {}
    assert audit.holds() == []

    await set_limit(admin, press, "10")
    await send(page, "And the first one?")
    follow_up = page.get_by_role("button", name=re.compile("^Follow up:")).first
    await expect(follow_up).to_be_visible()
    await expect(refusal).to_have_count(1)
    await page.screenshot(path=pictures / "refusal-raised.png")
    bill: Any = await audit.bill()
    entries = await audit.settled(len(bill))
    assert "chat" in {entry.purpose for entry in entries}
    assert {entry.organization_id for entry in entries} == {press.id}

    # The last call that fits: it is answered, and only its follow-ups are refused.
    between = await counts(admin)
    await one_dear_call(theatre)
    await send(page, "What holds the pages together?")

    async def tasks_refused() -> bool:
        return (await counts(admin))[BACKGROUND] > between[BACKGROUND]

    await until(tasks_refused, lambda: "refused follow-ups")
    await audit.settled(len(bill) + 1)
    assert (await counts(admin))[CALLS] == between[CALLS]
    assert await titles(page) != []
    await page.screenshot(path=pictures / "refusal-of-tasks.png")
    await expect(refusal).to_have_count(1)
    # What the host shows in the chat it also says in passing; of its tasks it says nothing.
    assert await page.evaluate("window.errorToasts") == [text.strip()]
    assert our_errors(host.log_text()[logged:]) == []
    spent = sum(entry.billed_pusd for entry in audit.entries())
    assert Decimal(spent).scaleb(-12) > Decimal(5)

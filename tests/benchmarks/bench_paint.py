"""Milliseconds from a click on our tab to its figures, beside the host's own General tab.

A real Open WebUI in a real Chromium, on whose books is a reseller's year. Both tabs are opened in
turns from a third one, in a page that was just loaded and again in the same page, and each time
ends with the first frame in which the figures, or the host's controls, stand in the page.
Run it with ``python -m tests.benchmarks paint``.
"""

import asyncio
import statistics
from dataclasses import dataclass, field

from playwright.async_api import Page, async_playwright, expect

from mai_usage_ext.demo.host_process import HostProcess
from tests.benchmarks.figures import Arguments, at_most
from tests.browser.reader import sign_in
from tests.browser.showcase import set_up
from tests.browser.test_mounts import PERSONAL, Visitor
from tests.host.theatre import NOBODY_BY_DEFAULT, Theatre, borrowed_theatre
from tests.workshop import chromium

__all__ = ["main"]

ROUNDS = 9
RATIO = 2.0
READER, ELSEWHERE = "Anna", "About"

# Clicks, and answers when there is a frame with what ``shows`` finds; in milliseconds.
OPEN = """async ([name, shows]) => {
  const find = new Function(`return ${shows}`);
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const tabs = [...document.querySelectorAll('#settings-tabs-container [role=tab]')];
  const tab = tabs.find((each) => each.textContent.trim() === name);
  const started = performance.now();
  tab.click();
  while (!find()) await frame();
  // The frame after the one that was being made: what was found is on the screen.
  await frame();
  return performance.now() - started;
}"""


@dataclass(kw_only=True)
class Tab:
    """``shows`` is JavaScript for what the reader waits for."""

    name: str
    shows: str
    fresh: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)


def tabs() -> tuple[Tab, Tab]:
    ours = "document.querySelector('mai-organization-usage')?.shadowRoot"
    hosts = "document.querySelector('#settings-tabs-container + *')"
    return (
        Tab(name=PERSONAL, shows=f"{ours}?.querySelector('dl .card .value')"),
        Tab(name="General", shows=f"{hosts}?.querySelector('select')?.offsetHeight"),
    )


async def measure(visitor: Visitor, ours: Tab, general: Tab) -> None:
    page = visitor.page
    for number in range(ROUNDS):
        await page.reload()
        await visitor.open_settings()
        turns = (ours, general) if number % 2 else (general, ours)
        for tab in turns:
            tab.fresh.append(await _open(page, tab))
        for tab in turns:
            tab.again.append(await _open(page, tab))


async def _open(page: Page, tab: Tab) -> float:
    await page.get_by_role("tab", name=ELSEWHERE, exact=True).click()
    await expect(page.locator("mai-organization-usage")).to_have_count(0)
    # What was opened before is done with its own work.
    await page.evaluate("new Promise((done) => requestIdleCallback(done, {timeout: 5000}))")
    took: float = await page.evaluate(OPEN, [tab.name, tab.shows])
    return took


def report(ours: Tab, general: Tab) -> None:
    for title, mine, theirs in (
        ("in a page just loaded", ours.fresh, general.fresh),
        ("again in the same page", ours.again, general.again),
    ):
        mine_ms, theirs_ms = statistics.median(mine), statistics.median(theirs)
        ratio = mine_ms / theirs_ms
        print(
            f"{title:<24} {PERSONAL} {mine_ms:6.0f} ms   General {theirs_ms:6.0f} ms"
            f"   ratio {ratio:.2f} {at_most(ratio, RATIO)}"
        )


async def _run(theatre: Theatre, host: HostProcess) -> None:
    ours, general = tabs()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(chromium.find_chromium()), args=chromium.launch_arguments()
        )
        page = await browser.new_page(viewport={"width": 1280, "height": 860}, locale="en-US")
        visitor = await sign_in(theatre, page, host, READER)
        await measure(visitor, ours, general)
        await browser.close()
    report(ours, general)


def main(arguments: Arguments = ()) -> None:
    with borrowed_theatre() as theatre:
        host = theatre.host("showcase", environment=NOBODY_BY_DEFAULT)
        with theatre.workbench(host) as workbench:
            booked = set_up(theatre, host, workbench)
        calls = sum(len(entries) for entries in booked.entries.values())
        print(f"{calls:,} calls in a year, {ROUNDS} pages, medians", flush=True)
        asyncio.run(_run(theatre, host))


if __name__ == "__main__":
    main()

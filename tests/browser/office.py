"""The reseller's panel in a browser: where it is opened, and how one gets about in it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from playwright.async_api import Locator, Page, expect

from mai_usage_ext.api.usage import PREFIX
from mai_usage_ext.demo.host_process import HostProcess
from tests.browser.test_mounts import enter
from tests.host.theatre import ADMIN, Theatre

__all__ = ["SECTIONS", "WAITING", "Office", "Sums", "last_month", "open_office", "this_month"]

SECTIONS = (
    "Overview",
    "Organizations",
    "Billing",
    "Alerts",
    "Webhooks",
    "Reconciliation",
    "Health",
    "Audit",
    "Settings",
)

# Whatever is being loaded, and what stands in its place until then.
WAITING = "[aria-busy=true], [role=status][data-shape]"

_AXE = Path(__file__).resolve().parents[2] / "svelte_components/node_modules/axe-core/axe.min.js"
_LOOK_FOR_VIOLATIONS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.flat().join(' ')}: ${failureSummary}`),
  );
}"""  # noqa: E501


@dataclass(frozen=True, slots=True)
class Office:
    """The panel of an admin who is signed in."""

    page: Page
    host: HostProcess

    @property
    def panel(self) -> Locator:
        return self.page.locator("mai-usage-admin")

    async def goto(self, **place: str) -> Locator:
        """A place in the panel on our own page, as a link leads there."""
        query = urlencode({"usage-admin": urlencode(place)}) if place else ""
        address = f"{self.host.url}{PREFIX}/ui/?{query}#administration"
        if self.page.url == address:
            await self.page.reload()
        else:
            await self.page.goto(address)
        return await self.settled()

    async def goto_settings(self) -> Locator:
        """Among the host's own settings, by the address that each version understands."""
        await self.page.goto(self.host.url + "/admin/settings/organization-usage")
        await expect(self.panel).to_be_visible(timeout=40_000)
        return await self.settled()

    async def open(self, section: str) -> Locator:
        entry = self.panel.get_by_role("navigation").get_by_role("button", name=section, exact=True)
        await entry.click()
        await expect(entry).to_have_attribute("aria-current", "page")
        return await self.settled()

    async def settled(self) -> Locator:
        """The open section, once nothing in it waits any more."""
        region = self.panel.locator("section[tabindex='-1']")
        await expect(region).to_be_visible()
        await expect(region.locator("h2 ~ *").first).to_be_attached()
        await expect(self.panel.locator(WAITING)).to_have_count(0)
        return region

    def sheet(self, title: str) -> Locator:
        return self.panel.get_by_role("dialog", name=title, exact=True)

    def question(self, title: str) -> Locator:
        return self.panel.get_by_role("alertdialog", name=title, exact=True)

    def told(self, text: str) -> Locator:
        """What a toast says; names in it are kept apart by marks that nobody sees."""
        pattern = "[\u2068\u2069]*".join(map(re.escape, text))
        return self.panel.get_by_role("log").get_by_text(re.compile(pattern))

    async def violations(self) -> list[str]:
        """What axe-core finds in the page as it stands."""
        await self.page.evaluate(_AXE.read_text())
        found: list[str] = await self.page.evaluate(_LOOK_FOR_VIOLATIONS)
        return found


async def open_office(theatre: Theatre, page: Page, host: HostProcess) -> Office:
    """Signed in as the admin, still at no page."""
    await enter(theatre, page, ADMIN, host)
    return Office(page, host)


@dataclass(frozen=True, slots=True)
class Sums:
    """What the ledger says of a month, in picodollars."""

    billed: int
    raw: int
    requests: int

    @classmethod
    def of(cls, host: HostProcess, month: str) -> Sums:
        address = f"file:{host.usage_database}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return cls(
                *connection.execute(
                    "SELECT SUM(billed_pusd), SUM(raw_pusd), COUNT(*) FROM usage_ledger"
                    " WHERE substr(day, 1, 7) = ?",
                    (month,),
                ).fetchone()
            )


def this_month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"


def last_month() -> str:
    first = datetime.now(UTC).replace(day=1)
    return f"{first - timedelta(days=1):%Y-%m}"

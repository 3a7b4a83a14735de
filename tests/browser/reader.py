"""Somebody who reads the usage in the host's settings, and what they ought to read there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from playwright.async_api import Locator, Page, expect

from mai_usage_ext.demo.host_process import HostProcess
from mai_usage_ext.metering.days import billing_day
from mai_usage_ext.ports import LedgerEntry
from tests.browser.showcase import CLIENTS, Showcase
from tests.browser.test_mounts import Visitor, enter
from tests.host.theatre import Theatre

__all__ = [
    "Books",
    "billed",
    "choose",
    "figure",
    "money",
    "open_part",
    "open_usage",
    "sign_in",
    "table",
    "tokens",
]


async def sign_in(theatre: Theatre, page: Page, host: HostProcess, name: str) -> Visitor:
    """At the host's first page, with whatever this browser remembered of it."""
    visitor = await enter(theatre, page, name, host)
    await visitor.goto()
    return visitor


async def open_usage(visitor: Visitor) -> Locator:
    """The element among the host's settings, once it has figures."""
    await visitor.open_settings()
    await visitor.tab("Organization usage").click()
    panel = visitor.personal
    await expect(panel.locator("header").get_by_text("Last updated")).to_be_visible()
    return panel


async def open_part(panel: Locator, name: str) -> Locator:
    """One of the element's own tabs; answers its panel."""
    await panel.get_by_role("tab", name=name, exact=True).click()
    part = panel.get_by_role("tabpanel", name=name, exact=True)
    await expect(part).to_be_visible()
    await expect(part.locator("[aria-busy=true]")).to_have_count(0)
    return part


async def choose(panel: Locator, period: str) -> None:
    await panel.get_by_role("combobox", name="Period", exact=True).select_option(period)


def figure(panel: Locator, label: str) -> Locator:
    """The value of a metric within what is open."""
    metric = panel.locator("dl:visible").filter(has=panel.page.get_by_text(label, exact=True))
    return metric.locator("dd .value").first


def table(part: Locator, caption: str) -> Locator:
    return part.get_by_role("table", name=caption, exact=True)


@dataclass(frozen=True, slots=True)
class Books:
    """The booked calls of one organization; ``today`` is its own day."""

    entries: list[LedgerEntry]
    today: date

    @classmethod
    def of(cls, showcase: Showcase, name: str) -> Books:
        [zone] = [client.timezone for client in CLIENTS if client.name == name]
        now_ms = int(datetime.now(UTC).timestamp()) * 1000
        return cls(showcase.entries[name], billing_day(now_ms, zone))

    def days_back(self, days: int) -> date:
        return self.today - timedelta(days=days)

    def between(
        self, first: date, last: date, *, user: str | None = None, model: str | None = None
    ) -> list[LedgerEntry]:
        return [
            entry
            for entry in self.entries
            if first <= entry.day <= last
            and user in (None, entry.user_id)
            and model in (None, entry.model)
        ]

    def last(self, days: int, **only: str) -> list[LedgerEntry]:
        return self.between(self.days_back(days - 1), self.today, **only)


def billed(entries: Iterable[LedgerEntry]) -> str:
    """As the page writes it."""
    return money(sum(entry.billed_pusd for entry in entries))


def tokens(entries: Iterable[LedgerEntry]) -> str:
    return f"{sum(entry.prompt_tokens + entry.completion_tokens for entry in entries):,}"


def money(pusd: int) -> str:
    """Cents from one cent on, else six decimals; halves are rounded away from zero."""
    dollars = Decimal(pusd).scaleb(-12)
    digits = Decimal("0.01") if dollars >= Decimal("0.01") or pusd == 0 else Decimal("0.000001")
    return f"${dollars.quantize(digits, ROUND_HALF_UP):,}"

"""Builds the gallery and draws its stories, one at a time, without any server."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, Route, sync_playwright

from tests.workshop import chromium
from tests.workshop.shell import ROOT, run

__all__ = ["AXE", "LOOKS", "Look", "Studio", "build", "studio"]

_BUILT = ROOT / ".gallery"
_ORIGIN = "http://gallery.invalid"
_HEIGHT = 800

AXE = ROOT / "svelte_components" / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a story is drawn; ``width`` in CSS pixels."""

    theme: Literal["light", "dark"]
    language: str
    width: int

    @property
    def name(self) -> str:
        return f"{self.theme}-{self.language[:2]}-{'phone' if self.width < 500 else 'desktop'}"


LOOKS = [
    Look(theme=theme, language=language, width=width)
    for width in (1024, 390)
    for language in ("en-US", "pl-PL")
    for theme in ("light", "dark")
]


def build() -> None:
    """Builds the pages anew; a story that does not compile fails here."""
    run(["npm", "--silent", "run", "gallery"], cwd=ROOT / "svelte_components")


@dataclass(frozen=True)
class Studio:
    page: Page
    complaints: list[str]

    @property
    def stories(self) -> list[str]:
        ids: list[str] = self.page.evaluate("window.gallery.ids")
        return ids

    def show(self, story: str, look: Look) -> None:
        self.page.set_viewport_size({"width": look.width, "height": _HEIGHT})
        self.page.evaluate(
            "([id, theme, language]) => window.gallery.show(id, {theme, language})",
            [story, look.theme, look.language],
        )

    def take(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, full_page=True)


@contextmanager
def studio() -> Iterator[Studio]:
    """A page that shows nothing yet. What its console says in anger is kept in ``complaints``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium.find_chromium()), args=chromium.launch_arguments()
        )
        # Motion would make pictures differ, and a state is what a motion ends in.
        context = browser.new_context(reduced_motion="reduce", timezone_id="Europe/Warsaw")
        context.route("**/*", _serve)
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        # Ages and "today" are counted from here.
        page.clock.set_fixed_time("2026-11-24T11:00:00Z")
        page.goto(f"{_ORIGIN}/gallery.html")
        page.wait_for_function("window.gallery")
        yield Studio(page, complaints)
        browser.close()


def _serve(route: Route) -> None:
    name = route.request.url.removeprefix(f"{_ORIGIN}/").partition("?")[0].partition("#")[0]
    path = _BUILT / name
    if not route.request.url.startswith(_ORIGIN) or not path.is_file():
        route.fulfill(status=404, body="")
        return
    kind, _ = mimetypes.guess_type(name)
    route.fulfill(body=path.read_bytes(), content_type=kind or "application/octet-stream")

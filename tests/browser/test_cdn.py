"""Files from a CDN: fetched from there, and never run when somebody has changed them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from mai_usage_ext.api.built_files import BuiltFiles
from mai_usage_ext.api.usage import PREFIX
from mai_usage_ext.cli import main
from mai_usage_ext.demo.host_process import HostProcess
from tests.browser.conftest import Window
from tests.browser.test_tab import open_empty_tab, sign_in
from tests.host.theatre import Theatre

pytestmark = [pytest.mark.host, pytest.mark.browser]

BUILT = BuiltFiles.open()
MODULES = BUILT.modules()
POLISH = next(name for name in MODULES if name.startswith("tab-"))
EVIL = b"\nglobalThis.tampered = true;\n"


class _Files(SimpleHTTPRequestHandler):
    """What a CDN adds to a folder of files."""

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *_args: Any) -> None:
        """Not on a test's standard error."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that is closed breaks off what it was fetching."""


@dataclass
class Cdn:
    folder: Path
    url: str

    def tamper(self, name: str) -> None:
        """Somebody else's code behind a file of ours."""
        (self.folder / name).write_bytes(BUILT.read(name) + EVIL)

    def repair(self) -> None:
        assert main(["assets", "--to", str(self.folder)]) == 0


@pytest.fixture(scope="session")
def static_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cdn]:
    folder = tmp_path_factory.mktemp("cdn")
    server = _Server(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Cdn(folder, f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cdn(static_server: Cdn) -> Cdn:
    static_server.repair()
    return static_server


@pytest.fixture(scope="session")
def languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("languages")
    (folder / "de.json").write_text('{"loader.tab": "Verbrauch", "page.title": "Abrechnung <b>"}')
    return folder


@pytest.fixture
def host(theatre: Theatre, static_server: Cdn, languages: Path) -> HostProcess:
    """Its pages fetch our files from the CDN; one more language was dropped in."""
    return theatre.host(
        "elsewhere",
        environment={
            "MAI_USAGE_ASSET_URL": static_server.url,
            "MAI_USAGE_LOCALES_DIR": str(languages),
        },
    )


async def open_page(page: Page, host: HostProcess, theatre: Theatre, *, locale: str) -> None:
    token = theatre.people["Frida"].account.token
    await page.add_init_script(f"localStorage.token = {token!r}; localStorage.locale = {locale!r}")
    await page.goto(f"{host.url}{PREFIX}/ui/")


def asked(page: Page) -> list[str]:
    """The addresses of the modules that the page has fetched."""
    found: list[str] = []
    page.on(
        "request",
        lambda request: found.append(request.url) if request.url.endswith(".js") else None,
    )
    return found


async def is_tampered(page: Page) -> bool:
    return bool(await page.evaluate("'tampered' in globalThis"))


async def test_modules_come_from_the_cdn(
    host: HostProcess, theatre: Theatre, cdn: Cdn, window: Window
) -> None:
    addresses = asked(window.page)
    await open_page(window.page, host, theatre, locale="pl-PL")
    await expect(window.page.locator("mai-organization-usage")).to_be_visible()
    elsewhere = {url.removeprefix(cdn.url) for url in addresses if url.startswith(cdn.url)}
    wanted = {name for name, _hash in MODULES["organization-usage"]} | {POLISH}
    assert wanted <= elsewhere
    # Each is fetched once: what is preloaded is what is run.
    assert len(addresses) == len(set(addresses))
    assert not any(name in elsewhere for name, _hash in MODULES["admin"][:1])


@pytest.mark.parametrize("index", [0, -1], ids=["the entry", "what it imports"])
async def test_a_file_that_was_tampered_with_is_not_run_by_the_page(
    host: HostProcess, theatre: Theatre, cdn: Cdn, window: Window, index: int
) -> None:
    page = window.page
    cdn.tamper(MODULES["organization-usage"][index][0])
    await open_page(page, host, theatre, locale="en-US")
    await expect(page.get_by_text("This page could not be loaded.")).to_be_visible()
    assert not await is_tampered(page)
    assert await page.evaluate("customElements.get('mai-organization-usage') === undefined")

    # Asking again does not bring it in by a side door, and helps once it is what was built.
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("This page could not be loaded.")).to_be_visible()
    assert not await is_tampered(page)
    assert any("integrity" in complaint for complaint in window.complaints)
    window.complaints.clear()


async def test_a_language_that_was_tampered_with_is_not_run_either(
    host: HostProcess, theatre: Theatre, cdn: Cdn, window: Window
) -> None:
    page = window.page
    cdn.tamper(POLISH)
    await open_page(page, host, theatre, locale="pl-PL")
    # It then speaks English.
    await expect(page.locator("mai-organization-usage .theme")).to_be_visible()
    assert not await is_tampered(page)
    assert any("integrity" in complaint for complaint in window.complaints)
    window.complaints.clear()


async def test_nor_does_the_tab_run_it(
    host: HostProcess, cdn: Cdn, window: Window, pictures: Path
) -> None:
    page = window.page
    cdn.tamper(MODULES["organization-usage"][-1][0])
    await sign_in(page, host)
    await open_empty_tab(page)
    await expect(page.get_by_text("could not be loaded")).to_be_visible()
    await page.screenshot(path=pictures / "tab-tampered.png")
    assert not await is_tampered(page)
    assert any("integrity" in complaint for complaint in window.complaints)
    window.complaints.clear()


async def test_a_language_that_was_dropped_in_is_spoken_and_its_markup_is_text(
    host: HostProcess, theatre: Theatre, cdn: Cdn, window: Window
) -> None:
    page = window.page
    await open_page(page, host, theatre, locale="de-AT")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Abrechnung <b>")
    assert await page.locator("h1 b").count() == 0
    await expect(page.locator("mai-organization-usage")).to_be_visible()

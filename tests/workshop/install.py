"""Prepares a bare machine for `make test` and `make demo`; quick when everything is there.

    python3 tests/workshop/install.py [--python PATH] [PART …]

Needs Python 3.11 or 3.12, Node 20.19 or newer, and git; standard library only. Everything it
makes lies in this folder: `.venv`, `.venv-0.6.18`, `.tools` and two `node_modules`.
"""

from __future__ import annotations

import argparse
import fcntl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

if not __package__:
    # Started by its path, Python looks for modules beside this file instead of in the checkout.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.workshop import chromium, stamps
from tests.workshop.hosts import NEWEST, OLDEST, Host
from tests.workshop.mutation import ENVIRONMENT
from tests.workshop.packages import Installer, python_of
from tests.workshop.shell import ROOT, TOOLS, WorkshopError, fail, output_of, run, say, step
from tests.workshop.toolchain import find_node, find_python

COMPONENT = ROOT / "svelte_components"
OFFICIAL_CLIENT = ROOT / "tests" / "simulator" / "node"


def install_host(host: Host, extension: str, wanted: str | None) -> None:
    """The slim host, and the extension editable beside it, in one virtual environment."""
    inputs = [ROOT / "setup.cfg", ROOT / "pyproject.toml", Path(__file__).with_name("hosts.py")]
    expected = stamps.digest(files=inputs, words=[extension])
    works = output_of([python_of(host.folder), "-c", "import open_webui"]) is not None
    if works and stamps.is_current(host.folder, expected):
        return
    installer = Installer(find_python(wanted))
    with step(f"{host.folder.name}: Open WebUI {host.version} (slim) and us, by {installer.name}"):
        installer.make_environment(host.folder)
        installer.install(host.folder, ["--no-deps", f"open-webui=={host.version}"])
        # One resolution for both, so that ours bends to what the host pins.
        installer.install(host.folder, [*host.requirements(), "-e", extension])
    stamps.put(host.folder, expected)


def install_mutation(wanted: str | None) -> None:
    """The mutation tester, and of ours what it changes."""
    expected = stamps.digest(files=[ROOT / "setup.cfg"])
    if stamps.is_current(ENVIRONMENT, expected):
        return
    installer = Installer(find_python(wanted))
    with step(f"{ENVIRONMENT.relative_to(ROOT)}: mutmut and us, by {installer.name}"):
        installer.make_environment(ENVIRONMENT)
        installer.install(ENVIRONMENT, ["-e", f"{ROOT}[mutation]"])
    stamps.put(ENVIRONMENT, expected)


def install_node_modules(folder: Path) -> None:
    """`npm ci` in a folder with a lock file."""
    lock = folder / "package-lock.json"
    node = find_node()
    if not lock.is_file():
        raise WorkshopError(f"{lock} is missing")
    modules = folder / "node_modules"
    expected = stamps.digest(files=[folder / "package.json", lock], words=[node.split(".")[0]])
    if stamps.is_current(modules, expected):
        return
    with step(f"{folder.relative_to(ROOT)}: npm ci"):
        run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder)
    modules.mkdir(exist_ok=True)
    stamps.put(modules, expected)


# Made when it is named; `make test` does without.
_EXTRA = ("mutation",)


def parts(wanted: str | None) -> dict[str, Callable[[], object]]:
    """The installable parts by name, in the order in which they are made."""
    return {
        "host": lambda: install_host(NEWEST, f"{ROOT}[test]", wanted),
        "oldest-host": lambda: install_host(OLDEST, str(ROOT), wanted),
        "component": lambda: install_node_modules(COMPONENT),
        "official-client": lambda: install_node_modules(OFFICIAL_CLIENT),
        "chromium": chromium.ensure_chromium,
        "mutation": lambda: install_mutation(wanted),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Install the named parts, or all; 0 when they are there, 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="install.py", description=__doc__.splitlines()[0])
    parser.add_argument("--python", help="use this interpreter and no other")
    parser.add_argument("part", nargs="*", help="one of: " + ", ".join(parts(None)))
    options = parser.parse_args(arguments)
    available = parts(options.python)
    unknown = [name for name in options.part if name not in available]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; there are: {', '.join(available)}")
    TOOLS.mkdir(exist_ok=True)
    try:
        find_python(options.python)
        find_node()
        # Two `make` at once must not install into the same folders at once.
        with (TOOLS / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in options.part or (name for name in available if name not in _EXTRA):
                available[name]()
    except WorkshopError as error:
        return fail(error)
    say("  ✓ everything is installed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Finds what a bare machine must bring: Python 3.11 or 3.12, and Node from 20.19 on."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.workshop.shell import WorkshopError, output_of

# Open WebUI asks for Python >= 3.11, < 3.13, and we live in its environment.
PYTHONS = ((3, 11), (3, 12))
# Vite 7 asks for Node 20.19.
NODE = (20, 19)

# The base executable: a virtual environment must not be made from another one, nor from a shim.
_ASK = "import sys; print(*sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"


def python_candidates() -> Iterator[str]:
    """The running interpreter first, then those on PATH, then pyenv's, newest patch first."""
    yield sys.executable
    for name in ("python3.11", "python3.12", "python3", "python"):
        found = shutil.which(name)
        if found:
            yield found
    versions = Path.home() / ".pyenv" / "versions"
    for pattern in ("3.11*/bin/python", "3.12*/bin/python"):
        yield from map(str, sorted(versions.glob(pattern), reverse=True))


def find_python(wanted: str | None = None) -> Path:
    """The executable of a Python 3.11 or 3.12.

    `wanted` is the only one considered when it is given.

    Raises:
        WorkshopError: none fits; the text lists what was found.
    """
    seen: dict[str, str] = {}
    for candidate in [wanted] if wanted else python_candidates():
        answer = output_of([candidate, "-c", _ASK])
        if answer is None:
            seen[candidate] = "does not start"
            continue
        major, minor, executable = answer.split(" ", 2)
        if (int(major), int(minor)) in PYTHONS:
            return Path(executable)
        seen[candidate] = f"{major}.{minor}"
    found = ", ".join(f"{path} ({version})" for path, version in seen.items())
    raise WorkshopError(
        "Python 3.11 or 3.12 is needed, because Open WebUI runs on these only. "
        f"Found: {found}. Install one, for example with `apt-get install python3.11` or pyenv."
    )


def find_node() -> str:
    """The version of the `node` on PATH, such as "20.19.4"; `npm` is there too.

    Raises:
        WorkshopError: Node or npm is missing, or Node is too old.
    """
    needed = ".".join(map(str, NODE))
    answer = output_of(["node", "--version"])
    if answer is None:
        raise WorkshopError(f"Node {needed} or newer is needed, and no `node` is on PATH.")
    match = re.match(r"v(\d+)\.(\d+)", answer)
    if match is None or (int(match[1]), int(match[2])) < NODE:
        raise WorkshopError(f"Node {needed} or newer is needed; `node --version` says {answer}.")
    if shutil.which("npm") is None:
        raise WorkshopError("`npm` is not on PATH; it comes with Node, on Debian as package `npm`.")
    return answer.lstrip("v")

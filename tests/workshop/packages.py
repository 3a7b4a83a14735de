"""Makes virtual environments and puts packages in: with uv where it can be had, else with pip."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.workshop.shell import TOOLS, WorkshopError, output_of, run, step
from tests.workshop.toolchain import PYTHONS

# pip's settings that uv knows by another name: a machine configured for pip alone must do.
_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
# peewee 3.18 comes as source, and compiles an SQLite extension that nobody here uses when it can.
_BUILD = {"NO_SQLITE": "1"}
_HINT = (
    "Neither uv nor a working pip or venv was found for {python}. Install one of them, "
    "for example with `apt-get install python3-venv` or `apt-get install python3-pip`."
)


class Installer:
    """Creates environments from one Python and installs into them."""

    def __init__(self, python: Path) -> None:
        self.python = python
        self._uv = shutil.which("uv") or _private_uv(python)
        self._env = {**_BUILD, **(_uv_environment(python) if self._uv else {})}

    @property
    def name(self) -> str:
        """ "uv" or "pip", whichever does the work."""
        return "uv" if self._uv else "pip"

    def make_environment(self, folder: Path) -> None:
        """Create the virtual environment unless a working one of a fitting Python is there."""
        answer = output_of([python_of(folder), "-c", "import sys; print(*sys.version_info[:2])"])
        if answer is not None and tuple(map(int, answer.split())) in PYTHONS:
            return
        if self._uv:
            run([self._uv, "venv", "--clear", "--python", self.python, folder], env=self._env)
        else:
            run([self.python, "-m", "venv", "--clear", folder])

    def install(self, folder: Path, arguments: Sequence[str]) -> None:
        """Install into the environment; the arguments are those of `pip install`."""
        if self._uv:
            where = ["--python", str(python_of(folder))]
            run([self._uv, "pip", "install", *where, *arguments], env=self._env)
        else:
            pip = [str(python_of(folder)), "-m", "pip", "install", "--no-input"]
            run([*pip, *arguments], env=self._env)


def python_of(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / "bin" / "python"


def _private_uv(python: Path) -> str | None:
    """uv of our own below .tools, fetched from the configured index; None where that fails.

    `pip install --target` needs no virtual environment, which Debian's Python cannot make without
    its package python3-venv; a Python without pip can make one only where ensurepip is there.
    """
    uv = TOOLS / "uv" / "bin" / "uv"
    if output_of([uv, "--version"]):
        return str(uv)
    has_pip = output_of([python, "-m", "pip", "--version"]) is not None
    has_venv = output_of([python, "-c", "import ensurepip, venv"]) is not None
    if not has_pip and not has_venv:
        raise WorkshopError(_HINT.format(python=python))
    try:
        with step("fetching uv into .tools"):
            if has_pip:
                target = ["--target", str(TOOLS / "uv"), "--upgrade"]
                run([python, "-m", "pip", "install", "--no-input", *target, "uv"])
            else:
                run([python, "-m", "venv", "--clear", TOOLS / "uv"])
                run([python_of(TOOLS / "uv"), "-m", "pip", "install", "--no-input", "uv"])
    except WorkshopError:
        if not has_venv:
            raise
        return None
    return str(uv)


def _uv_environment(python: Path) -> dict[str, str]:
    """What uv needs to reach the same index as the machine's pip, without fetching a Python."""
    env = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    if not any(name in os.environ for name in _INDEX):
        index = _pip_setting(python, "index-url")
        if index:
            env["UV_DEFAULT_INDEX"] = index
    if "SSL_CERT_FILE" not in os.environ:
        certificate = _pip_setting(python, "cert")
        if certificate:
            env["SSL_CERT_FILE"] = certificate
    return env


def _pip_setting(python: Path, name: str) -> str | None:
    """A setting of pip from its environment variable or its files; None where it has none."""
    variable = "PIP_" + name.upper().replace("-", "_")
    if variable in os.environ:
        return os.environ[variable]
    return output_of([python, "-m", "pip", "config", "get", f"global.{name}"])

"""``focus-validator``, the FinOps Foundation's own judge of FOCUS files, in its own environment.

It wants Python 3.12 and other versions than the host pins. Whoever has no Python 3.12, or cannot
reach the index, does without it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.workshop import stamps
from tests.workshop.packages import Installer, python_of
from tests.workshop.shell import TOOLS, WorkshopError, output_of

ENVIRONMENT = TOOLS / "focus"
# Its NumPy is older than what a newer pyarrow takes.
_PACKAGES = ("focus-validator>=2.2", "pyarrow<21")
# What of the specification's options holds for us; the rules of others are left out.
_CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "TAGGING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
_FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/*/bin", "/opt/hostedtoolcache/Python/3.12*/*/bin")
_ASK = "import sys; print(*sys.version_info[:2], sys._base_executable)"


@dataclass(frozen=True)
class Judgement:
    """How many rules passed, and the names of those that did not."""

    passed: int
    failed: tuple[str, ...]


def find_judge() -> Path:
    """Its program, installed where it is not. Raises ``WorkshopError`` with the reason."""
    python = _python_3_12()
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "focus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        expected = stamps.digest(words=_PACKAGES)
        if not stamps.is_current(ENVIRONMENT, expected):
            installer = Installer(python)
            installer.make_environment(ENVIRONMENT)
            installer.install(ENVIRONMENT, _PACKAGES)
            stamps.put(ENVIRONMENT, expected)
    return ENVIRONMENT / "bin" / "focus-validator"


def version_of(judge: Path) -> str:
    ask = "from importlib.metadata import version; print(version('focus-validator'))"
    return output_of([python_of(judge.parents[1]), "-c", ask]) or "unknown"


def judge(program: Path, file: Path) -> Judgement:
    """What it says of a file; it downloads nothing."""
    [packages] = program.parents[1].glob("lib/python*/site-packages")
    done = subprocess.run(
        [
            program,
            *("--data-file", file),
            *("--validate-version", "1.2"),
            *("--focus-dataset", "CostAndUsage"),
            *("--applicability-criteria", ",".join(_CRITERIA)),
            "--block-download",
        ],
        # It looks for its list of currencies from where it is started.
        cwd=packages,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    total = re.search(r"Pass: (\d+)", done.stdout)
    if total is None:
        raise AssertionError(f"the judge did not judge: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    failed = re.findall(r"(\S+): FAIL ", done.stdout)
    return Judgement(int(total[1]), tuple(sorted(failed)))


def _python_3_12() -> Path:
    for candidate in _candidates():
        answer = output_of([candidate, "-c", _ASK])
        if answer is not None and answer.startswith("3 12 "):
            return Path(answer.split(" ", 2)[2])
    raise WorkshopError("no Python 3.12 was found on PATH, below pyenv's or in the usual folders")


def _candidates() -> Iterator[str]:
    found = shutil.which("python3.12")
    if found:
        yield found
    folders = [*_FOLDERS, f"{Path.home()}/.pyenv/versions/3.12*/bin"]
    folders.append(f"{Path.home()}/.local/share/uv/python/*3.12*/bin")
    for folder in folders:
        yield from map(str, sorted(Path("/").glob(f"{folder[1:]}/python3.12")))

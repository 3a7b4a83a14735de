"""What we are compared with, each in an environment of its own: its pins never touch ours."""

import fcntl
from collections.abc import Sequence
from pathlib import Path

from tests.workshop import stamps
from tests.workshop.packages import Installer, python_of
from tests.workshop.shell import TOOLS, output_of, step
from tests.workshop.toolchain import find_python

__all__ = ["rival_python", "version_of"]


def rival_python(name: str, *installs: Sequence[str]) -> Path:
    """The interpreter of ``.tools/NAME``, made first where it is missing.

    Each of ``installs`` is what ``pip install`` is told. Raises ``WorkshopError`` with the reason,
    such as a package index that cannot be reached.
    """
    folder = TOOLS / name
    expected = stamps.digest(words=[word for install in installs for word in install])
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamps.is_current(folder, expected):
            installer = Installer(find_python())
            with step(f".tools/{name}: {installs[0][-1]}, by {installer.name}"):
                installer.make_environment(folder)
                for install in installs:
                    installer.install(folder, install)
            stamps.put(folder, expected)
    return python_of(folder)


def version_of(python: Path, distribution: str) -> str:
    ask = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    return output_of([python, "-c", ask]) or "of unknown version"

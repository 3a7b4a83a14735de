"""Commands of the installer: quiet while they work, loud when they fail.

Standard library only, and readable by an old Python, so that the installer can say what is wrong
on a machine where nothing fits yet.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
LOG = TOOLS / "install.log"


class WorkshopError(Exception):
    """Something is missing or failed; the text says what, and what to do about it."""


def say(text: str) -> None:
    """Print one progress line at once, also into a pipe."""
    print(text, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Announce a piece of work and tell how long it took."""
    say(f"  … {what}")
    began = time.monotonic()
    yield
    say(f"  ✓ {what} ({time.monotonic() - began:.0f} s)")


def run(
    command: Sequence[str | Path], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> None:
    """Run a command without input, its output in the log; raise with the output's end."""
    TOOLS.mkdir(exist_ok=True)
    words = [str(word) for word in command]
    with LOG.open("a+b") as log:
        log.write(f"\n$ {' '.join(words)}\n".encode())
        log.flush()
        began = log.tell()
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            log.seek(began)
            tail = log.read().decode(errors="replace").splitlines()[-25:]
            raise WorkshopError(
                "\n".join([f"`{' '.join(words)}` failed ({done.returncode}):", *tail, f"see {LOG}"])
            )


def output_of(command: Sequence[str | Path], *, timeout: float = 30) -> str | None:
    """What a command printed, stripped; None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()


def fail(error: WorkshopError) -> int:
    """Tell the error on standard error; the exit status of the installer."""
    print(f"install: {error}", file=sys.stderr, flush=True)
    return 1

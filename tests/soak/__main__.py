"""`make soak`: progress and what is wrong on stderr, the figures as the last line of stdout."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence

from tests.host.theatre import borrowed_theatre
from tests.soak.course import run_soak
from tests.soak.plan import plan_of
from tests.workshop.memory import roomy_folder


def main(arguments: Sequence[str]) -> int:
    """0 when every book agrees, 1 when one does not, 2 for an argument that cannot be used."""
    plan = plan_of(arguments)
    folder = roomy_folder()
    if folder and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None
    with borrowed_theatre() as theatre:
        outcome = run_soak(plan, theatre)
    for violation in outcome.verdict.violations:
        print(f"violated: {violation}", file=sys.stderr)  # noqa: T201 - the command's own words
    print(json.dumps(outcome.figures), flush=True)  # noqa: T201
    return 1 if outcome.verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

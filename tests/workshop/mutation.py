"""How much of the pure code of money, holds and sealing the tests would notice a change in.

    python3 tests/workshop/mutation.py

mutmut changes one thing at a time and runs the tests that reach it. Which files and which tests is
said in setup.cfg; the score is the share of changes that some test noticed. Ends with 1 below 90 %.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

if not __package__:
    # Started by its path, Python looks for modules beside this file instead of in the checkout.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.workshop.packages import python_of
from tests.workshop.shell import ROOT, TOOLS, say

ENVIRONMENT = TOOLS / "mutation"
_STATISTICS = ROOT / "mutants" / "mutmut-cicd-stats.json"
_ENOUGH = 90


def main() -> int:
    mutmut = [str(python_of(ENVIRONMENT)), "-m", "mutmut"]
    for command in ("run", "export-cicd-stats"):
        done = subprocess.run([*mutmut, command], cwd=ROOT, check=False)
        if done.returncode:
            return done.returncode
    counts: dict[str, int] = json.loads(_STATISTICS.read_text())
    # A change that never ends is noticed too.
    noticed, total = counts["killed"] + counts["timeout"], counts["total"]
    say(f"{noticed} of {total} changes noticed: {noticed * 100 / total:.1f} % (to hold: {_ENOUGH})")
    return 0 if noticed * 100 >= total * _ENOUGH > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
